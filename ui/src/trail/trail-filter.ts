/** What the trail is asked for. Absent: everything. */
export interface TrailFilter {
  /** How far back from now, or `custom`: `from` and `to` count. */
  range: TrailRange
  /** Dates (`2027-06-01`, UTC) or RFC 3339 instants. */
  from?: string
  to?: string
  serviceUser?: string
  key?: string
  tool?: string
  outcome?: string
  reason?: string
}

export const trailRanges = ['1h', '24h', '7d', '30d', 'all', 'custom'] as const
export type TrailRange = (typeof trailRanges)[number]

const fields = ['serviceUser', 'key', 'tool', 'outcome', 'reason'] as const

const hourMs = 3_600_000
const rangeMs: Partial<Record<TrailRange, number>> = {
  '1h': hourMs,
  '24h': 24 * hourMs,
  '7d': 7 * 24 * hourMs,
  '30d': 30 * 24 * hourMs,
}

/** The filter in a page's address; whatever it doesn't know there, it leaves out. */
export function filterOfSearch(search: string): TrailFilter {
  const params = new URLSearchParams(search)
  const asked = params.get('range')
  const filter: TrailFilter = { range: trailRanges.find((range) => range === asked) ?? '24h' }
  for (const field of fields) {
    const value = params.get(field)?.trim()
    if (value) filter[field] = value
  }
  if (filter.range !== 'custom') return filter
  for (const field of ['from', 'to'] as const) {
    const value = params.get(field)?.trim()
    if (value) filter[field] = value
  }
  return filter
}

/** The filter as a page's address has it, so that a view can be sent to somebody. */
export function searchOfFilter(filter: TrailFilter): string {
  const params = new URLSearchParams()
  if (filter.range !== '24h') params.set('range', filter.range)
  if (filter.range === 'custom') {
    if (filter.from) params.set('from', filter.from)
    if (filter.to) params.set('to', filter.to)
  }
  for (const field of fields) {
    const value = filter[field]
    if (value) params.set(field, value)
  }
  return params.toString()
}

/** A path of the page with the filter in its query. */
export function addressOf(path: string, filter: TrailFilter): string {
  const search = searchOfFilter(filter)
  return search === '' ? path : `${path}?${search}`
}

/** The filter as the API takes it; `nowMs` (epoch milliseconds) is what a range counts back from. */
export function queryOfFilter(filter: TrailFilter, nowMs: number): Record<string, string> {
  const query: Record<string, string> = {}
  for (const field of fields) {
    const value = filter[field]
    if (value) query[field] = value
  }
  if (filter.range === 'custom') {
    if (filter.from) query['from'] = filter.from
    if (filter.to) query['to'] = filter.to
  }
  const back = rangeMs[filter.range]
  if (back !== undefined) query['from'] = new Date(nowMs - back).toISOString()
  return query
}

/** Whether it lets less through than its time alone would. */
export function isNarrowed(filter: TrailFilter): boolean {
  return fields.some((field) => filter[field] !== undefined)
}
