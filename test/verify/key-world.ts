import type { ChangedSubject, KeyLookup, StoredKey } from '../../src/domain/ports.ts'
import type { ChangeKind } from '../../src/domain/key-store.ts'
import { pollLimit, StoreUnavailable } from '../../src/domain/ports.ts'
import { newToken, hashToken } from '../../src/domain/service-key.ts'
import type { UnknownKeys } from '../../src/verify/unknown-keys.ts'

/** For tests of anything but its limits. */
export const allUnknown: UnknownKeys = { refusal: () => null, learned: () => {} }

/** A lookup or poll under way: what it read is settled, and when it arrives is the test's to say. */
export interface InFlight {
  arrive(): void
  fail(error: Error): void
}

/** Keys in memory behind the verify room's port, with snapshots and epochs as the real stores have them. */
export interface KeyWorld extends KeyLookup {
  readonly keys: Map<string, StoredKey>
  epoch(): number
  /** Makes a key; its token is valid. */
  create(fields?: Partial<StoredKey>): { token: string; key: StoredKey }
  revoke(id: string, at: number): void
  /** Sets the counter back, as a restored backup would. What is changed then is another history. */
  restoreTo(epoch: number): void
  /** The database's id. */
  databaseId: string
  /** An administrator knows of the restore. */
  acknowledgeRestore(atLeast: number): void
  /** Every lookup and poll fails from now on, or no longer. */
  isAway: boolean
  /** How many digests each lookup so far was asked for. */
  readonly lookups: number[]
  polls: number
  /** Where set, lookups and polls take their snapshot at once and arrive when told to. */
  holdLookups: boolean
  holdPolls: boolean
  readonly heldLookups: InFlight[]
  readonly heldPolls: InFlight[]
  /** The most lookups that were under way at once. */
  mostAtOnce: number
}

export function createKeyWorld(): KeyWorld {
  let epoch = 10
  let nextId = 1
  let lookupsUnderWay = 0
  let restoredEpoch = 0
  let restores = 0
  let changes: ChangedSubject[] = []
  const marks = new Map<number, string>()

  function change(subjectId: string, what: ChangeKind): void {
    changes.push({ epoch: ++epoch, subjectKind: 'service-key', subjectId, what })
    marks.set(epoch, `${subjectId} ${what} ${restores}`)
  }

  function hold<T>(answer: T, isHeld: boolean, held: InFlight[]): Promise<T> {
    if (!isHeld) return Promise.resolve(answer)
    return new Promise((resolve, reject) => {
      held.push({ arrive: () => resolve(answer), fail: reject })
    })
  }

  const world: KeyWorld = {
    keys: new Map(),
    isAway: false,
    lookups: [],
    polls: 0,
    holdLookups: false,
    holdPolls: false,
    heldLookups: [],
    heldPolls: [],
    mostAtOnce: 0,
    epoch: () => epoch,
    databaseId: 'a-database',
    restoreTo(to) {
      epoch = to
      restores++
      changes = changes.filter((entry) => entry.epoch <= to)
      for (const of of marks.keys()) if (of > to) marks.delete(of)
    },
    acknowledgeRestore(atLeast) {
      epoch = Math.max(epoch, atLeast) + 1
      restoredEpoch = epoch
      marks.set(epoch, 'acknowledged')
    },
    create(fields = {}) {
      const token = newToken('pst')
      const key: StoredKey = {
        id: `key-${nextId++}`,
        digest: hashToken(token),
        serviceUserId: 'user-1',
        customer: null,
        grants: {},
        expiresAt: Number.MAX_SAFE_INTEGER,
        retiresAt: null,
        revokedAt: null,
        userDisabledAt: null,
        ...fields,
      }
      world.keys.set(key.id, key)
      change(key.id, 'created')
      return { token, key }
    },
    revoke(id, at) {
      const key = world.keys.get(id)
      if (key === undefined) throw new Error(`no key ${id}`)
      world.keys.set(id, { ...key, revokedAt: at })
      change(id, 'revoked')
    },
    async lookup(digests) {
      world.lookups.push(digests.length)
      if (world.isAway) throw new StoreUnavailable('away')
      world.mostAtOnce = Math.max(world.mostAtOnce, ++lookupsUnderWay)
      const names = new Set(digests.map((digest) => digest.toString('hex')))
      const keys = [...world.keys.values()].filter((key) => names.has(key.digest.toString('hex')))
      try {
        return await hold({ epoch, keys }, world.holdLookups, world.heldLookups)
      } finally {
        lookupsUnderWay--
      }
    },
    async poll(since) {
      world.polls++
      if (world.isAway) throw new StoreUnavailable('away')
      const after = changes.filter((entry) => entry.epoch > since && entry.epoch <= epoch).slice(0, pollLimit)
      const history = {
        databaseId: world.databaseId,
        mark: marks.get(epoch) ?? null,
        sinceMark: marks.get(since) ?? null,
        restoredEpoch,
      }
      return hold({ epoch, changes: after, history }, world.holdPolls, world.heldPolls)
    },
  }
  return world
}

/** Lets everything that waits for nothing but promises run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
