import { isId } from '../../domain/id.ts'
import type { Notice } from '../../domain/notice.ts'
import type { NoticeStore, NoticeWithDeliveries } from '../../domain/notice-store.ts'
import { instantArray, textArray, uuidArray } from '../array.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { instant, withoutNul } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { deliveriesOf } from './deliveries.ts'
import { isOwnedBy } from './service-users.ts'

/** The columns of a notice under `n.`, named so that those of a delivery stand beside them. */
export const noticeColumns = `
  n.id AS notice_id, n.occasion, n.kind, n.key_id, n.service_user_id, n.facts, n.created_at, n.acknowledged_at,
  n.acknowledged_by`

export interface NoticeRow {
  notice_id: string
  occasion: string
  kind: Notice['kind']
  key_id: string | null
  service_user_id: string | null
  facts: Notice['facts']
  created_at: number
  acknowledged_at: number | null
  acknowledged_by: string | null
}

/** A notice from a row with {@link noticeColumns}. */
export function noticeOf(row: NoticeRow): Notice {
  return {
    id: row.notice_id,
    occasion: row.occasion,
    kind: row.kind,
    keyId: row.key_id,
    serviceUserId: row.service_user_id,
    facts: row.facts,
    createdAt: row.created_at,
    acknowledgedAt: row.acknowledged_at,
    acknowledgedBy: row.acknowledged_by,
  }
}

/** Writes those whose occasion had none yet; in the order of occasions, so that two wait for each other. */
export async function insertNotices(queries: Queries, notices: readonly Notice[]): Promise<void> {
  if (notices.length === 0) return
  const texts = (read: (notice: Notice) => string | null): Buffer => textArray(notices.map(read))
  await queries.query(
    `INSERT INTO postern.notices (
       id, occasion, kind, key_id, service_user_id, facts, created_at, acknowledged_at, acknowledged_by)
     SELECT id, occasion, kind, key_id, service_user_id, facts::jsonb, created_at, acknowledged_at, acknowledged_by
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[],
                 $8::timestamptz[], $9::text[])
       AS notice (id, occasion, kind, key_id, service_user_id, facts, created_at, acknowledged_at, acknowledged_by)
     ORDER BY occasion
     ON CONFLICT (occasion) DO NOTHING`,
    [
      uuidArray(notices.map(({ id }) => id)),
      texts(({ occasion }) => occasion),
      texts(({ kind }) => kind),
      uuidArray(notices.map(({ keyId }) => keyId)),
      uuidArray(notices.map(({ serviceUserId }) => serviceUserId)),
      texts(({ facts }) => (facts === null ? null : JSON.stringify(facts, storableText))),
      instantArray(notices.map(({ createdAt }) => createdAt)),
      instantArray(notices.map(({ acknowledgedAt }) => acknowledgedAt)),
      texts(({ acknowledgedBy }) => acknowledgedBy),
    ],
  )
}

/** jsonb refuses NUL and unpaired surrogates, which text columns get as U+FFFD. */
function storableText(_: string, value: unknown): unknown {
  return typeof value === 'string' ? withoutNul(Buffer.from(value).toString()) : value
}

type NoticeQueries = Pick<NoticeStore, 'add' | 'list' | 'acknowledge' | 'forgetIdempotencyKeys'>

/** Statements about the list of notices. */
export function noticeQueries(database: Database): NoticeQueries {
  async function withDeliveries(rows: readonly NoticeRow[]): Promise<NoticeWithDeliveries[]> {
    const deliveries = await deliveriesOf(
      database,
      rows.map((row) => row.notice_id),
    )
    return rows.map((row) => ({
      notice: noticeOf(row),
      deliveries: deliveries.filter(({ noticeId }) => noticeId === row.notice_id),
    }))
  }

  return {
    add: (notice) => insertNotices(database, [notice]),

    list: async ({ keyId, serviceUserId, ownedBy, unacknowledged, cursor, limit }) => {
      for (const id of [keyId, serviceUserId])
        if (id !== undefined && !isId(id)) return { data: [], nextCursor: null }
      const rows = await database.query<NoticeRow>(
        `SELECT ${noticeColumns} FROM postern.notices n
         WHERE ($1::uuid IS NULL OR n.key_id = $1) AND ($2::uuid IS NULL OR n.service_user_id = $2)
           AND ($3::uuid IS NULL OR n.id < $3)
           AND ($4::text IS NULL OR n.service_user_id IN (
             SELECT u.id FROM postern.service_users u WHERE ${isOwnedBy('$4')}
           )) ${unacknowledged === true ? 'AND n.acknowledged_at IS NULL' : ''}
         ORDER BY n.id DESC LIMIT $5`,
        [
          keyId ?? null,
          serviceUserId ?? null,
          cursor === undefined ? null : readCursor(cursor),
          ownedBy ?? null,
          limit + 1,
        ],
      )
      const page = pageOf(rows, limit, (row) => row.notice_id)
      return { data: await withDeliveries(page.data), nextCursor: page.nextCursor }
    },

    acknowledge: async (id, by, at, ownedBy) => {
      if (!isId(id)) return null
      const rows = await database.query<NoticeRow>(
        `SELECT ${noticeColumns} FROM postern.notices n
         WHERE n.id = $1 AND ($2::text IS NULL OR EXISTS (
           SELECT FROM postern.service_users u
           WHERE u.id = n.service_user_id AND (lower(u.owner) = lower($2) OR lower(u.backup_owner) = lower($2))))`,
        [id, ownedBy ?? null],
      )
      const [found] = rows
      if (found?.acknowledged_at === null) {
        // Whoever was faster keeps it.
        await database.query(
          `UPDATE postern.notices SET acknowledged_at = $3, acknowledged_by = $2
           WHERE id = $1 AND acknowledged_at IS NULL`,
          [id, by, instant(at)],
        )
        const again = await database.query<NoticeRow>(
          `SELECT ${noticeColumns} FROM postern.notices n WHERE n.id = $1`,
          [id],
        )
        return (await withDeliveries(again))[0] ?? null
      }
      return (await withDeliveries(rows))[0] ?? null
    },

    forgetIdempotencyKeys: async (before) => {
      await database.query('DELETE FROM postern.idempotency_keys WHERE at < $1', [instant(before)])
    },
  }
}
