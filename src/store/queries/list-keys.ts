import { isId } from '../../domain/id.ts'
import type { KeyState } from '../../domain/key-state.ts'
import type { KeyFilter, KeySort, KeyStore, ListedKey } from '../../domain/key-store.ts'
import { readSortedCursor, sortedCursorAfter } from '../cursor.ts'
import type { SortedPlace } from '../cursor.ts'
import { instant } from '../database.ts'
import type { Database, Value } from '../database.ts'
import { dayOf, dayUsage } from './day-usage.ts'
import { versionedKey, versionedKeyColumns } from './keys.ts'
import type { VersionedKeyRow } from './keys.ts'
import { isOwnedBy } from './service-users.ts'

const dayMs = 86_400_000
const shownDays = 30

/** Takes a value among the statement's, and answers how it is written there. */
type Parameter = (value: Value) => string

/** The list of keys, a page at a time, with what each of them did. */
export function listKeysQuery(database: Database): Pick<KeyStore, 'listKeys'> {
  return {
    listKeys: async (filter) => {
      const { serviceUserId, limit, now, sort = 'created', direction = 'desc' } = filter
      const order = `${sort} ${direction}`
      const { cursor } = filter
      const place = cursor === undefined ? null : readSortedCursor(cursor, order, sorts[sort].type)
      if (serviceUserId !== undefined && !isId(serviceUserId)) return { data: [], nextCursor: null }

      const days = { from: dayOf(now - (shownDays - 1) * dayMs), to: dayOf(now) }
      const values: Value[] = []
      const parameter: Parameter = (value) => `$${values.push(value)}`
      const statement = `
        SELECT ${versionedKeyColumns}, ${sorts[sort].value} AS place
        FROM postern.service_api_keys k JOIN postern.service_users u ON u.id = k.service_user_id
        ${sort === 'calls' ? callsOf(days, parameter) : ''}
        WHERE true ${conditionsOf(filter, place, parameter)
          .map((condition) => `AND ${condition}`)
          .join(' ')}
        ORDER BY ${orderOf(sort, direction)} LIMIT ${parameter(limit + 1)}`
      const rows = await database.query<KeyListRow>(statement, values)

      const shown = rows.slice(0, limit)
      const usage = await dayUsage(
        database,
        shown.map(({ id }) => id),
        days.from,
        days.to,
      )
      const last = shown.at(-1)
      return {
        data: shown.map((row) => listedKey(row, usage.get(row.id) ?? [])),
        nextCursor:
          rows.length > limit && last !== undefined
            ? sortedCursorAfter(order, { value: sorts[sort].type === null ? null : last.place, id: last.id })
            : null,
      }
    },
  }
}

type KeyListRow = VersionedKeyRow & { place: SortedPlace['value'] }

function listedKey(row: KeyListRow, days: ListedKey['days']): ListedKey {
  return {
    ...versionedKey(row),
    calls30d: days.reduce((sum, { calls }) => sum + calls, 0),
    refused30d: days.reduce((sum, { refused }) => sum + refused, 0),
    days,
  }
}

/** What a list is sorted by before the id, its type in SQL, and how a cursor holds it: null, not at all. */
const sorts: Record<KeySort, { value: string; sqlType: string; type: 'text' | 'number' | null }> = {
  created: { value: 'k.id', sqlType: 'uuid', type: null },
  name: { value: 'lower(k.name)', sqlType: 'text', type: 'text' },
  expires: { value: 'least(k.expires_at, k.retires_at)', sqlType: 'timestamptz', type: 'number' },
  'last-used': { value: 'k.last_used_at', sqlType: 'timestamptz', type: 'number' },
  calls: { value: 'coalesce(made.calls, 0)', sqlType: 'bigint', type: 'number' },
}

function orderOf(sort: KeySort, direction: 'asc' | 'desc'): string {
  if (sort === 'created') return `k.id ${direction}`
  return `${sorts[sort].value} ${direction} ${sort === 'last-used' ? 'NULLS LAST' : ''}, k.id ${direction}`
}

function callsOf(days: { from: string; to: string }, parameter: Parameter): string {
  return `LEFT JOIN (
    SELECT key_id, sum(calls)::bigint AS calls FROM postern.usage_daily
    WHERE day BETWEEN ${parameter(days.from)}::date AND ${parameter(days.to)}::date GROUP BY key_id
  ) made ON made.key_id = k.id`
}

/**
 * As `keyState` of the domain, which the conformance suite compares it with. A condition for each state, as the planner
 * knows how many rows such columns have, and nothing of a CASE.
 */
const stateConditions: Record<KeyState, (now: () => string) => string> = {
  active: (now) => `${undecided} AND k.expires_at > ${now()} AND k.retires_at IS NULL`,
  retiring: (now) => `${undecided} AND k.expires_at > ${now()} AND k.retires_at > ${now()}`,
  retired: (now) =>
    `k.revoked_at = k.retires_at OR ${undecided} AND k.expires_at > ${now()} AND k.retires_at <= ${now()}`,
  expired: (now) => `${undecided} AND k.expires_at <= ${now()}`,
  revoked: () => 'k.revoked_at IS NOT NULL AND k.revoked_at IS DISTINCT FROM k.retires_at',
  disabled: () => 'k.revoked_at IS NULL AND u.disabled_at IS NOT NULL',
}

const undecided = 'k.revoked_at IS NULL AND u.disabled_at IS NULL'

function isInOne(states: readonly KeyState[], now: () => string): string {
  if (states.length === 0) return 'false'
  return `(${states.map((state) => `(${stateConditions[state](now)})`).join(' OR ')})`
}

function conditionsOf(filter: KeyFilter, place: SortedPlace | null, parameter: Parameter): string[] {
  const { serviceUserId, owner, ownedBy, customer, search, states, tool, expiringBefore, unusedSince } =
    filter
  const conditions: string[] = []
  const now = (): string => `${parameter(instant(filter.now))}::timestamptz`
  if (serviceUserId !== undefined) conditions.push(`k.service_user_id = ${parameter(serviceUserId)}`)
  for (const address of [owner, ownedBy])
    if (address !== undefined) conditions.push(isOwnedBy(parameter(address)))
  if (customer !== undefined) conditions.push(`lower(u.customer) = lower(${parameter(customer)})`)
  if (search !== undefined) conditions.push(matches(search, parameter))
  if (states !== undefined) conditions.push(isInOne(states, now))
  if (tool !== undefined)
    // Not EXISTS, which could become a join that reads all that ever called the tool.
    conditions.push(`(
      SELECT true FROM postern.usage_hourly h
      WHERE h.tool = left(${parameter(tool)}, 128) AND h.key_id = k.id
        AND h.hour > ${parameter(instant(filter.now - shownDays * dayMs))} LIMIT 1
    )`)
  if (expiringBefore !== undefined)
    conditions.push(
      isInOne(['active', 'retiring'], now),
      `least(k.expires_at, k.retires_at) < ${parameter(instant(expiringBefore))}`,
    )
  if (unusedSince !== undefined)
    conditions.push(`coalesce(k.last_used_at, k.created_at) < ${parameter(instant(unusedSince))}`)
  if (place !== null) conditions.push(afterPlace(filter, place, parameter))
  return conditions
}

/** What people type is looked for as it is. */
function matches(search: string, parameter: Parameter): string {
  const literal = search.replaceAll(/[\\%_]/g, '\\$&')
  const part = parameter(`%${literal}%`)
  const columns = ['k.name', 'u.name', 'u.owner', 'u.backup_owner']
  return `(${columns.map((column) => `${column} ILIKE ${part}`).join(' OR ')}
    OR k.start LIKE ${parameter(`${literal}%`)})`
}

function afterPlace(
  { sort = 'created', direction = 'desc' }: KeyFilter,
  { value, id }: SortedPlace,
  parameter: Parameter,
): string {
  const isAfter = direction === 'desc' ? '<' : '>'
  const afterId = (): string => `k.id ${isAfter} ${parameter(id)}::uuid`
  if (sort === 'created') return afterId()
  const column = sorts[sort].value
  if (value === null) return `(${column} IS NULL AND ${afterId()})`
  const text = sorts[sort].sqlType === 'timestamptz' ? instant(Number(value)) : value
  const after = `(${column}, k.id) ${isAfter} (${parameter(text)}::${sorts[sort].sqlType}, ${parameter(id)}::uuid)`
  return sort === 'last-used' ? `(${column} IS NULL OR ${after})` : after
}
