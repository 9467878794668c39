import type { Delivery } from '../../domain/notice-store.ts'
import { uuidArray } from '../array.ts'
import type { Queries } from '../database.ts'

/** The columns of a delivery under `d.`; its last failure is that of the last attempt that came to an end. */
export const deliveryColumns = `
  d.id AS delivery_id, d.notice_id, d.channel, d.recipient, d.state, d.attempts, d.due_at, d.settled_at,
  (SELECT a.failure FROM postern.delivery_attempts a
   WHERE a.delivery_id = d.id AND a.ended_at IS NOT NULL ORDER BY a.number DESC LIMIT 1) AS last_failure`

export interface DeliveryRow {
  delivery_id: string
  notice_id: string
  channel: Delivery['channel']
  recipient: string
  state: Delivery['state']
  attempts: number
  due_at: number
  settled_at: number | null
  last_failure: string | null
}

/** A delivery from a row with {@link deliveryColumns}. */
export function deliveryOf(row: DeliveryRow): Delivery {
  return {
    id: row.delivery_id,
    noticeId: row.notice_id,
    channel: row.channel,
    recipient: row.recipient,
    state: row.state,
    attempts: row.attempts,
    dueAt: row.due_at,
    settledAt: row.settled_at,
    lastFailure: row.last_failure,
  }
}

/** The deliveries of some notices, in a steady order. */
export async function deliveriesOf(queries: Queries, noticeIds: readonly string[]): Promise<Delivery[]> {
  if (noticeIds.length === 0) return []
  const rows = await queries.query<DeliveryRow>(
    `SELECT ${deliveryColumns} FROM postern.deliveries d
     WHERE d.notice_id = ANY ($1::uuid[]) ORDER BY d.notice_id, d.channel, d.recipient`,
    [uuidArray(noticeIds)],
  )
  return rows.map(deliveryOf)
}
