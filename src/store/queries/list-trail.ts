import type { TrailRow } from '../../domain/call.ts'
import { isId, lowestIdAt } from '../../domain/id.ts'
import type { TrailFilter, TrailStore } from '../../domain/ports.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { instant } from '../database.ts'
import type { Database, Value } from '../database.ts'
import { isOwnedBy } from './service-users.ts'
import { recordOf, type CallColumns } from './sealed-rows.ts'

/** The trail as it is read: calls joined with their ends. */
export function listTrailQuery(database: Database): Pick<TrailStore, 'list'> {
  return {
    list: async (filter) => {
      const selection = selectionOf(filter, Date.now())
      if (selection === null) return { data: [], nextCursor: null }
      const { where, ends, values } = selection
      const limit = `LIMIT $${values.length + 1}`
      const select = `SELECT ${listColumns} FROM ${trailWith(ends)}`
      const text =
        filter.ownedBy === undefined
          ? `${select} ${where} ORDER BY id DESC ${limit}`
          : // The newest of each service user, so that the index on these is read and not the whole trail.
            `SELECT newest.* FROM postern.service_users u, LATERAL (
               ${select} ${where} ORDER BY id DESC ${limit}
             ) newest
             WHERE ${isOwnedBy('$1')} ORDER BY newest.id DESC ${limit}`
      const rows = await database.query<TrailRowColumns>(text, [...values, filter.limit + 1])
      return pageOf(rows.map(trailRow), filter.limit, (row) => row.id)
    },
  }
}

/** An id is made within this time of its call's arrival: what ranges of time over ids leave as a margin. */
const idMarginMs = 3_600_000

/**
 * The view `trail`, with the bounds of the ids on both of its tables: partitions of ends outside of them are not looked
 * into, which the join alone doesn't tell the planner.
 */
function trailWith(ends: readonly string[]): string {
  if (ends.length === 0) return 'postern.trail'
  return `(
    SELECT c.id, c.writer, c.boot, c.sequence, c.at, c.request_id, c.credential_kind, c.key_id, c.service_user_id,
      c.http_method, c.path, c.method, c.tool, coalesce(e.outcome, c.outcome, 'unknown') AS outcome,
      coalesce(e.reason, c.reason) AS reason, coalesce(e.status, c.status) AS status,
      coalesce(e.duration_ms, c.duration_ms) AS duration_ms, c.client_address, c.user_agent, c.count, c.last_at,
      c.recorded_at, coalesce(c.principal, 'service:' || c.service_user_id::text) AS principal, c.grants_digest,
      c.trace_id, c.arguments_hmac, coalesce(e.rpc_code, c.rpc_code) AS rpc_code,
      coalesce(e.is_tool_error, c.is_tool_error) AS is_tool_error
    FROM postern.trail_calls c LEFT JOIN (
      SELECT * FROM postern.trail_ends WHERE ${ends.join(' AND ')}
    ) e ON e.call_id = c.id
  ) trail`
}

/** What was recorded in the last of these milliseconds is few rows: looked for by that, whatever their ids are. */
const recentMs = 600_000

/** The condition for a filter, or null where nothing can match: a key id that is no id. */
function selectionOf(
  filter: TrailFilter,
  now: number,
): { where: string; ends: string[]; values: Value[] } | null {
  const conditions: string[] = []
  const ends: string[] = []
  const values: Value[] = []
  const addIdBound = (operator: string, id: string): void => {
    add((parameter) => {
      ends.push(`call_id ${operator} ${parameter}`)
      return `id ${operator} ${parameter}`
    }, id)
  }
  const add = (condition: (parameter: string) => string, value: Value): void => {
    values.push(value)
    conditions.push(condition(`$${values.length}`))
  }
  const { keyId, serviceUserId, ownedBy, tool, outcome, reason, from, to, recordedFrom, cursor } = filter
  if (ownedBy !== undefined) {
    values.push(ownedBy)
    conditions.push('service_user_id = u.id')
  }
  for (const [column, id] of Object.entries({ key_id: keyId, service_user_id: serviceUserId })) {
    if (id === undefined) continue
    if (!isId(id)) return null
    add((parameter) => `${column} = ${parameter}`, id)
  }
  // What the index holds is the name's start, which says all about a name that is shorter.
  if (tool !== undefined) add((parameter) => `left(tool, 128) = left(${parameter}, 128)`, tool)
  if (tool !== undefined && tool.length >= 128) add((parameter) => `tool = ${parameter}`, tool)
  if (outcome !== undefined) add((parameter) => `outcome = ${parameter}`, outcome)
  if (reason !== undefined) add((parameter) => `reason = ${parameter}`, reason)
  if (from !== undefined) {
    addIdBound('>=', lowestIdAt(from - idMarginMs))
    add((parameter) => `at >= ${parameter}`, instant(from))
  }
  if (to !== undefined) {
    addIdBound('<', lowestIdAt(to + idMarginMs))
    add((parameter) => `at < ${parameter}`, instant(to))
  }
  if (recordedFrom !== undefined)
    add(
      (parameter) =>
        // In the order of ids the planner would read whole partitions to find that they have none.
        recordedFrom > now - recentMs
          ? `id = ANY (ARRAY(SELECT r.id FROM postern.trail_calls r WHERE r.recorded_at >= ${parameter}))`
          : `recorded_at >= ${parameter}`,
      instant(recordedFrom),
    )
  if (cursor !== undefined) addIdBound('<', readCursor(cursor))
  return { where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, ends, values }
}

const listColumns = `
  id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path, method,
  tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at, recorded_at, principal,
  grants_digest, trace_id, arguments_hmac, rpc_code, is_tool_error`

/** As those of a call, whose outcome is known or `unknown` here. */
interface TrailRowColumns extends Omit<CallColumns, 'batch' | 'outcome'> {
  outcome: TrailRow['outcome']
  recorded_at: number
}

function trailRow(row: TrailRowColumns): TrailRow {
  return { ...recordOf(row), outcome: row.outcome, recordedAt: row.recorded_at }
}
