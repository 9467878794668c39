import { isPattern, matcherOf, parseToolPattern } from './tool-pattern.ts'

/** How many calls fit into each window of so many seconds. */
export interface Rate {
  readonly points: number
  readonly perSeconds: number
  /** Calls beyond it, of which there are so many again only after {@link burstWindows} windows. */
  readonly burst?: number
}

/** The rate of the tools that a pattern stands for, all of them together. */
export interface ToolRate extends Rate {
  /** As `tool-pattern.ts` reads it: of tools, and not refusing any. */
  readonly tool: string
}

/** How much a key may be used. What is missing isn't limited, unless the deployment has a limit for all keys. */
export interface KeyLimits {
  readonly rate?: Rate
  readonly tools?: readonly ToolRate[]
  /** Calls that may be under way at once. */
  readonly concurrent?: number
  /** Calls in a day, and in a month, of the calendar in UTC. */
  readonly daily?: number
  readonly monthly?: number
  /**
   * The id of the key whose calls are counted with this one's: the first of the line that came of it by rotation, so
   * that a rotation doesn't begin anew. Missing: its own.
   */
  readonly countedAs?: string
}

/** The limit that refused a call, for its answer. */
export interface HitLimit {
  /** Its name outside. */
  policy: 'address' | 'key' | 'tool' | 'rotation' | 'concurrent' | 'day' | 'month' | 'unknown-keys'
  /** How many calls it lets through in a window, or at once. */
  most: number
  /** Null for calls at once. */
  windowSeconds: number | null
  /** When it may be worth asking again. At least 1. */
  retryAfterSeconds: number
}

/** After so many windows of its rate a burst is whole again. */
export const burstWindows = 10

export const mostPoints = 1_000_000_000
export const mostPerSeconds = 86_400
export const mostConcurrent = 10_000
export const mostQuota = 1_000_000_000_000
/** The most rates of tools that one key has. */
export const toolRatesLimit = 20

/** Reads `60/m`, `5/s` or `100/10m`. Answers why it is none, in words that end a sentence about it. */
export function parseRate(text: string): { points: number; perSeconds: number } | string {
  const match = /^([0-9]{1,10})\/([0-9]{0,5})(s|m|h|d)$/.exec(text)
  if (match === null) return rateRight
  const points = Number(match[1])
  const perSeconds =
    (match[2] === '' ? 1 : Number(match[2])) * unitSeconds[match[3] as keyof typeof unitSeconds]
  if (points < 1 || points > mostPoints) return `must let through 1 to ${mostPoints} calls`
  if (perSeconds < 1 || perSeconds > mostPerSeconds) return 'must be about 1 second to 1 day'
  return { points, perSeconds }
}

/** The text of a rate without its burst, as {@link parseRate} reads it. */
export function formatRate({ points, perSeconds }: Pick<Rate, 'points' | 'perSeconds'>): string {
  const unit = (['d', 'h', 'm'] as const).find((name) => perSeconds % unitSeconds[name] === 0) ?? 's'
  const units = perSeconds / unitSeconds[unit]
  return `${points}/${units === 1 ? '' : units}${unit}`
}

/** What a text about a rate's tools must be. Null where it is that. */
export function toolRateFault(pattern: string): string | null {
  const read = parseToolPattern(pattern)
  if (!isPattern(read)) return `${read.fault}, at character ${read.position + 1}`
  if (read.denies) return 'begins with !, which only the list of tools may'
  return read.kind === 'tool' ? null : 'is not about tools'
}

/** Whether this version can judge the limits. What comes out of a database may be of any type. */
export function areLimits(value: unknown): value is KeyLimits {
  if (!isObject(value)) return false
  const { rate, tools, concurrent, daily, monthly, countedAs, ...others } = value as Record<
    keyof KeyLimits,
    unknown
  >
  return (
    Object.keys(others).length === 0 &&
    (rate === undefined || isRate(rate)) &&
    (tools === undefined || areToolRates(tools)) &&
    (concurrent === undefined || isCount(concurrent, mostConcurrent)) &&
    (daily === undefined || isCount(daily, mostQuota)) &&
    (monthly === undefined || isCount(monthly, mostQuota)) &&
    (countedAs === undefined || (typeof countedAs === 'string' && countedAs !== ''))
  )
}

/** The same limits with their parts in one order, for a digest. */
export function sortedLimits(limits: KeyLimits): KeyLimits {
  if (limits.tools === undefined) return limits
  return { ...limits, tools: limits.tools.toSorted((a, b) => (a.tool < b.tool ? -1 : 1)) }
}

/** Whether there is anything in them that limits. */
export function limitsAnything({ rate, tools, concurrent, daily, monthly }: KeyLimits): boolean {
  return [rate, tools, concurrent, daily, monthly].some((limit) => limit !== undefined)
}

/** Limits with which of their tools' rates a tool falls under. */
export interface CompiledLimits extends KeyLimits {
  ratesOf(tool: string): readonly ToolRate[]
}

/** A key's own limits, and for what they don't name those for all keys; null where nothing is limited. */
export function effectiveLimits(own: KeyLimits | undefined, defaults: KeyLimits): CompiledLimits | null {
  const limits = { ...defaults, ...own }
  if (!limitsAnything(limits)) return null
  const tools = (limits.tools ?? []).map((rate) => {
    const read = parseToolPattern(rate.tool)
    // What isn't one was refused long before: here it limits everything rather than nothing.
    return { rate, matches: isPattern(read) ? matcherOf(read.parts) : () => true }
  })
  return {
    ...limits,
    ratesOf: (tool) => tools.filter(({ matches }) => matches(tool)).map(({ rate }) => rate),
  }
}

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const

const rateRight = 'must be calls and a time, such as 60/m, 5/s or 100/10m (s, m, h or d)'

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most
}

function isRate(value: unknown): value is Rate {
  if (!isObject(value)) return false
  const { points, perSeconds, burst, ...others } = value as Record<keyof Rate, unknown>
  return (
    Object.keys(others).length === 0 &&
    isCount(points, mostPoints) &&
    isCount(perSeconds, mostPerSeconds) &&
    (burst === undefined || isCount(burst, mostPoints))
  )
}

function areToolRates(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > toolRatesLimit) return false
  return value.every((each: unknown) => {
    if (!isObject(each)) return false
    const { tool, ...rate } = each as Record<keyof ToolRate, unknown>
    return typeof tool === 'string' && toolRateFault(tool) === null && isRate(rate)
  })
}
