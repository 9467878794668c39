import type { Delivery, NoticeStore } from '../../domain/notice-store.ts'
import { textArray, uuidArray } from '../array.ts'
import { instant } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { deliveryColumns, deliveryOf } from './deliveries.ts'
import type { DeliveryRow } from './deliveries.ts'
import { noticeColumns, noticeOf } from './notices.ts'
import type { NoticeRow } from './notices.ts'

type NewDelivery = Pick<Delivery, 'id' | 'noticeId' | 'channel' | 'recipient'>

/** Statements of the worker that delivers notices. */
export function outboxQueries(database: Database): Pick<NoticeStore, 'route' | 'claim' | 'settle'> {
  return {
    route: (at, limit, route) =>
      database.transaction(async (queries) => {
        const rows = await queries.query<NoticeRow & { escalated: boolean }>(
          `SELECT ${noticeColumns}, EXISTS (
             SELECT 1 FROM postern.notices earlier
             WHERE earlier.key_id = n.key_id AND earlier.acknowledged_at IS NULL
               AND (earlier.kind = n.kind OR earlier.kind IN ('overlap-ending', 'key-expiring', 'key-unused'))
               AND earlier.id < n.id AND earlier.created_at < n.created_at
           ) AS escalated
           FROM postern.notices n WHERE n.routed_at IS NULL ORDER BY n.id LIMIT $1 FOR UPDATE OF n SKIP LOCKED`,
          [limit],
        )
        const deliveries = rows.flatMap((row) =>
          route(noticeOf(row), row.escalated).map((each) => ({ ...each, noticeId: row.notice_id })),
        )
        await insertDeliveries(queries, deliveries, at)
        await queries.query('UPDATE postern.notices SET routed_at = $2 WHERE id = ANY ($1::uuid[])', [
          uuidArray(rows.map((row) => row.notice_id)),
          instant(at),
        ])
        return rows.length
      }),

    claim: async (at, lapsesAt, limit, share = { perRecipient: limit, except: [] }) => {
      const claimed = await database.query<DeliveryRow & NoticeRow>(
        `WITH fair AS (
           SELECT id, row_number() OVER (PARTITION BY channel, recipient ORDER BY attempts, due_at) AS place
           FROM postern.deliveries
           WHERE state = 'waiting' AND due_at <= $1 AND channel || ':' || recipient <> ALL ($5::text[])
         ), due AS MATERIALIZED (
           SELECT w.id FROM postern.deliveries w JOIN fair ON fair.id = w.id
           WHERE fair.place <= $4 AND w.state = 'waiting' AND w.due_at <= $1
           ORDER BY w.attempts, w.due_at LIMIT $3 FOR UPDATE OF w SKIP LOCKED
         ), d AS (
           UPDATE postern.deliveries SET attempts = attempts + 1, due_at = $2
           FROM due WHERE deliveries.id = due.id RETURNING deliveries.*
         ), begun AS (
           INSERT INTO postern.delivery_attempts (delivery_id, number, started_at) SELECT id, attempts, $1 FROM d
         )
         SELECT ${deliveryColumns}, ${noticeColumns}
         FROM d JOIN postern.notices n ON n.id = d.notice_id ORDER BY n.id, d.channel, d.recipient`,
        [instant(at), instant(lapsesAt), limit, share.perRecipient, textArray(share.except)],
      )
      return claimed.map((row) => ({ delivery: deliveryOf(row), notice: noticeOf(row) }))
    },

    settle: async ({ id, attempts }, end) => {
      await database.query(
        `WITH held AS MATERIALIZED (
           SELECT id FROM postern.deliveries WHERE id = $1 AND attempts = $2 AND state = 'waiting'
           FOR NO KEY UPDATE
         ), ended AS (
           UPDATE postern.delivery_attempts a SET ended_at = $3, failure = $4
           FROM held WHERE a.delivery_id = held.id AND a.number = $2 AND a.ended_at IS NULL
           RETURNING a.delivery_id
         )
         UPDATE postern.deliveries d SET state = $5, due_at = $6, settled_at = $7
         FROM ended WHERE d.id = ended.delivery_id`,
        [
          id,
          attempts,
          instant(end.at),
          end.failure,
          end.state,
          instant(end.dueAt),
          instant(end.state === 'waiting' ? null : end.at),
        ],
      )
    },
  }
}

async function insertDeliveries(
  queries: Queries,
  deliveries: readonly NewDelivery[],
  dueAt: number,
): Promise<void> {
  if (deliveries.length === 0) return
  const texts = (read: (delivery: NewDelivery) => string): Buffer => textArray(deliveries.map(read))
  await queries.query(
    `INSERT INTO postern.deliveries (id, notice_id, channel, recipient, state, attempts, due_at)
     SELECT id, notice_id, channel, recipient, 'waiting', 0, $5
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS delivery (id, notice_id, channel, recipient)
     ON CONFLICT ON CONSTRAINT deliveries_once DO NOTHING`,
    [
      uuidArray(deliveries.map(({ id }) => id)),
      uuidArray(deliveries.map(({ noticeId }) => noticeId)),
      texts(({ channel }) => channel),
      texts(({ recipient }) => recipient),
      instant(dueAt),
    ],
  )
}
