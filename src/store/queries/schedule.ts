import { instantArray, uuidArray } from '../array.ts'
import type { Queries } from '../database.ts'

/** When the sweep looks at each key next; null: never again. In the order of ids, so that two wait for each other. */
export async function setSchedule(
  queries: Queries,
  schedule: ReadonlyMap<string, number | null>,
): Promise<void> {
  const never = [...schedule].filter(([, dueAt]) => dueAt === null).map(([id]) => id)
  const due = [...schedule].filter((entry): entry is [string, number] => entry[1] !== null)
  if (never.length > 0)
    await queries.query('DELETE FROM postern.key_schedule WHERE key_id = ANY ($1::uuid[])', [
      uuidArray(never),
    ])
  if (due.length > 0)
    await queries.query(
      `INSERT INTO postern.key_schedule (key_id, due_at)
       SELECT key_id, due_at FROM unnest($1::uuid[], $2::timestamptz[]) AS due (key_id, due_at) ORDER BY key_id
       ON CONFLICT (key_id) DO UPDATE SET due_at = excluded.due_at`,
      [uuidArray(due.map(([id]) => id)), instantArray(due.map(([, at]) => at))],
    )
}
