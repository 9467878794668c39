import type { KeyWithUser } from '../../domain/key-store.ts'
import type { NoticeStore, SweepFinding } from '../../domain/notice-store.ts'
import type { ServiceKey } from '../../domain/service-key.ts'
import { instantArray, textArray, uuidArray } from '../array.ts'
import { collision, instant } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { recordChanges } from './changes.ts'
import { keyColumns, keyOf } from './keys.ts'
import type { KeyRow } from './keys.ts'
import { insertNotices } from './notices.ts'
import { setSchedule } from './schedule.ts'
import { serviceUserColumns, serviceUserOf } from './service-users.ts'
import type { ServiceUserRow } from './service-users.ts'

/** Who the history says ended a key whose overlap was over. */
const tidyUp = 'postern'

/** The statements of the sweep. */
export function sweepQuery(database: Database): Pick<NoticeStore, 'sweep'> {
  return {
    sweep: (at, limit, judge) =>
      database.transaction(async (queries) => {
        const due = await queries.query<{ key_id: string }>(
          `SELECT key_id FROM postern.key_schedule WHERE due_at <= $1 ORDER BY due_at LIMIT $2
           FOR UPDATE SKIP LOCKED`,
          [instant(at), limit],
        )
        if (due.length === 0) return 0
        // A change to one of these keys waits for their schedule, so what is read now holds until the commit.
        const found = await dueKeys(
          queries,
          due.map((row) => row.key_id),
        )
        const findings = judge(found)
        await insertNotices(
          queries,
          findings.flatMap(({ notices }) => notices),
        )
        await setSchedule(queries, new Map(findings.map(({ keyId, nextDueAt }) => [keyId, nextDueAt])))
        const retirable = new Set(found.filter(({ key }) => isOver(key, at)).map(({ key }) => key.id))
        await retire(
          queries,
          at,
          findings.filter(({ keyId }) => retirable.has(keyId)),
        )
        return due.length
      }),
  }
}

function isOver({ revokedAt, retiresAt }: ServiceKey, at: number): boolean {
  return revokedAt === null && retiresAt !== null && retiresAt <= at
}

type DueKey = KeyWithUser & { hasSuccessor: boolean }

async function dueKeys(queries: Queries, ids: readonly string[]): Promise<DueKey[]> {
  const rows = await queries.query<KeyRow & ServiceUserRow & { has_successor: boolean }>(
    `SELECT ${keyColumns}, ${serviceUserColumns}, EXISTS (
       SELECT 1 FROM postern.service_api_keys s WHERE s.predecessor_id = k.id AND s.revoked_at IS NULL
     ) AS has_successor
     FROM postern.service_api_keys k JOIN postern.service_users u ON u.id = k.service_user_id
     WHERE k.id = ANY ($1::uuid[])`,
    [uuidArray(ids)],
  )
  return rows.map((row) => ({
    key: keyOf(row),
    user: serviceUserOf(row),
    hasSuccessor: row.has_successor,
  }))
}

/** Last, and behind the counter: the keys' rows, which the trail updates too, are held for this statement only. */
async function retire(queries: Queries, at: number, findings: readonly SweepFinding[]): Promise<void> {
  const ending = findings.flatMap(({ keyId, retire: end }) => (end === null ? [] : [{ keyId, ...end }]))
  if (ending.length === 0) return
  await recordChanges(
    queries,
    ending.map(({ keyId, reason }) => ({
      actor: tidyUp,
      subjectKind: 'service-key',
      subjectId: keyId,
      what: 'retired',
      reason,
      at,
    })),
  )
  const retired = await queries.query(
    `WITH ending AS MATERIALIZED (
       SELECT k.id, e.revoked_at, e.reason
       FROM unnest($2::uuid[], $3::timestamptz[], $4::text[]) AS e (id, revoked_at, reason)
       JOIN postern.service_api_keys k ON k.id = e.id
       WHERE k.revoked_at IS NULL AND k.retires_at <= $1
       ORDER BY k.id FOR NO KEY UPDATE OF k
     )
     UPDATE postern.service_api_keys k SET revoked_at = ending.revoked_at, revoked_reason = ending.reason
     FROM ending WHERE k.id = ending.id
     RETURNING k.id`,
    [
      instant(at),
      uuidArray(ending.map(({ keyId }) => keyId)),
      instantArray(ending.map((end) => end.at)),
      textArray(ending.map(({ reason }) => reason)),
    ],
  )
  // Only what went around the locks can have done that: nothing is written, and the keys are judged anew.
  if (retired.length !== ending.length) throw collision('a key that was to be retired has changed meanwhile')
}
