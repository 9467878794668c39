import { outcomes, type Outcome } from '../../domain/call.ts'
import { isId } from '../../domain/id.ts'
import { durationEndsMs, mostTools, percentileMs } from '../../domain/usage-store.ts'
import type { ToolUsage, UsageBucket, UsageStore } from '../../domain/usage-store.ts'
import { textArray } from '../array.ts'
import { instant } from '../database.ts'
import type { Database } from '../database.ts'
import { dayUsage } from './day-usage.ts'

const hourMs = 3_600_000
const widths = { hour: hourMs, day: 24 * hourMs }

/** What keys did, from the roll-ups. */
export function usageQueries(database: Database): UsageStore {
  return {
    days: (keyIds, fromDay, toDay) => dayUsage(database, keyIds, fromDay, toDay),

    overTime: async (keyId, from, to, bucket) => {
      const width = widths[bucket]
      const start = Math.floor(from / width) * width
      const made = new Map<number, UsageBucket>()
      for (let at = start; at < to; at += width) made.set(at, { at, calls: 0, refused: 0, failed: 0 })
      if (!isId(keyId) || made.size === 0) return [...made.values()]
      const rows = await database.query<UsageBucket>(
        `SELECT date_bin('1 ${bucket}', hour, '2000-01-01T00:00:00Z') AS at, sum(calls)::bigint AS calls,
           coalesce(sum(calls) FILTER (WHERE outcome = 'denied'), 0)::bigint AS refused,
           coalesce(sum(calls) FILTER (WHERE outcome IN ('failed', 'aborted')), 0)::bigint AS failed
         FROM postern.usage_hourly WHERE key_id = $1 AND hour >= $2 AND hour < $3 GROUP BY 1`,
        [keyId, instant(start), instant(start + made.size * width)],
      )
      for (const row of rows) made.set(row.at, row)
      return [...made.values()]
    },

    tools: async (keyId, from, to) => {
      if (!isId(keyId)) return []
      const rows = await database.query<ToolRow>(
        `WITH most_called AS (
           SELECT tool FROM postern.usage_hourly WHERE ${inHours} AND tool <> ''
           GROUP BY tool HAVING sum(calls) > 0 ORDER BY sum(calls) DESC, tool LIMIT ${mostTools}
         )
         SELECT tool, outcome, sum(calls)::bigint AS calls, max(last_at) AS last_at, ${durationSums} AS durations
         FROM postern.usage_hourly WHERE ${inHours} AND tool IN (SELECT tool FROM most_called)
         GROUP BY tool, outcome HAVING sum(calls) > 0`,
        hoursOf(keyId, from, to),
      )
      const byTool = new Map<string, ToolRow[]>()
      for (const row of rows) byTool.set(row.tool, [...(byTool.get(row.tool) ?? []), row])
      return [...byTool].map(([tool, ofTool]) => toolUsage(tool, ofTool)).toSorted(byCalls)
    },

    areUsed: async (keyId, patterns, from, to) => {
      if (!isId(keyId) || patterns.length === 0) return patterns.map(() => false)
      const rows = await database.query<{ used: boolean }>(
        `WITH called AS MATERIALIZED (
           SELECT DISTINCT tool FROM postern.usage_hourly
           WHERE ${inHours} AND tool <> '' AND outcome <> 'denied' AND calls > 0
         )
         SELECT EXISTS (SELECT FROM called WHERE tool LIKE asked.likeness) AS used
         FROM unnest($4::text[]) WITH ORDINALITY AS asked (likeness, number) ORDER BY number`,
        [...hoursOf(keyId, from, to), textArray(patterns.map(likenessOf))],
      )
      return rows.map(({ used }) => used)
    },

    knownTools: async (limit) => {
      // From one name to the next over the index, however many calls each of them has.
      const rows = await database.query<{ tool: string }>(
        `WITH RECURSIVE known (tool, number) AS (
           SELECT min(tool), 1 FROM postern.usage_hourly WHERE tool > '' AND ${isKnown}
           UNION ALL
           SELECT (
             SELECT min(h.tool) FROM postern.usage_hourly h WHERE h.tool > known.tool AND ${isKnown}
           ), known.number + 1
           FROM known WHERE known.tool IS NOT NULL AND known.number < $1::integer
         )
         SELECT tool FROM known WHERE tool IS NOT NULL ORDER BY number`,
        [limit],
      )
      return rows.map(({ tool }) => tool)
    },
  }
}

const inHours = 'key_id = $1 AND hour >= $2 AND hour < $3'
/** What callers were denied may be any number of names; the index has none of them. */
const isKnown = "outcome <> 'denied' AND calls > 0"

function hoursOf(keyId: string, from: number, to: number) {
  return [keyId, instant(Math.floor(from / hourMs) * hourMs), instant(to)]
}

/** A pattern for LIKE, given by its parts. */
function likenessOf(parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[\\%_]/g, '\\$&')).join('%')
}

interface ToolRow {
  tool: string
  outcome: Outcome
  calls: number
  last_at: number
  durations: number[]
}

const durationSums = `jsonb_build_array(${[...durationEndsMs, Infinity]
  .map((_, index) => `coalesce(sum(durations[${index + 1}]), 0)`)
  .join(', ')})`

function toolUsage(tool: string, rows: readonly ToolRow[]): ToolUsage {
  const calls = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  const durations = [...durationEndsMs, Infinity].map(() => 0)
  for (const row of rows) {
    calls[row.outcome] = row.calls
    for (const [index, count] of row.durations.entries()) durations[index] = (durations[index] ?? 0) + count
  }
  return {
    tool,
    calls,
    p50Ms: percentileMs(durations, 0.5),
    p95Ms: percentileMs(durations, 0.95),
    lastAt: Math.max(...rows.map(({ last_at }) => last_at)),
  }
}

function byCalls(a: ToolUsage, b: ToolUsage): number {
  const total = ({ calls }: ToolUsage): number => outcomes.reduce((sum, outcome) => sum + calls[outcome], 0)
  return total(b) - total(a) || (a.tool < b.tool ? -1 : 1)
}
