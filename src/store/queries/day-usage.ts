import { isId } from '../../domain/id.ts'
import type { DayUsage, UsageStore } from '../../domain/usage-store.ts'
import { uuidArray } from '../array.ts'
import type { Queries } from '../database.ts'

const dayMs = 86_400_000

/** The day (UTC) of an instant in epoch milliseconds: `YYYY-MM-DD`. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

interface DayRow {
  key_id: string
  day: string
  calls: number
  refused: number
}

/** What each of the keys did, day by day. Each key is looked up by itself, however many others there are. */
export async function dayUsage(
  queries: Queries,
  ...[keyIds, fromDay, toDay]: Parameters<UsageStore['days']>
): Promise<Map<string, DayUsage[]>> {
  const rows = await queries.query<DayRow>(
    `SELECT asked.key_id, to_char(made.day, 'YYYY-MM-DD') AS day, made.calls, made.refused
     FROM unnest($1::uuid[]) AS asked (key_id)
     CROSS JOIN LATERAL (
       SELECT u.day, sum(u.calls)::bigint AS calls, sum(u.refused)::bigint AS refused
       FROM postern.usage_daily u WHERE u.key_id = asked.key_id AND u.day BETWEEN $2::date AND $3::date
       GROUP BY u.day
     ) made`,
    [uuidArray(keyIds.filter(isId)), fromDay, toDay],
  )
  const usage = new Map(keyIds.map((id) => [id, noUsage(fromDay, toDay)]))
  for (const { key_id, ...made } of rows) {
    const days = usage.get(key_id)
    const index = days?.findIndex(({ day }) => day === made.day) ?? -1
    if (days !== undefined && index !== -1) days[index] = made
  }
  return usage
}

function noUsage(fromDay: string, toDay: string): DayUsage[] {
  const days: DayUsage[] = []
  for (let at = Date.parse(fromDay); at <= Date.parse(toDay); at += dayMs)
    days.push({ day: dayOf(at), calls: 0, refused: 0 })
  return days
}
