import { isId } from '../../domain/id.ts'
import type { ManagementKey, ManagementKeyStore } from '../../domain/management-key.ts'
import { StoreConflict } from '../../domain/ports.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { instant } from '../database.ts'
import type { Database } from '../database.ts'
import { recordChanges } from './changes.ts'

/** Never the digest: nothing that shows a key needs it. */
const columns = 'id, name, start, role, created_by, created_at, expires_at, revoked_at, last_used_at'

interface ManagementKeyRow {
  id: string
  name: string
  start: string
  role: ManagementKey['role']
  created_by: string
  created_at: number
  expires_at: number
  revoked_at: number | null
  last_used_at: number | null
}

/** Statements about management keys. */
export function managementKeyQueries(database: Database): ManagementKeyStore {
  async function findOne(condition: string, value: string | Buffer): Promise<ManagementKey | null> {
    const [row] = await database.query<ManagementKeyRow>(
      `SELECT ${columns} FROM postern.management_keys WHERE ${condition}`,
      [value],
    )
    return row === undefined ? null : managementKey(row)
  }

  return {
    create: (key, digest) =>
      database.transaction(async (queries) => {
        await queries.query(
          `INSERT INTO postern.management_keys (
             id, name, start, hashed_token, role, created_by, created_at, expires_at, revoked_at, last_used_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
          [
            ...[key.id, key.name, key.start, digest, key.role, key.createdBy, instant(key.createdAt)],
            ...[instant(key.expiresAt), instant(key.revokedAt), instant(key.lastUsedAt)],
          ],
        )
        await recordChanges(queries, [
          {
            actor: key.createdBy,
            subjectKind: 'management-key',
            subjectId: key.id,
            what: 'created',
            reason: null,
            at: key.createdAt,
          },
        ])
      }),

    list: async ({ cursor, limit }) => {
      const rows = await database.query<ManagementKeyRow>(
        `SELECT ${columns} FROM postern.management_keys WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
        [cursor === undefined ? null : readCursor(cursor), limit + 1],
      )
      return pageOf(rows.map(managementKey), limit, ({ id }) => id)
    },

    find: async (id) => (isId(id) ? findOne('id = $1', id) : null),

    findByDigest: (digest) => findOne('hashed_token = $1', digest),

    revoke: (id, { actor, reason, at }) =>
      database.transaction(async (queries) => {
        const updated = isId(id)
          ? await queries.query<ManagementKeyRow>(
              `UPDATE postern.management_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
               RETURNING ${columns}`,
              [id, instant(at)],
            )
          : []
        if (updated[0] !== undefined) {
          const change = { subjectKind: 'management-key', subjectId: id, what: 'revoked' } as const
          await recordChanges(queries, [{ ...change, actor, reason, at }])
          return managementKey(updated[0])
        }
        const [row] = isId(id)
          ? await queries.query<ManagementKeyRow>(
              `SELECT ${columns} FROM postern.management_keys WHERE id = $1`,
              [id],
            )
          : []
        if (row === undefined) throw new StoreConflict('not_found', 'there is no management key of this id')
        return managementKey(row)
      }),

    noteUse: async (id, at) => {
      await database.query(
        `UPDATE postern.management_keys SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`,
        [id, instant(at)],
      )
    },
  }
}

function managementKey(row: ManagementKeyRow): ManagementKey {
  return {
    id: row.id,
    name: row.name,
    start: row.start,
    role: row.role,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}
