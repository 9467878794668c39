/**
 * The roll-ups of the trail, as parts of the statement that writes its rows. What a batch adds is put together here
 * where all of its rows are known to be new, and in SQL where that shows only while they are written.
 */
import type { CallRecord, Outcome } from '../../domain/call.ts'
import { durationEndsMs } from '../../domain/usage-store.ts'
import { bigintArray, instantArray, textArray, uuidArray } from '../array.ts'
import { withoutNul } from '../database.ts'
import type { Value } from '../database.ts'

/** Stands for the key of rows that have none. */
export const noKeyId = '00000000-0000-0000-0000-000000000000'

const toolCharacters = 128
const hourMs = 3_600_000
const dayMs = 24 * hourMs

interface Hour {
  keyId: string
  at: number
  tool: string
  outcome: Outcome
  writer: string
  calls: number
  durations: number[] | null
  lastAt: number
}

interface Day {
  at: number
  keyId: string
  writer: string
  calls: number
  refused: number
}

/** What these calls, none of them in the trail yet, add: for {@link addGroups}, in its order. */
export function groupValues(calls: readonly CallRecord[]): Value[] {
  const hours = new Map<string, Hour>()
  const days = new Map<string, Day>()
  let before: CallRecord | null = null
  let hour: Hour | null = null
  let day: Day | null = null
  for (const call of calls) {
    // Most calls belong where the one before did, and names are dear.
    if (before === null || hour === null || day === null || !isAlike(call, before)) {
      hour = hourOf(hours, call)
      day = dayOf(days, call)
    }
    before = call
    hour.calls += call.count
    day.calls += call.count
    if (call.lastAt > hour.lastAt) hour.lastAt = call.lastAt
    if (hour.outcome === 'denied') day.refused += call.count
    else if (call.durationMs !== null) {
      hour.durations ??= buckets.map(() => 0)
      const bucket = bucketOf(call.durationMs)
      hour.durations[bucket] = (hour.durations[bucket] ?? 0) + 1
    }
  }
  const byHour = [...hours.values()]
  const byDay = [...days.values()]
  return [
    uuidArray(byHour.map(({ keyId }) => keyId)),
    instantArray(byHour.map(({ at }) => at)),
    textArray(byHour.map(({ tool }) => tool)),
    textArray(byHour.map(({ outcome }) => outcome)),
    textArray(byHour.map(({ writer }) => writer)),
    bigintArray(byHour.map(({ calls: count }) => count)),
    textArray(byHour.map(({ durations }) => (durations === null ? null : `{${durations.join(',')}}`))),
    instantArray(byHour.map(({ lastAt }) => lastAt)),
    instantArray(byDay.map(({ at }) => at)),
    uuidArray(byDay.map(({ keyId }) => keyId)),
    textArray(byDay.map(({ writer }) => writer)),
    bigintArray(byDay.map(({ calls: count }) => count)),
    bigintArray(byDay.map(({ refused }) => refused)),
  ]
}

function isAlike(a: CallRecord, b: CallRecord): boolean {
  return (
    a.keyId === b.keyId &&
    a.tool === b.tool &&
    a.outcome === b.outcome &&
    a.writer === b.writer &&
    Math.floor(a.at / hourMs) === Math.floor(b.at / hourMs)
  )
}

function hourOf(hours: Map<string, Hour>, call: CallRecord): Hour {
  const at = Math.floor(call.at / hourMs) * hourMs
  const keyId = call.keyId ?? noKeyId
  const tool = storedTool(call.tool)
  const outcome = call.outcome ?? 'unknown'
  // A tool may hold any character, so it comes last.
  const name = `${at} ${keyId} ${outcome} ${call.writer} ${tool}`
  let hour = hours.get(name)
  if (hour === undefined) {
    hour = { keyId, at, tool, outcome, writer: call.writer, calls: 0, durations: null, lastAt: call.lastAt }
    hours.set(name, hour)
  }
  return hour
}

function dayOf(days: Map<string, Day>, call: CallRecord): Day {
  const at = Math.floor(call.at / dayMs) * dayMs
  const keyId = call.keyId ?? noKeyId
  const name = `${at} ${keyId} ${call.writer}`
  let day = days.get(name)
  if (day === undefined) {
    day = { at, keyId, writer: call.writer, calls: 0, refused: 0 }
    days.set(name, day)
  }
  return day
}

/**
 * The tool as its column holds it. Two names that the database takes for one must be one group: it updates no row
 * twice in a statement, and a caller must not be able to fail a batch.
 */
function storedTool(tool: string | null): string {
  if (tool === null) return ''
  if (tool.length <= toolCharacters && isPlain.test(tool)) return tool
  const characters = Array.from(withoutNul(Buffer.from(tool).toString()))
  return characters.slice(0, toolCharacters).join('')
}

const isPlain = /^[\x20-\x7e]*$/

/** The number of the bucket's upper ends that the duration has reached: `width_bucket` of Postgres. */
function bucketOf(durationMs: number): number {
  let low = 0
  let high = durationEndsMs.length
  while (low < high) {
    const middle = (low + high) >> 1
    const end = durationEndsMs[middle] ?? Infinity
    if (durationMs < end) high = middle
    else low = middle + 1
  }
  return low
}

const buckets = Array.from({ length: durationEndsMs.length + 1 }, (_, bucket) => bucket)

/** The rows come in one order, so that two statements wait for each other instead of deadlocking. */
const addHours = `
  ORDER BY key_id, hour, tool, outcome, writer
  ON CONFLICT ON CONSTRAINT usage_hourly_once DO UPDATE SET
    calls = u.calls + excluded.calls,
    last_at = greatest(u.last_at, excluded.last_at),
    durations = CASE
      WHEN excluded.durations IS NULL THEN u.durations
      WHEN u.durations IS NULL THEN excluded.durations
      ELSE ARRAY[${buckets.map((bucket) => `u.durations[${bucket + 1}] + excluded.durations[${bucket + 1}]`).join(', ')}]
    END`

const addDays = `
  ORDER BY key_id, day, writer
  ON CONFLICT ON CONSTRAINT usage_daily_once
  DO UPDATE SET calls = u.calls + excluded.calls, refused = u.refused + excluded.refused`

const intoHours = `INSERT INTO postern.usage_hourly AS u (key_id, hour, tool, outcome, writer, calls, durations, last_at)`
const intoDays = `INSERT INTO postern.usage_daily AS u (day, key_id, writer, calls, refused)`

/** Parts of WITH that add {@link groupValues}, whose first parameter has this number. */
export function addGroups(first: number): string {
  const parameter = (index: number): string => `$${first + index}`
  return `hours AS (
    ${intoHours}
    SELECT key_id, hour, tool, outcome, writer, calls, durations::integer[], last_at
    FROM unnest(${parameter(0)}::uuid[], ${parameter(1)}::timestamptz[], ${parameter(2)}::text[],
      ${parameter(3)}::text[], ${parameter(4)}::text[], ${parameter(5)}::bigint[], ${parameter(6)}::text[],
      ${parameter(7)}::timestamptz[]) AS added (key_id, hour, tool, outcome, writer, calls, durations, last_at)
    ${addHours}
  ), days AS (
    ${intoDays}
    SELECT (at AT TIME ZONE 'UTC')::date AS day, key_id, writer, calls, refused
    FROM unnest(${parameter(8)}::timestamptz[], ${parameter(9)}::uuid[], ${parameter(10)}::text[],
      ${parameter(11)}::bigint[], ${parameter(12)}::bigint[]) AS added (at, key_id, writer, calls, refused)
    ${addDays}
  )`
}

const countOf = (bucket: number): string => `coalesce(sum(sign) FILTER (WHERE bucket = ${bucket}), 0)`

/**
 * Parts of WITH that add a CTE `facts`: calls with what became of them, each with the sign 1, or −1 where it takes back
 * what was counted before.
 */
export const addFacts = `counted AS (
    SELECT coalesce(key_id, '${noKeyId}') AS key_id, at, coalesce(left(tool, ${toolCharacters}), '') AS tool,
      outcome, writer, sign, sign * count AS calls, last_at,
      CASE WHEN outcome <> 'denied'
        THEN width_bucket(duration_ms, ARRAY[${durationEndsMs.join(', ')}]::float8[]) END AS bucket
    FROM facts
  ), hours AS (
    ${intoHours}
    SELECT key_id, date_bin('1 hour', at, '2000-01-01T00:00:00Z') AS hour, tool, outcome, writer, sum(calls),
      CASE WHEN count(bucket) > 0 THEN ARRAY[${buckets.map(countOf).join(', ')}]::integer[] END, max(last_at)
    FROM counted GROUP BY 1, 2, 3, 4, 5 HAVING sum(calls) <> 0 OR count(bucket) > 0
    ${addHours}
  ), days AS (
    ${intoDays}
    SELECT (at AT TIME ZONE 'UTC')::date AS day, key_id, writer, sum(calls),
      coalesce(sum(calls) FILTER (WHERE outcome = 'denied'), 0)
    FROM counted GROUP BY 1, 2, 3
    HAVING sum(calls) <> 0 OR coalesce(sum(calls) FILTER (WHERE outcome = 'denied'), 0) <> 0
    ${addDays}
  )`
