import { isId } from '../../domain/id.ts'
import type { KeyStore, VersionedKey } from '../../domain/key-store.ts'
import type { ServiceKey } from '../../domain/service-key.ts'
import type { Database } from '../database.ts'
import { serviceUserColumns, serviceUserOf, versionOf } from './service-users.ts'
import type { ServiceUserRow } from './service-users.ts'

/** The columns of a key under `k.`. Never the digest: nothing that shows a key needs it. */
export const keyColumns = `
  k.id, k.service_user_id, k.name, k.start, k.grants, k.created_by, k.created_at, k.expires_at, k.retires_at,
  k.revoked_at, k.revoked_reason, k.predecessor_id, k.minted_by, k.family_ends_at, k.last_used_at`

export interface KeyRow {
  id: string
  service_user_id: string
  name: string
  start: string
  grants: ServiceKey['grants']
  created_by: string
  created_at: number
  expires_at: number
  retires_at: number | null
  revoked_at: number | null
  revoked_reason: string | null
  predecessor_id: string | null
  minted_by: string | null
  family_ends_at: number | null
  last_used_at: number | null
}

/** A key from a row with {@link keyColumns}. */
export function keyOf(row: KeyRow): ServiceKey {
  return {
    id: row.id,
    serviceUserId: row.service_user_id,
    name: row.name,
    start: row.start,
    grants: row.grants,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    retiresAt: row.retires_at,
    revokedAt: row.revoked_at,
    revokedReason: row.revoked_reason,
    predecessorId: row.predecessor_id,
    mintedBy: row.minted_by,
    familyEndsAt: row.family_ends_at,
    lastUsedAt: row.last_used_at,
  }
}

/** The columns of a key under `k.` with its service user under `u.` and its version. */
export const versionedKeyColumns = `${keyColumns}, ${serviceUserColumns}, ${versionOf('k.id')} AS version`

const selectKeys = `
  SELECT ${versionedKeyColumns}
  FROM postern.service_api_keys k JOIN postern.service_users u ON u.id = k.service_user_id`

export type VersionedKeyRow = KeyRow & ServiceUserRow & { version: number }

/** Statements that read one key. */
export function keyQueries(database: Database): Pick<KeyStore, 'findKey' | 'findSuccessor'> {
  async function findOne(condition: string, id: string): Promise<VersionedKey | null> {
    if (!isId(id)) return null
    const [row] = await database.query<VersionedKeyRow>(`${selectKeys} WHERE ${condition}`, [id])
    return row === undefined ? null : versionedKey(row)
  }

  return {
    findKey: (id) => findOne('k.id = $1', id),

    findSuccessor: (id) => findOne('k.predecessor_id = $1 AND k.revoked_at IS NULL', id),
  }
}

/** From a row of {@link versionedKeyColumns}. */
export function versionedKey(row: VersionedKeyRow): VersionedKey {
  return { key: keyOf(row), user: serviceUserOf(row), version: row.version }
}
