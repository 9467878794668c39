import type { CallRecord, EndRecord } from '../../domain/call.ts'
import type { ChainHead, TrailBatch, TrailStore } from '../../domain/ports.ts'
import type { SealRecord } from '../../domain/seal.ts'
import { noSeal } from '../../domain/seal.ts'
import { uuidArray } from '../array.ts'
import { StatementFailed, unavailable } from '../database.ts'
import type { Database } from '../database.ts'
import {
  callTypes,
  callValues,
  endTypes,
  endValues,
  sealTypes,
  sealValues,
  useValues,
} from './append-values.ts'
import { addFacts, addGroups, groupValues } from './roll-up.ts'

interface Rows {
  calls: readonly CallRecord[]
  ends: readonly EndRecord[]
  lastUsed: ReadonlyMap<string, number>
}

/** How batches get into the trail and its roll-ups, each with its seal. */
export function appendTrailQuery(database: Database): Pick<TrailStore, 'append'> {
  const options = { prepared: true, timeoutMs: appendTimeoutMs }

  /** Null where all is written, and otherwise why nothing is: something is there already, or isn't there. */
  async function insert(rows: Rows, seal: SealRecord | null): Promise<StatementFailed | null> {
    const { calls, ends, lastUsed } = rows
    const values = [...callValues(calls), ...sealValues(seal)]
    try {
      await (isPlain(rows)
        ? database.query(insertCalls, [...values, ...groupValues(calls)], options)
        : database.query(insertRows, [...values, ...endValues(ends), ...useValues(lastUsed)], options))
      return null
    } catch (error) {
      if (error instanceof StatementFailed && conflicts.has(error.sqlState)) return error
      throw error
    }
  }

  async function whatIsThere({ calls, ends }: Rows, seal: SealRecord | null, writer: string): Promise<There> {
    const found = await database.query<{ kind: keyof There | 'head'; number: number | null; value: string }>(
      selectWhatIsThere,
      [
        writer,
        seal?.number ?? null,
        uuidArray(calls.map(({ id }) => id)),
        uuidArray(ends.map(({ callId }) => callId)),
      ],
      options,
    )
    const there: There = { head: { number: 0, seal: noSeal }, seal: null, calls: new Set(), ends: new Set() }
    for (const { kind, number, value } of found) {
      if (kind === 'head') there.head = { number: number ?? 0, seal: value }
      else if (kind === 'seal') there.seal = value
      else there[kind].add(value)
    }
    return there
  }

  async function append({ calls, ends, lastUsed, chain }: TrailBatch): Promise<void> {
    let rows: Rows = { calls: inOrder(calls, callId), ends: inOrder(ends, endedCallId), lastUsed }
    for (let attempt = 1; rows.calls.length + rows.ends.length + lastUsed.size > 0; attempt++) {
      const isSealed = chain !== undefined && rows.calls.length + rows.ends.length > 0
      const seal = isSealed ? chain.next(rows.calls, rows.ends) : null
      let failure: StatementFailed | null = null
      if (!isSealed || seal !== null) {
        failure = await insert(rows, seal)
        if (failure === null) {
          if (seal !== null) chain?.follow(seal)
          return
        }
      }
      const there = await whatIsThere(rows, seal, chain?.writer ?? '')
      chain?.follow(there.head)
      // Committed already, and the answer was lost.
      if (seal !== null && there.seal === seal.seal) return
      const left = {
        calls: rows.calls.filter(({ id }) => !there.calls.has(id)),
        ends: rows.ends.filter(({ callId: id }) => !there.ends.has(id)),
        lastUsed,
      }
      // Nothing stands in its way but itself.
      if (failure !== null && sameLength(left, rows) && (seal === null || seal.previous === there.head.seal))
        throw failure
      if (attempt === attemptLimit) throw unavailable('others keep adding to this chain of seals')
      rows = left
    }
  }

  return {
    append: async (batch) => {
      try {
        await append(batch)
      } catch (error) {
        if (!(error instanceof StatementFailed) || speaksOfARow.test(error.sqlState)) throw error
        throw unavailable(error.message, error.sqlState)
      }
    },
  }
}

/** What the database has of a batch, and of its chain. */
interface There {
  head: ChainHead
  /** The seal that has the number of the batch's. */
  seal: string | null
  calls: Set<string>
  ends: Set<string>
}

/** In a row, each against another process that adds to the chain: then it is for the next try, after a pause. */
const attemptLimit = 20

/** Below the 5 s for which the gateway holds an answer, so that a stuck connection leaves time for another. */
const appendTimeoutMs = 2_000

/** A row or a seal is there already; a seal's predecessor isn't. */
const conflicts = new Set(['23505', '23502'])

/**
 * Data, integrity, and limits: then one row spoils its batch. Anything else (no right to insert, a missing table)
 * would refuse every row, and someone can mend it: that is a trail which is away.
 */
const speaksOfARow = /^(?:22|23|54)/

/** Whether all that there is to know stands in the batch: an end, or a call that waits for one, may belong to another. */
function isPlain({ calls, ends, lastUsed }: Rows): boolean {
  return ends.length + lastUsed.size === 0 && calls.every(({ outcome }) => outcome !== null)
}

function sameLength(a: Rows, b: Rows): boolean {
  return a.calls.length === b.calls.length && a.ends.length === b.ends.length
}

const callId = (call: CallRecord): string => call.id
const endedCallId = (end: EndRecord): string => end.callId

/** In the order of their ids, the first of each. */
function inOrder<T>(rows: readonly T[], id: (row: T) => string): T[] {
  const sorted = rows.toSorted((a, b) => (id(a) < id(b) ? -1 : id(a) > id(b) ? 1 : 0))
  return sorted.filter((row, index) => {
    const before = sorted[index - 1]
    return before === undefined || id(before) !== id(row)
  })
}

const callColumns = `
    id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path,
    method, tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at, principal,
    grants_digest, trace_id, arguments_hmac, rpc_code, is_tool_error`
const endColumns = `call_id, at, outcome, reason, status, duration_ms, rpc_code, is_tool_error`

/** The parameters of a statement, given group by group: the first of the group, with its type. */
const firstSeal = callTypes.length + 1
const firstOther = firstSeal + sealTypes.length
const sealed = (index: number): string => `$${firstSeal + index}::${sealTypes[index]}`
const [writer, number, boot, callCount, endCount, root, previous, seal] = sealTypes.map((_, n) => sealed(n))

/** The last column of either kind is a boolean, which no array of ours holds. */
const unnested = (types: readonly string[], first: number): string =>
  `${types.map((type, index) => `unnest($${first + index}::${type}[])`).join(', ')} = 1`
const unnestedCalls = unnested(callTypes, 1)

/** A seal that is in no order with the one before it has no number, and that refuses the whole statement. */
const addSeal = `sealed AS (
    INSERT INTO postern.trail_seals (writer, number, boot, calls, ends, root, previous, seal)
    SELECT ${writer}, CASE WHEN ${number} = 1 THEN 1 ELSE (
        SELECT before.number + 1 FROM postern.trail_seals before
        WHERE before.writer = ${writer} AND before.number = ${number} - 1 AND before.seal = ${previous}
      ) END, ${boot}, ${callCount}, ${endCount}, ${root}, ${previous}, ${seal}
    WHERE ${number} IS NOT NULL
  )`

/**
 * Most batches hold whole calls only. All rows of a batch are new, or the statement fails: looking for each one first,
 * and marking it as taken after, is an eighth of the database's time. A tenth more would go into `unnest` in FROM,
 * which keeps each array's items before it gives them.
 */
const insertCalls = `
  WITH ${addSeal}, ${addGroups(firstOther)}
  INSERT INTO postern.trail_calls (${callColumns}, batch) SELECT ${unnestedCalls}, ${number}`

const factColumns = 'id, writer, at, key_id, tool, outcome, duration_ms, count, last_at'
const firstUse = firstOther + endTypes.length

/**
 * One statement is one transaction and one round trip. The keys are locked in the order of their ids, so that two
 * nodes' batches wait for each other instead of deadlocking. What is counted: a call's row with its end, where that was
 * there before, and an end in place of what its call counted as until then. The call of an end is in the table, or in
 * this batch. Counted from what was returned, so that rows are written before counts, as in the other statement: two
 * processes that write the same rows would deadlock otherwise.
 */
const insertRows = `
  WITH ${addSeal}, given (${callColumns}) AS MATERIALIZED (
    SELECT ${unnestedCalls}
  ), calls AS (
    INSERT INTO postern.trail_calls (${callColumns}, batch) SELECT given.*, ${number} FROM given
    RETURNING ${factColumns}
  ), given_ends (${endColumns}) AS MATERIALIZED (
    SELECT ${unnested(endTypes, firstOther)}
  ), ends AS (
    INSERT INTO postern.trail_ends (${endColumns}, writer, batch)
    SELECT given_ends.*, CASE WHEN ${number} IS NOT NULL THEN ${writer} END, ${number} FROM given_ends
    RETURNING call_id, outcome, duration_ms
  ), ended AS (
    SELECT c.*, e.outcome AS end_outcome, e.duration_ms AS end_duration_ms
    FROM ends e JOIN (
      SELECT ${factColumns} FROM postern.trail_calls WHERE id = ANY ($${firstOther}::uuid[])
      UNION ALL SELECT ${factColumns} FROM given
    ) c ON c.id = e.call_id
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
    FROM unnest($${firstUse}::uuid[], $${firstUse + 1}::timestamptz[]) AS u (id, at)
    JOIN postern.service_api_keys k ON k.id = u.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < u.at
    ORDER BY k.id
    FOR NO KEY UPDATE OF k
  )
  UPDATE postern.service_api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id`

const selectWhatIsThere = `
  (SELECT 'head' AS kind, number, seal AS value FROM postern.trail_seals
   WHERE writer = $1::text ORDER BY number DESC LIMIT 1)
  UNION ALL
  SELECT 'seal', number, seal FROM postern.trail_seals WHERE writer = $1::text AND number = $2::bigint
  UNION ALL
  SELECT 'calls', NULL, id::text FROM postern.trail_calls WHERE id = ANY ($3::uuid[])
  UNION ALL
  SELECT 'ends', NULL, call_id::text FROM postern.trail_ends WHERE call_id = ANY ($4::uuid[])`
