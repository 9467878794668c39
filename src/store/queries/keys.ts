import { isId } from '../../domain/id.ts'
import { StoreConflict } from '../../domain/ports.ts'
import type { KeyStore, KeyWithUser } from '../../domain/ports.ts'
import type { ServiceKey } from '../../domain/service-key.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { instant, violates } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { recordChange } from './changes.ts'
import { serviceUserColumns, serviceUserOf } from './service-users.ts'
import type { ServiceUserRow } from './service-users.ts'

type KeyQueries = Pick<KeyStore, 'createKey' | 'listKeys' | 'findKey' | 'revokeKey'>

// Never the digest: nothing that shows a key needs it.
const selectKeys = `
  SELECT k.id, k.service_user_id, k.name, k.start, k.grants, k.created_by, k.created_at, k.expires_at,
         k.retires_at, k.revoked_at, k.revoked_reason, k.predecessor_id, k.last_used_at, ${serviceUserColumns}
  FROM postern.service_api_keys k JOIN postern.service_users u ON u.id = k.service_user_id`

interface KeyRow extends ServiceUserRow {
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
  last_used_at: number | null
}

/** Statements about service keys. */
export function keyQueries(database: Database): KeyQueries {
  return {
    createKey: (key, digest) =>
      database.transaction(async (queries) => {
        await insertKey(queries, key, digest)
        await recordChange(queries, {
          actor: key.createdBy,
          subjectKind: 'service-key',
          subjectId: key.id,
          what: 'created',
          reason: null,
          at: key.createdAt,
        })
      }),

    listKeys: async ({ serviceUserId, cursor, limit }) => {
      if (serviceUserId !== undefined && !isId(serviceUserId)) return { data: [], nextCursor: null }
      const rows = await database.query<KeyRow>(
        `${selectKeys}
         WHERE ($1::uuid IS NULL OR k.service_user_id = $1) AND ($2::uuid IS NULL OR k.id < $2)
         ORDER BY k.id DESC LIMIT $3`,
        [serviceUserId ?? null, cursor === undefined ? null : readCursor(cursor), limit + 1],
      )
      return pageOf(rows.map(keyWithUser), limit, ({ key }) => key.id)
    },

    findKey: (id) => findKey(database, id),

    revokeKey: (id, end) =>
      database.transaction(async (queries) => {
        const revoked = isId(id)
          ? await queries.query(
              `UPDATE postern.service_api_keys SET revoked_at = $2, revoked_reason = $3
               WHERE id = $1 AND revoked_at IS NULL RETURNING id`,
              [id, instant(end.at), end.reason],
            )
          : []
        const found = await findKey(queries, id)
        if (found === null) throw new StoreConflict('not_found', 'there is no key of this id')
        if (revoked.length === 0) throw new StoreConflict('already_revoked', 'the key was revoked before')
        await recordChange(queries, {
          actor: end.actor,
          subjectKind: 'service-key',
          subjectId: id,
          what: 'revoked',
          reason: end.reason,
          at: end.at,
        })
        return found
      }),
  }
}

async function insertKey(queries: Queries, key: ServiceKey, digest: Buffer): Promise<void> {
  try {
    await queries.query(
      `INSERT INTO postern.service_api_keys (
         id, service_user_id, hashed_token, expires_at, revoked_at, revoked_reason, retires_at, predecessor_id,
         start, name, grants, created_by, created_at, last_used_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, $14)`,
      [
        key.id,
        key.serviceUserId,
        digest,
        instant(key.expiresAt),
        instant(key.revokedAt),
        key.revokedReason,
        instant(key.retiresAt),
        key.predecessorId,
        key.start,
        key.name,
        JSON.stringify(key.grants),
        key.createdBy,
        instant(key.createdAt),
        instant(key.lastUsedAt),
      ],
    )
  } catch (error) {
    if (violates(error, 'service_api_keys_service_user_exists'))
      throw new StoreConflict('not_found', 'there is no service user of this id')
    throw error
  }
}

async function findKey(queries: Queries, id: string): Promise<KeyWithUser | null> {
  if (!isId(id)) return null
  const [row] = await queries.query<KeyRow>(`${selectKeys} WHERE k.id = $1`, [id])
  return row === undefined ? null : keyWithUser(row)
}

function keyWithUser(row: KeyRow): KeyWithUser {
  return {
    key: {
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
      lastUsedAt: row.last_used_at,
    },
    user: serviceUserOf(row),
  }
}
