import type { EndRecord, CallRecord, TrailRow } from '../../domain/call.ts'
import { isId, lowestIdAt } from '../../domain/id.ts'
import type { TrailBatch, TrailFilter, TrailStore } from '../../domain/ports.ts'
import { bigintArray, doubleArray, instantArray, integerArray, textArray, uuidArray } from '../array.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { StatementFailed, instant, unavailable } from '../database.ts'
import type { Database, Value } from '../database.ts'

/** Statements about the trail. */
export function trailQueries(database: Database): Pick<TrailStore, 'append' | 'list'> {
  const options = { prepared: true, timeoutMs: appendTimeoutMs }

  /** False where rows are there already, and then none was written: after a commit whose answer was lost. */
  async function insertNew(calls: readonly CallRecord[]): Promise<boolean> {
    try {
      await database.query(insertNewCalls, callValues(calls), options)
      return true
    } catch (error) {
      if (error instanceof StatementFailed && error.sqlState === uniqueViolation) return false
      throw error
    }
  }

  async function insertAll(batch: TrailBatch): Promise<void> {
    const values = [...callValues(sorted(batch.calls, callId)), ...otherValues(batch)]
    await database.query(insertWhatIsMissing, values, options)
  }

  return {
    append: async (batch) => {
      if (batch.calls.length + batch.ends.length + batch.lastUsed.size === 0) return
      try {
        if (batch.ends.length + batch.lastUsed.size > 0 || !(await insertNew(batch.calls)))
          await insertAll(batch)
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

const uniqueViolation = '23505'

/**
 * Most batches hold new calls only. Looking for each row first, and marking it as taken after, is an eighth of the
 * database's time; a tenth more goes into `unnest` in FROM, which keeps each array's items before it gives them.
 */
const insertNewCalls = `
  INSERT INTO postern.trail_calls (
    id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path,
    method, tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at, principal)
  SELECT
    unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::bigint[]),
    unnest($5::timestamptz[]), unnest($6::text[]), unnest($7::text[]), unnest($8::uuid[]), unnest($9::uuid[]),
    unnest($10::text[]), unnest($11::text[]), unnest($12::text[]), unnest($13::text[]), unnest($14::text[]),
    unnest($15::text[]), unnest($16::integer[]), unnest($17::float8[]), unnest($18::text[]),
    unnest($19::text[]), unnest($20::integer[]), unnest($21::timestamptz[]),
    unnest($22::text[])`

/**
 * One statement is one transaction and one round trip. The rows come, and the keys are locked, in the order of their
 * ids, so that two nodes' batches wait for each other instead of deadlocking.
 */
const insertWhatIsMissing = `
  WITH calls AS (${insertNewCalls}
    ON CONFLICT DO NOTHING
  ), ends AS (
    INSERT INTO postern.trail_ends (call_id, at, outcome, reason, status, duration_ms)
    SELECT unnest($23::uuid[]), unnest($24::timestamptz[]), unnest($25::text[]), unnest($26::text[]),
      unnest($27::integer[]), unnest($28::float8[])
    ON CONFLICT DO NOTHING
  ), used AS (
    SELECT k.id, u.at
    FROM unnest($29::uuid[], $30::timestamptz[]) AS u (id, at)
    JOIN postern.service_api_keys k ON k.id = u.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < u.at
    ORDER BY k.id
    FOR NO KEY UPDATE OF k
  )
  UPDATE postern.service_api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id`

function callValues(calls: readonly CallRecord[]): Value[] {
  return [
    uuidArray(calls.map((call) => call.id)),
    textArray(calls.map((call) => call.writer)),
    textArray(calls.map((call) => call.boot)),
    bigintArray(calls.map((call) => call.sequence)),
    instantArray(calls.map((call) => call.at)),
    textArray(calls.map((call) => call.requestId)),
    textArray(calls.map((call) => call.credentialKind)),
    uuidArray(calls.map((call) => call.keyId)),
    uuidArray(calls.map((call) => call.serviceUserId)),
    textArray(calls.map((call) => call.httpMethod)),
    textArray(calls.map((call) => call.path)),
    textArray(calls.map((call) => call.method)),
    textArray(calls.map((call) => call.tool)),
    textArray(calls.map((call) => call.outcome)),
    textArray(calls.map((call) => call.reason)),
    integerArray(calls.map((call) => call.status)),
    doubleArray(calls.map((call) => call.durationMs)),
    textArray(calls.map((call) => call.clientAddress)),
    textArray(calls.map((call) => call.userAgent)),
    integerArray(calls.map((call) => call.count)),
    instantArray(calls.map((call) => call.lastAt)),
    textArray(calls.map((call) => call.principal)),
  ]
}

const callId = (call: CallRecord): string => call.id
const endedCallId = (end: EndRecord): string => end.callId

function sorted<T>(rows: readonly T[], id: (row: T) => string): T[] {
  return rows.toSorted((a, b) => (id(a) < id(b) ? -1 : 1))
}

function otherValues(batch: TrailBatch): Value[] {
  const { lastUsed } = batch
  const ends = sorted(batch.ends, endedCallId)
  return [
    uuidArray(ends.map((end) => end.callId)),
    instantArray(ends.map((end) => end.at)),
    textArray(ends.map((end) => end.outcome)),
    textArray(ends.map((end) => end.reason)),
    integerArray(ends.map((end) => end.status)),
    doubleArray(ends.map((end) => end.durationMs)),
    uuidArray([...lastUsed.keys()]),
    instantArray([...lastUsed.values()]),
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
  tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at, recorded_at, principal`

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
  principal: string | null
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
    principal: row.principal,
  }
}
