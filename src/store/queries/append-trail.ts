import type { EndRecord, CallRecord } from '../../domain/call.ts'
import type { TrailBatch, TrailStore } from '../../domain/ports.ts'
import { bigintArray, doubleArray, instantArray, integerArray, textArray, uuidArray } from '../array.ts'
import { StatementFailed, unavailable } from '../database.ts'
import type { Database, Value } from '../database.ts'
import { addFacts, addGroups, groupValues } from './roll-up.ts'

/** How batches get into the trail and its roll-ups. */
export function appendTrailQuery(database: Database): Pick<TrailStore, 'append'> {
  const options = { prepared: true, timeoutMs: appendTimeoutMs }

  /** False where rows are there already, and then none was written: after a commit whose answer was lost. */
  async function insertNew(calls: readonly CallRecord[]): Promise<boolean> {
    try {
      await database.query(insertNewCalls, [...callValues(calls), ...groupValues(calls)], options)
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
        if (!isPlain(batch) || !(await insertNew(sorted(batch.calls, callId)))) await insertAll(batch)
      } catch (error) {
        if (!(error instanceof StatementFailed) || speaksOfARow.test(error.sqlState)) throw error
        throw unavailable(error.message, error.sqlState)
      }
    },
  }
}

/** Whether all that there is to know stands in the batch: an end, or a call that waits for one, may belong to another. */
function isPlain({ calls, ends, lastUsed }: TrailBatch): boolean {
  return ends.length + lastUsed.size === 0 && calls.every(({ outcome }) => outcome !== null)
}

/**
 * Data, integrity, and limits: then one row spoils its batch. Anything else (no right to insert, a missing table)
 * would refuse every row, and someone can mend it: that is a trail which is away.
 */
const speaksOfARow = /^(?:22|23|54)/

/** Below the 5 s for which the gateway holds an answer, so that a stuck connection leaves time for another. */
const appendTimeoutMs = 2_000

const uniqueViolation = '23505'

const callColumns = `
    id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path,
    method, tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at, principal,
    grants_digest, trace_id, arguments_hmac, rpc_code, is_tool_error`
const callTypes = [
  ...['uuid', 'text', 'text', 'bigint', 'timestamptz', 'text', 'text', 'uuid', 'uuid', 'text', 'text'],
  ...['text', 'text', 'text', 'text', 'integer', 'float8', 'text', 'text', 'integer', 'timestamptz', 'text'],
  ...['text', 'text', 'text', 'integer', 'integer'],
]

/** The last is a boolean, which no array of ours holds. */
const unnestedCalls = `${callTypes.map((type, index) => `unnest($${index + 1}::${type}[])`).join(', ')} = 1`

/**
 * Most batches hold new calls only. Looking for each row first, and marking it as taken after, is an eighth of the
 * database's time; a tenth more goes into `unnest` in FROM, which keeps each array's items before it gives them.
 */
const insertNewCalls = `
  WITH ${addGroups(callTypes.length + 1)}
  INSERT INTO postern.trail_calls (${callColumns}) SELECT ${unnestedCalls}`

const factColumns = 'id, writer, at, key_id, tool, outcome, duration_ms, count, last_at'

/**
 * One statement is one transaction and one round trip. The rows come, and the keys are locked, in the order of their
 * ids, so that two nodes' batches wait for each other instead of deadlocking. What is counted is what was written: a
 * call's row with its end, where that was there before, and an end in place of what its call counted as until then.
 * The call of an end is in the table, or in this batch.
 */
const insertWhatIsMissing = `
  WITH given (${callColumns}) AS MATERIALIZED (
    SELECT ${unnestedCalls}
  ), calls AS (
    INSERT INTO postern.trail_calls (${callColumns}) SELECT * FROM given
    ON CONFLICT DO NOTHING
    RETURNING ${factColumns}
  ), ends AS (
    INSERT INTO postern.trail_ends (call_id, at, outcome, reason, status, duration_ms, rpc_code, is_tool_error)
    SELECT unnest($28::uuid[]), unnest($29::timestamptz[]), unnest($30::text[]), unnest($31::text[]),
      unnest($32::integer[]), unnest($33::float8[]), unnest($34::integer[]), unnest($35::integer[]) = 1
    ON CONFLICT DO NOTHING
    RETURNING call_id, outcome, duration_ms
  ), ended AS (
    SELECT DISTINCT ON (c.id) c.*, e.outcome AS end_outcome, e.duration_ms AS end_duration_ms
    FROM ends e JOIN (
      SELECT 0 AS place, ${factColumns} FROM postern.trail_calls WHERE id = ANY ($28::uuid[])
      UNION ALL SELECT 1, ${factColumns} FROM given WHERE id = ANY ($28::uuid[])
    ) c ON c.id = e.call_id
    ORDER BY c.id, c.place
  ), facts AS (
    SELECT c.writer, c.at, c.key_id, c.tool, coalesce(e.outcome, c.outcome, 'unknown') AS outcome,
      coalesce(e.duration_ms, c.duration_ms) AS duration_ms, c.count, c.last_at, 1 AS sign
    FROM calls c LEFT JOIN postern.trail_ends e ON e.call_id = c.id
    UNION ALL
    SELECT writer, at, key_id, tool, coalesce(outcome, 'unknown'), duration_ms, count, last_at, -1 FROM ended
    UNION ALL
    SELECT writer, at, key_id, tool, end_outcome, end_duration_ms, count, last_at, 1 FROM ended
  ), ${addFacts}, used AS (
    SELECT k.id, u.at
    FROM unnest($36::uuid[], $37::timestamptz[]) AS u (id, at)
    JOIN postern.service_api_keys k ON k.id = u.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < u.at
    ORDER BY k.id
    FOR NO KEY UPDATE OF k
  )
  UPDATE postern.service_api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id`

function callValues(calls: readonly CallRecord[]): Value[] {
  const texts = (read: (call: CallRecord) => string | null): Value => unlessEmpty(calls.map(read), textArray)
  const integers = (read: (call: CallRecord) => number | null): Value =>
    unlessEmpty(calls.map(read), integerArray)
  return [
    uuidArray(calls.map((call) => call.id)),
    textArray(calls.map((call) => call.writer)),
    textArray(calls.map((call) => call.boot)),
    bigintArray(calls.map((call) => call.sequence)),
    instantArray(calls.map((call) => call.at)),
    textArray(calls.map((call) => call.requestId)),
    texts((call) => call.credentialKind),
    unlessEmpty(
      calls.map((call) => call.keyId),
      uuidArray,
    ),
    unlessEmpty(
      calls.map((call) => call.serviceUserId),
      uuidArray,
    ),
    texts((call) => call.httpMethod),
    texts((call) => call.path),
    texts((call) => call.method),
    texts((call) => call.tool),
    texts((call) => call.outcome),
    texts((call) => call.reason),
    integers((call) => call.status),
    doubleArray(calls.map((call) => call.durationMs)),
    texts((call) => call.clientAddress),
    texts((call) => call.userAgent),
    integerArray(calls.map((call) => call.count)),
    instantArray(calls.map((call) => call.lastAt)),
    texts((call) => call.principal),
    // Not there in what an earlier version left in the spool.
    texts((call) => call.grantsDigest ?? null),
    texts((call) => call.traceId ?? null),
    texts((call) => call.argumentsHmac ?? null),
    integers((call) => call.rpcCode ?? null),
    integers((call) => numberOf(call.isToolError)),
  ]
}

/**
 * NULL in place of an array that holds nothing else, as some do in most batches: `unnest` gives no rows for it, and
 * beside others of a select list that is NULL in each row.
 */
function unlessEmpty<T>(items: (T | null)[], array: (items: (T | null)[]) => Value): Value {
  return items.every((item) => item === null) ? null : array(items)
}

function numberOf(flag: boolean | null | undefined): number | null {
  return typeof flag === 'boolean' ? Number(flag) : null
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
    integerArray(ends.map((end) => end.rpcCode ?? null)),
    integerArray(ends.map((end) => numberOf(end.isToolError))),
    uuidArray([...lastUsed.keys()]),
    instantArray([...lastUsed.values()]),
  ]
}
