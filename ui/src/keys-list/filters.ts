import type { Query } from '../api/query.ts'
import type { KeySort, KeyStateJson } from '../api/types.ts'

/** What the keys list shows, as it stands in the page's address: never a token, never anything else of a secret. */
export interface KeyFilters {
  search: string
  owner: string
  customer: string
  serviceUser: string
  states: readonly KeyStateJson[]
  tool: string
  expiringWithin: string
  unusedFor: string
  sort: KeySort
  direction: Direction
}

/** Living ones first. */
export const states = ['active', 'retiring', 'retired', 'expired', 'revoked', 'disabled'] as const
export const sorts = ['created', 'name', 'expires', 'last-used', 'calls'] as const
export type Direction = 'ascending' | 'descending'

/** The list as it is without any wish: all keys, newest first. */
export const allKeys: KeyFilters = {
  search: '',
  owner: '',
  customer: '',
  serviceUser: '',
  states: [],
  tool: '',
  expiringWithin: '',
  unusedFor: '',
  sort: 'created',
  direction: 'descending',
}

const narrowing = [
  'search',
  'owner',
  'customer',
  'serviceUser',
  'tool',
  'expiringWithin',
  'unusedFor',
] as const
const mostCharacters = 200

/** The filters in a query string; what is not known there is left out rather than sent on. */
export function readFilters(query: string): KeyFilters {
  const given = new URLSearchParams(query)
  const filters = { ...allKeys }
  for (const name of narrowing) filters[name] = withoutTokens(given.get(name) ?? '').slice(0, mostCharacters)
  filters.search = searchable(filters.search)
  filters.states = states.filter((state) => given.getAll('state').includes(state))
  for (const name of ['expiringWithin', 'unusedFor'] as const)
    if (!/^[0-9]{1,4}d$/.test(filters[name])) filters[name] = ''
  const sort = given.get('sort') ?? ''
  if (isOneOf(sorts, sort)) filters.sort = sort
  const direction = given.get('direction')
  filters.direction =
    direction === 'ascending' || direction === 'descending' ? direction : firstDirection(filters.sort)
  return filters
}

/** The query string of the filters, with its question mark; empty for {@link allKeys}. */
export function writeFilters(filters: KeyFilters): string {
  const query = new URLSearchParams()
  for (const name of narrowing) if (filters[name] !== '') query.set(name, withoutTokens(filters[name]))
  if (filters.search !== '') query.set('search', searchable(filters.search))
  for (const state of filters.states) query.append('state', state)
  if (filters.sort !== allKeys.sort) query.set('sort', filters.sort)
  if (filters.direction !== firstDirection(filters.sort)) query.set('direction', filters.direction)
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/** The same for the API: sorting is always said, so that both sides mean the same by leaving it out. */
export function apiFilter(filters: KeyFilters): Query {
  const { states, search, ...others } = filters
  return { ...others, search: searchable(search), state: states }
}

/** How many filters are set. Sorting doesn't count. */
export function filterCount(filters: KeyFilters): number {
  return narrowing.filter((name) => filters[name] !== '').length + (filters.states.length > 0 ? 1 : 0)
}

/** The filters after a click on a column: sorted by it, or turned round where they are already. */
export function sortedBy(filters: KeyFilters, sort: KeySort): KeyFilters {
  if (filters.sort !== sort) return { ...filters, sort, direction: firstDirection(sort) }
  return { ...filters, direction: filters.direction === 'ascending' ? 'descending' : 'ascending' }
}

/** What people look for first: names from A, the next expiry, the newest, the most. */
export function firstDirection(sort: KeySort): Direction {
  return sort === 'name' || sort === 'expires' ? 'ascending' : 'descending'
}

/**
 * A text without the secret of any key in it: a token that someone found and pasted here is cut down to its start,
 * by which the key is found, and neither the address bar nor a log learns the rest.
 */
export function withoutTokens(text: string): string {
  return text.replace(/([a-z][a-z0-9]{1,11}_[0-9A-Za-z]{4})[0-9A-Za-z]{45,}/g, '$1')
}

/**
 * The same for what is searched for, where half a token is cut as well: a part of a name that looks like one still
 * finds it, since its beginning does.
 */
export function searchable(text: string): string {
  return text.replace(/([a-z][a-z0-9]{1,11}_[0-9A-Za-z]{4})[0-9A-Za-z]{16,}/g, '$1')
}

function isOneOf<T extends string>(list: readonly T[], value: string): value is T {
  return list.includes(value as T)
}
