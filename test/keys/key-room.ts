import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyState, refusalOf } from '../../src/domain/key-state.ts'
import type { Store } from '../../src/domain/ports.ts'
import { hashToken } from '../../src/domain/service-key.ts'
import { createKeys, type Keys } from '../../src/keys/keys.ts'
import type { KeyPolicy } from '../../src/keys/parts.ts'
import { openPglite } from '../../src/store/store.ts'
import { policy } from './policy.ts'

export const actor = 'local:tester'

/** The keys room on an embedded database, with a clock that tests set. */
export interface KeyRoom {
  keys: Keys
  store: Store
  clock: { nowMs: number; now(): number }
  /** A service user's name. */
  newUser(): Promise<string>
  /** A key of a new service user. */
  newKey(input?: {
    expires?: string
    selfRotate?: true
  }): Promise<{ id: string; token: string; user: string }>
  /** Why a token opens nothing now, as verification would find; null where it opens. */
  refusal(token: string): Promise<string | null>
  /** The room under other rules. */
  under(other: Partial<KeyPolicy>): Keys
  close(): Promise<void>
}

export async function openKeyRoom(): Promise<KeyRoom> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'))
  const store = openPglite({ directory: join(directory, 'pglite'), schema: 'postern' })
  await store.migrate()
  const clock = { nowMs: Date.parse('2028-02-29T12:00:00Z'), now: () => clock.nowMs }
  const parts = { store: store.keys, trail: store.trail, clock, prefixes: ['pst'] } as const
  const keys = createKeys({ ...parts, policy })
  let count = 0
  const room: KeyRoom = {
    keys,
    store,
    clock,
    async newUser() {
      const input = { name: `bot-${(count += 1)}`, owner: 'team@example.com' }
      return (await keys.createServiceUser(input, actor)).name
    },
    async newKey(input = {}) {
      const user = await room.newUser()
      const { key, token } = await keys.issue({ serviceUser: user, ...input }, actor)
      return { id: key.key.id, token, user }
    },
    async refusal(token) {
      const [found] = (await store.lookups.lookup([hashToken(token)])).keys
      if (found === undefined) return 'unknown_key'
      return refusalOf(keyState(found, { disabledAt: found.userDisabledAt }, clock.nowMs))
    },
    under: (other) => createKeys({ ...parts, policy: { ...policy, ...other } }),
    async close() {
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return room
}
