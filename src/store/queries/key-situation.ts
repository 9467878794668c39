import { isId } from '../../domain/id.ts'
import { StoreConflict } from '../../domain/ports.ts'
import type { IdempotencyKey, KeySituation, KeyStore, Remembered } from '../../domain/key-store.ts'
import { instant } from '../database.ts'
import type { Queries } from '../database.ts'
import { keyColumns, keyOf } from './keys.ts'
import type { KeyRow } from './keys.ts'
import { serviceUserColumns, serviceUserOf, versionOf } from './service-users.ts'
import type { ServiceUserRow } from './service-users.ts'
import { isUse } from './usage.ts'

type Subject = Parameters<KeyStore['changeKeys']>[0]

/**
 * What is there, behind the locks that keep it so until the commit: of the service user against other changes, of
 * its keys' schedule against sweeps. Neither is waited for by lookups or by the trail's updates of last uses.
 */
export async function lockedSituation(
  queries: Queries,
  subject: Subject,
  asked: { at: number; idempotencyKey?: IdempotencyKey },
): Promise<KeySituation> {
  const user = await lockUser(queries, subject)
  await queries.query(
    `SELECT s.key_id FROM postern.key_schedule s JOIN postern.service_api_keys k ON k.id = s.key_id
     WHERE k.service_user_id = $1 ORDER BY s.key_id FOR UPDATE OF s`,
    [user.user_id],
  )
  // From here on, each statement sees all that was committed before the locks were had.
  const related = 'keyId' in subject ? await relatedKeys(queries, subject.keyId) : []
  const one = (role: Role): KeySituation['key'] => {
    const row = related.find((each) => each.role === role)
    return row === undefined ? null : keyOf(row)
  }
  return {
    user: serviceUserOf(user),
    key: one('key'),
    predecessor: one('predecessor'),
    successor: await withLastUse(queries, one('successor')),
    minted: related.filter(({ role }) => role === 'minted').map(keyOf),
    line: related.filter(({ role }) => role === 'line').map(keyOf),
    activeKeys: await countActive(queries, user.user_id, asked.at),
    remembered: asked.idempotencyKey === undefined ? null : await remembered(queries, asked.idempotencyKey),
    version: await versionNow(queries, 'keyId' in subject ? subject.keyId : user.user_id),
  }
}

async function lockUser(queries: Queries, subject: Subject): Promise<ServiceUserRow> {
  const [id, condition] =
    'keyId' in subject
      ? [subject.keyId, 'u.id = (SELECT service_user_id FROM postern.service_api_keys WHERE id = $1)']
      : [subject.serviceUserId, 'u.id = $1']
  const [user] = isId(id)
    ? await queries.query<ServiceUserRow>(
        `SELECT ${serviceUserColumns} FROM postern.service_users u WHERE ${condition} FOR NO KEY UPDATE OF u`,
        [id],
      )
    : []
  if (user === undefined)
    throw new StoreConflict(
      'not_found',
      `there is no ${'keyId' in subject ? 'key' : 'service user'} of this id`,
    )
  return user
}

type Role = 'key' | 'predecessor' | 'successor' | 'minted' | 'line'

/** What was minted by a key that is revoked itself counts too. */
function relatedKeys(queries: Queries, keyId: string): Promise<(KeyRow & { role: Role })[]> {
  return queries.query<KeyRow & { role: Role }>(
    `WITH RECURSIVE family (id) AS (
       SELECT id FROM postern.service_api_keys WHERE minted_by = $1
       UNION
       SELECT k.id FROM family JOIN postern.service_api_keys k ON k.minted_by = family.id
     ), line (id) AS (
       SELECT id FROM postern.service_api_keys
       WHERE predecessor_id = (SELECT coalesce(predecessor_id, id) FROM postern.service_api_keys WHERE id = $1)
       UNION
       SELECT k.id FROM line JOIN postern.service_api_keys k ON k.predecessor_id = line.id
     ), related (role, id) AS (
       SELECT 'key', $1::uuid
       UNION ALL SELECT 'predecessor', predecessor_id FROM postern.service_api_keys WHERE id = $1
       UNION ALL SELECT 'successor', id FROM postern.service_api_keys
                 WHERE predecessor_id = $1 AND revoked_at IS NULL
       UNION ALL SELECT 'minted', id FROM family
       UNION ALL SELECT 'line', id FROM line
     )
     SELECT related.role, ${keyColumns}
     FROM related JOIN postern.service_api_keys k ON k.id = related.id
     WHERE related.role <> 'minted' OR k.revoked_at IS NULL
     ORDER BY k.id`,
    [keyId],
  )
}

/** The column is a little behind, and stays so where a node was killed; the trail is not. */
async function withLastUse(queries: Queries, key: KeySituation['key']): Promise<KeySituation['key']> {
  if (key === null || key.lastUsedAt !== null) return key
  const [used] = await queries.query<{ last_at: number }>(
    `SELECT c.last_at FROM postern.trail_calls c WHERE c.key_id = $1 AND ${isUse} ORDER BY c.id DESC LIMIT 1`,
    [key.id],
  )
  return used === undefined ? key : { ...key, lastUsedAt: used.last_at }
}

async function countActive(queries: Queries, serviceUserId: string, at: number): Promise<number> {
  const [row] = await queries.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM postern.service_api_keys
     WHERE service_user_id = $1 AND revoked_at IS NULL AND retires_at IS NULL AND expires_at > $2`,
    [serviceUserId, instant(at)],
  )
  return row?.count ?? 0
}

async function versionNow(queries: Queries, id: string): Promise<number> {
  const [row] = await queries.query<{ version: number }>(`SELECT ${versionOf('$1')} AS version`, [id])
  return row?.version ?? 0
}

async function remembered(queries: Queries, { actor, key }: IdempotencyKey): Promise<Remembered | null> {
  const [row] = await queries.query<{ request: Buffer; subject_id: string }>(
    'SELECT request, subject_id FROM postern.idempotency_keys WHERE actor = $1 AND key = $2',
    [actor, key],
  )
  return row === undefined ? null : { request: row.request, subjectId: row.subject_id }
}
