import { keyState, refusalOf } from '../../src/domain/key-state.ts'
import type { Notice } from '../../src/domain/notice.ts'
import { StoreConflict } from '../../src/domain/ports.ts'
import type {
  Change,
  ChangePlan,
  IdempotencyKey,
  KeySituation,
  KeyStore,
  Remembered,
} from '../../src/domain/key-store.ts'
import { hashToken, type ServiceKey, type ServiceUser } from '../../src/domain/service-key.ts'

/** A store of maps, for properties over thousands of steps; the real ones prove themselves in `test/store`. */
export interface MemoryStore extends KeyStore {
  readonly keys: ReadonlyMap<string, ServiceKey>
  readonly notices: readonly Notice[]
  readonly schedule: ReadonlyMap<string, number | null>
  /** Whether a token opens anything at `now`, as verification would judge it. */
  opens(token: string, now: number): boolean
  /** What the trail and the tidy-up write to a key without a plan. */
  touch(id: string, parts: Partial<ServiceKey>): void
}

export function createMemoryStore(): MemoryStore {
  const users = new Map<string, ServiceUser>()
  const keys = new Map<string, ServiceKey>()
  const digests = new Map<string, string>()
  const changes: Change[] = []
  const notices: Notice[] = []
  const schedule = new Map<string, number | null>()
  const memory = new Map<string, Remembered>()
  const nameOf = ({ actor, key }: IdempotencyKey) => JSON.stringify([actor, key])

  function keyOf(id: string): ServiceKey {
    const key = keys.get(id)
    if (key === undefined) throw new StoreConflict('not_found', 'there is no key of this id')
    return key
  }

  function userOf(id: string): ServiceUser {
    const user = users.get(id)
    if (user === undefined) throw new StoreConflict('not_found', 'there is no service user of this id')
    return user
  }

  const successorOf = (id: string) =>
    [...keys.values()].find((key) => key.predecessorId === id && key.revokedAt === null) ?? null

  function mintedBy(id: string): ServiceKey[] {
    const children = [...keys.values()].filter((key) => key.mintedBy === id)
    return children.flatMap((child) => [child, ...mintedBy(child.id)])
  }

  function lineOf(id: string): ServiceKey[] {
    const children = [...keys.values()].filter((key) => key.predecessorId === id)
    return children.flatMap((child) => [child, ...lineOf(child.id)])
  }

  const versionOf = (id: string) => changes.findLast(({ subjectId }) => subjectId === id)?.epoch ?? 0

  const versioned = (user: ServiceUser) => ({ ...user, version: versionOf(user.id) })

  function situationOf(
    keyId: string | null,
    userId: string,
    at: number,
    asked?: IdempotencyKey,
  ): KeySituation {
    const key = keyId === null ? null : keyOf(keyId)
    const isActive = ({ serviceUserId, revokedAt, retiresAt, expiresAt }: ServiceKey) =>
      serviceUserId === userId && revokedAt === null && retiresAt === null && expiresAt > at
    return {
      user: userOf(userId),
      key,
      predecessor: key === null || key.predecessorId === null ? null : keyOf(key.predecessorId),
      successor: key === null ? null : successorOf(key.id),
      minted: key === null ? [] : mintedBy(key.id).filter(({ revokedAt }) => revokedAt === null),
      line: key === null ? [] : lineOf(key.predecessorId ?? key.id),
      activeKeys: [...keys.values()].filter(isActive).length,
      remembered: asked === undefined ? null : (memory.get(nameOf(asked)) ?? null),
      version: versionOf(keyId ?? userId),
    }
  }

  function carryOut(plan: ChangePlan, user: ServiceUser): void {
    for (const { id, name, grants, retiresAt, revoked, secret } of plan.updateKeys ?? []) {
      const key = {
        ...keyOf(id),
        ...(name === undefined ? {} : { name }),
        ...(grants === undefined ? {} : { grants }),
      }
      if (retiresAt !== undefined) key.retiresAt = retiresAt
      if (revoked !== undefined && key.revokedAt === null)
        Object.assign(key, { revokedAt: revoked.at, revokedReason: revoked.reason })
      if (secret !== undefined) {
        for (const [digest, of] of digests) if (of === id) digests.delete(digest)
        digests.set(secret.digest.toString('hex'), id)
        key.start = secret.start
      }
      keys.set(id, key)
    }
    for (const { key, digest } of plan.insertKeys ?? []) {
      keys.set(key.id, key)
      digests.set(digest.toString('hex'), key.id)
    }
    if (plan.updateUser !== undefined) users.set(user.id, { ...user, ...plan.updateUser })
    for (const change of plan.changes) changes.push({ ...change, epoch: changes.length + 1 })
    for (const notice of plan.notices ?? [])
      if (!notices.some(({ occasion }) => occasion === notice.occasion)) notices.push(notice)
    for (const [id, dueAt] of plan.schedule ?? []) schedule.set(id, dueAt)
    if (plan.remember !== undefined) memory.set(nameOf(plan.remember), plan.remember)
  }

  const withUser = (key: ServiceKey) => ({
    key,
    user: userOf(key.serviceUserId),
    version: versionOf(key.id),
  })
  const listed = (key: ServiceKey) => ({ ...withUser(key), calls30d: 0, refused30d: 0, days: [] })

  return {
    keys,
    notices,
    schedule,
    opens(token, now) {
      const id = digests.get(hashToken(token).toString('hex'))
      if (id === undefined) return false
      const { key, user } = withUser(keyOf(id))
      return refusalOf(keyState(key, user, now)) === null
    },
    touch: (id, parts) => void keys.set(id, { ...keyOf(id), ...parts }),
    createServiceUser: async (user) => void users.set(user.id, user),
    listServiceUsers: async () => ({ data: [...users.values()].map(versioned), nextCursor: null }),
    async findServiceUser(idOrName) {
      const user = [...users.values()].find(({ id, name }) => id === idOrName || name === idOrName)
      return user === undefined ? null : versioned(user)
    },
    async changeKeys(subject, { at, idempotencyKey }, decide) {
      const keyId = 'keyId' in subject ? subject.keyId : null
      const userId = 'keyId' in subject ? keyOf(subject.keyId).serviceUserId : subject.serviceUserId
      const situation = situationOf(keyId, userId, at, idempotencyKey)
      const { plan, result } = decide(situation)
      if (plan !== null) carryOut(plan, situation.user)
      return result
    },
    listKeys: async () => ({ data: [...keys.values()].map(listed), nextCursor: null }),
    findKey: async (id) => (keys.has(id) ? withUser(keyOf(id)) : null),
    async findSuccessor(id) {
      const successor = successorOf(id)
      return successor === null ? null : withUser(successor)
    },
    history: async (id) => changes.filter(({ subjectId }) => subjectId === id).toReversed(),
  }
}
