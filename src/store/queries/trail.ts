import type { CallRecord, EndRecord, TrailRow } from '../../domain/call.ts'
import { isId, lowestIdAt } from '../../domain/id.ts'
import type { TrailBatch, TrailFilter, TrailStore } from '../../domain/ports.ts'
import { plainArray, textArray } from '../array.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { StatementFailed, instant, unavailable } from '../database.ts'
import type { Database, Value } from '../database.ts'

/** Statements about the trail. */
export function trailQueries(database: Database): TrailStore {
  return {
    append: async (batch) => {
      if (batch.calls.length + batch.ends.length + batch.lastUsed.size === 0) return
      try {
        // Most batches hold calls only, and the short statement takes a sixth less of the database's time.
        const isPlain = batch.ends.length + batch.lastUsed.size === 0
        await database.query(
          isPlain ? insertCalls : insertAll,
          isPlain ? callValues(batch) : [...callValues(batch), ...otherValues(batch)],
          { prepared: true, timeoutMs: appendTimeoutMs },
        )
      } catch (error) {
        if (!(error instanceof StatementFailed) || speaksOfARow.test(error.sqlState)) throw error
        throw unavailable(error.message, error.sqlState)
      }
    },

    list: async (filter) => {
      const selection = selectionOf(filter)
      if (selection === null) return { data: [], nextCursor: null }
      const rows = await database.query<TrailRowColumns>(
        `SELECT ${listColumns} FROM postern.trail ${selection.where} ORDER BY id DESC
         LIMIT $${selection.values.length + 1}`,
        [...selection.values, filter.limit + 1],
      )
      return pageOf(rows.map(trailRow), filter.limit, (row) => row.id)
    },
  }
}

/**
 * Data, integrity, and limits: then one row spoils its batch. Anything else (no right to insert, a missing table)
 * would refuse every row, and someone can mend it: that is a trail which is away.
 */
const speaksOfARow = /^(?:22|23|54)/

/** Below the 5 s for which the gateway holds an answer, so that a stuck connection leaves time for another. */
const appendTimeoutMs = 2_000

const insertCalls = `
  INSERT INTO postern.trail_calls (
    id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path,
    method, tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at)
  SELECT id, writer, boot, sequence, to_timestamp(at / 1000), request_id, credential_kind, key_id,
         service_user_id, http_method, path, method, tool, outcome, reason, status, duration_ms,
         client_address, user_agent, count, to_timestamp(last_at / 1000)
  FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::float8[], $6::text[], $7::text[], $8::uuid[],
    $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::integer[],
    $17::float8[], $18::text[], $19::text[], $20::integer[], $21::float8[]
  ) AS call (
    id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path,
    method, tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at)
  ON CONFLICT DO NOTHING`

/**
 * One statement is one transaction and one round trip. The keys are locked in the order of their ids, so that
 * two nodes' batches wait for each other instead of deadlocking.
 */
const insertAll = `
  WITH calls AS (${insertCalls}
  ), ends AS (
    INSERT INTO postern.trail_ends (call_id, at, outcome, reason, status, duration_ms)
    SELECT call_id, to_timestamp(at / 1000), outcome, reason, status, duration_ms
    FROM unnest($22::uuid[], $23::float8[], $24::text[], $25::text[], $26::integer[], $27::float8[])
      AS ended (call_id, at, outcome, reason, status, duration_ms)
    ON CONFLICT DO NOTHING
  ), used AS (
    SELECT k.id, to_timestamp(u.at / 1000) AS at
    FROM unnest($28::uuid[], $29::float8[]) AS u (id, at)
    JOIN postern.service_api_keys k ON k.id = u.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < to_timestamp(u.at / 1000)
    ORDER BY k.id
    FOR NO KEY UPDATE OF k
  )
  UPDATE postern.service_api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id`

function callValues({ calls }: TrailBatch): Value[] {
  const callTexts = (read: (call: CallRecord) => string | null): string => textArray(calls.map(read))
  const callNumbers = (read: (call: CallRecord) => number | null): string => plainArray(calls.map(read))
  return [
    callTexts((call) => call.id),
    callTexts((call) => call.writer),
    callTexts((call) => call.boot),
    callNumbers((call) => call.sequence),
    callNumbers((call) => call.at),
    callTexts((call) => call.requestId),
    callTexts((call) => call.credentialKind),
    callTexts((call) => call.keyId),
    callTexts((call) => call.serviceUserId),
    callTexts((call) => call.httpMethod),
    callTexts((call) => call.path),
    callTexts((call) => call.method),
    callTexts((call) => call.tool),
    callTexts((call) => call.outcome),
    callTexts((call) => call.reason),
    callNumbers((call) => call.status),
    callNumbers((call) => call.durationMs),
    callTexts((call) => call.clientAddress),
    callTexts((call) => call.userAgent),
    callNumbers((call) => call.count),
    callNumbers((call) => call.lastAt),
  ]
}

function otherValues({ ends, lastUsed }: TrailBatch): Value[] {
  const endTexts = (read: (end: EndRecord) => string | null): string => textArray(ends.map(read))
  const endNumbers = (read: (end: EndRecord) => number | null): string => plainArray(ends.map(read))
  return [
    endTexts((end) => end.callId),
    endNumbers((end) => end.at),
    endTexts((end) => end.outcome),
    endTexts((end) => end.reason),
    endNumbers((end) => end.status),
    endNumbers((end) => end.durationMs),
    textArray([...lastUsed.keys()]),
    plainArray([...lastUsed.values()]),
  ]
}

/** An id is made within this time of its call's arrival: what ranges of time over ids leave as a margin. */
const idMarginMs = 3_600_000

/** The condition for a filter, or null where nothing can match: a key id that is no id. */
function selectionOf(filter: TrailFilter): { where: string; values: Value[] } | null {
  const conditions: string[] = []
  const values: Value[] = []
  const add = (condition: (parameter: string) => string, value: Value): void => {
    values.push(value)
    conditions.push(condition(`$${values.length}`))
  }
  const { keyId, serviceUserId, tool, outcome, from, to, recordedFrom, cursor } = filter
  for (const [column, id] of Object.entries({ key_id: keyId, service_user_id: serviceUserId })) {
    if (id === undefined) continue
    if (!isId(id)) return null
    add((parameter) => `${column} = ${parameter}`, id)
  }
  // What the index holds is the name's start, which says all about a name that is shorter.
  if (tool !== undefined) add((parameter) => `left(tool, 128) = left(${parameter}, 128)`, tool)
  if (tool !== undefined && tool.length >= 128) add((parameter) => `tool = ${parameter}`, tool)
  if (outcome !== undefined) add((parameter) => `outcome = ${parameter}`, outcome)
  if (from !== undefined) {
    add((parameter) => `id >= ${parameter}`, lowestIdAt(from - idMarginMs))
    add((parameter) => `at >= ${parameter}`, instant(from))
  }
  if (to !== undefined) {
    add((parameter) => `id < ${parameter}`, lowestIdAt(to + idMarginMs))
    add((parameter) => `at < ${parameter}`, instant(to))
  }
  if (recordedFrom !== undefined) add((parameter) => `recorded_at >= ${parameter}`, instant(recordedFrom))
  if (cursor !== undefined) add((parameter) => `id < ${parameter}`, readCursor(cursor))
  return { where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, values }
}

const listColumns = `
  id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path, method,
  tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at, recorded_at`

interface TrailRowColumns {
  id: string
  writer: string
  boot: string
  sequence: number
  at: number
  request_id: string
  credential_kind: TrailRow['credentialKind']
  key_id: string | null
  service_user_id: string | null
  http_method: string | null
  path: string | null
  method: string | null
  tool: string | null
  outcome: TrailRow['outcome']
  reason: TrailRow['reason']
  status: number | null
  duration_ms: number | null
  client_address: string | null
  user_agent: string | null
  count: number
  last_at: number
  recorded_at: number
}

function trailRow(row: TrailRowColumns): TrailRow {
  return {
    id: row.id,
    writer: row.writer,
    boot: row.boot,
    sequence: row.sequence,
    at: row.at,
    requestId: row.request_id,
    credentialKind: row.credential_kind,
    keyId: row.key_id,
    serviceUserId: row.service_user_id,
    httpMethod: row.http_method,
    path: row.path,
    method: row.method,
    tool: row.tool,
    outcome: row.outcome,
    reason: row.reason,
    status: row.status,
    durationMs: row.duration_ms,
    clientAddress: row.client_address,
    userAgent: row.user_agent,
    count: row.count,
    lastAt: row.last_at,
    recordedAt: row.recorded_at,
  }
}
