import { isId, newId } from '../domain/id.ts'
import {
  isManagementKeyLive,
  newManagementToken,
  readManagementToken,
  type ManagementKey,
  type ManagementKeyStore,
} from '../domain/management-key.ts'
import { StoreConflict, type Clock, type Page } from '../domain/ports.ts'
import { hashToken, startOfToken } from '../domain/service-key.ts'
import { expiryAt, type LifePolicy } from './expiry.ts'
import { KeysRefused } from './refused.ts'
import { nameOf } from './text.ts'

/** All that can be done about management keys: they open the admin API and no route of the gateway. */
export interface ManagementKeys {
  /** The token is in this answer and nowhere else, ever. */
  create(input: NewManagementKey, actor: string): Promise<{ key: ManagementKey; token: string }>
  /** Newest first. */
  list(page: { cursor?: string; limit: number }): Promise<Page<ManagementKey>>
  /** It opens nothing from now on. */
  revoke(id: string, actor: string): Promise<ManagementKey>
  /** The key of a token; null for anything that opens nothing now. It is looked up each time. */
  authenticate(token: string): Promise<ManagementKey | null>
}

export interface NewManagementKey {
  name: string
  role: ManagementKey['role']
  /** As that of a service key. */
  expires?: string
}

const noteUseEveryMs = 3_600_000

/** The management keys over a store. Throws {@link KeysRefused} for what the rules refuse. */
export function createManagementKeys({
  store,
  clock,
  policy,
  onNoteFailed,
}: {
  store: ManagementKeyStore
  clock: Pick<Clock, 'now'>
  policy: LifePolicy
  /** Called where a use could not be recorded: the request goes on. */
  onNoteFailed: (error: unknown) => void
}): ManagementKeys {
  return {
    async create({ name, role, expires }, actor) {
      const now = clock.now()
      const token = newManagementToken()
      const key: ManagementKey = {
        id: newId(now),
        name: nameOf(name),
        start: startOfToken(token),
        role,
        createdBy: actor,
        createdAt: now,
        expiresAt: expiryAt(expires, policy, now),
        revokedAt: null,
        lastUsedAt: null,
      }
      await store.create(key, hashToken(token))
      return { key, token }
    },

    list: async (page) => await store.list(page),

    async revoke(id, actor) {
      const found = isId(id) ? await store.find(id) : null
      if (found === null) throw noSuchManagementKey()
      if (found.revokedAt !== null)
        throw new KeysRefused('already_revoked', 'id', 'this management key is revoked already')
      try {
        return await store.revoke(id, { actor, reason: null, at: clock.now() })
      } catch (error) {
        if (error instanceof StoreConflict && error.code === 'not_found') throw noSuchManagementKey()
        throw error
      }
    },

    async authenticate(token) {
      const hashed = readManagementToken(token)
      const key = hashed === null ? null : await store.findByDigest(hashed)
      const now = clock.now()
      if (key === null || !isManagementKeyLive(key, now)) return null
      // Not each time: it would be a write for each request.
      if (key.lastUsedAt === null || now - key.lastUsedAt >= noteUseEveryMs)
        await store.noteUse(key.id, now).catch(onNoteFailed)
      return key
    },
  }
}

function noSuchManagementKey(): KeysRefused {
  return new KeysRefused('not_found', 'id', 'no management key has this id')
}
