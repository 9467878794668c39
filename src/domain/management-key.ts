import { managementPrefix, newToken, parseToken } from './service-key.ts'
import type { Page } from './ports.ts'

/** A key for automation: it opens the admin API and no route of the gateway. Times are epoch milliseconds. */
export interface ManagementKey {
  id: string
  name: string
  /** The token's first characters, for people to recognise a key by. */
  start: string
  role: 'admin' | 'auditor'
  createdBy: string
  createdAt: number
  expiresAt: number
  revokedAt: number | null
  lastUsedAt: number | null
}

/** A new token, in the form of a service key's under a prefix of its own. Its SHA-256 alone is kept. */
export function newManagementToken(): string {
  return newToken(managementPrefix)
}

/** The SHA-256 (32 bytes) of a management key's token; null, without I/O, for anything that isn't one. */
export function readManagementToken(token: string): Buffer | null {
  return parseToken(token, [managementPrefix])?.digest ?? null
}

/** Whether the key opens anything at `nowMs`. */
export function isManagementKeyLive(
  key: Pick<ManagementKey, 'expiresAt' | 'revokedAt'>,
  nowMs: number,
): boolean {
  return key.revokedAt === null && nowMs < key.expiresAt
}

/** Management keys, as they are kept. Each change writes its row in `changes` in the same transaction. */
export interface ManagementKeyStore {
  /** `digest`: SHA-256 of the token, 32 bytes. The change is by `key.createdBy`. */
  create(key: ManagementKey, digest: Buffer): Promise<void>
  /** Newest first. */
  list(page: { cursor?: string; limit: number }): Promise<Page<ManagementKey>>
  find(id: string): Promise<ManagementKey | null>
  /** From the primary, dead ones too. */
  findByDigest(digest: Buffer): Promise<ManagementKey | null>
  /** The key as it is then; a revoked one keeps its first revocation. Throws `not_found`. */
  revoke(id: string, by: { actor: string; reason: string | null; at: number }): Promise<ManagementKey>
  /** Records a use, unless a later one is recorded. */
  noteUse(id: string, at: number): Promise<void>
}
