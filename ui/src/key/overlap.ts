/** What rotations go by, as `/me` says. In milliseconds. */
export interface OverlapPolicy {
  overlapMs: number
  maxOverlapMs: number
}

export interface OverlapChoice {
  /** As API and CLI take it. */
  text: string
  overlapMs: number
  isDefault: boolean
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const
const usualMs = [0, 3_600_000, 24 * 3_600_000, 7 * 86_400_000]

/** How long both keys may work, to choose from: the usual spans that the policy allows, and always its default. */
export function overlapChoices({ overlapMs, maxOverlapMs }: OverlapPolicy): OverlapChoice[] {
  const spans = new Set([...usualMs.filter((each) => each <= maxOverlapMs), overlapMs])
  return [...spans]
    .toSorted((one, other) => one - other)
    .map((each) => ({ text: durationArgument(each), overlapMs: each, isDefault: each === overlapMs }))
}

/** A whole number of milliseconds as API and CLI take it: `7d`, `36h`, `0`. A day is told as 24 hours. */
export function durationArgument(durationMs: number): string {
  if (durationMs === 0) return '0'
  if (durationMs === 86_400_000) return '24h'
  const [unit, size] = units.find(([, size]) => durationMs % size === 0) ?? ['ms', 1]
  return `${durationMs / size}${unit}`
}

/** The same for people: `now`, `1 hour`, `7 days`. */
export function spanWords(durationMs: number): string {
  if (durationMs === 0) return 'now'
  const text = durationArgument(durationMs)
  const names: Record<string, string> = { d: 'day', h: 'hour', m: 'minute', s: 'second', ms: 'millisecond' }
  const count = Number.parseInt(text, 10)
  return `${count} ${names[text.replace(/^\d+/, '')]}${count === 1 ? '' : 's'}`
}

/** What was typed for a span of one's own: `36h` of ` 36 h `, `3d` of `3 days`; the text itself where it is none. */
export function typedDuration(text: string): string {
  const match = /^\s*([0-9]+)\s*(ms|s|m|h|d|[a-z]+)\s*$/i.exec(text)
  if (match === null) return text.trim()
  const [, count, unit = ''] = match
  const short =
    units.find(([short]) => short === unit.toLowerCase())?.[0] ?? longUnits.get(unit.toLowerCase())
  return short === undefined ? text.trim() : `${count}${short}`
}

const longUnits = new Map([
  ['day', 'd'],
  ['days', 'd'],
  ['hour', 'h'],
  ['hours', 'h'],
  ['minute', 'm'],
  ['minutes', 'm'],
  ['min', 'm'],
])
