/** When a new key is to end: after a number of days, or with a day (UTC). */
export type ExpiryChoice = { days: number } | { date: string }

/** How long keys may live, as `/me` says. */
export interface LifePolicy {
  defaultLifeMs: number
  maxLifeMs: number
}

const dayMs = 86_400_000
const usualDays = [30, 90, 180, 365]

/** The spans to offer, in days: the usual ones within the policy, and always the policy's own default. */
export function expiryChips({ defaultLifeMs, maxLifeMs }: LifePolicy): number[] {
  const days = new Set(usualDays.filter((each) => each * dayMs <= maxLifeMs))
  const defaultDays = Math.floor(defaultLifeMs / dayMs)
  if (defaultDays >= 1) days.add(defaultDays)
  return [...days].sort((a, b) => a - b)
}

/** What is chosen at first: the policy's default, or the end of today where that is less than a day. */
export function firstExpiry(policy: LifePolicy, nowMs: number): ExpiryChoice {
  const days = Math.floor(policy.defaultLifeMs / dayMs)
  return days >= 1 ? { days } : { date: dayOf(nowMs) }
}

/** The first and last day (UTC) that a date input may take: a day counts to its end, which lies within the policy. */
export function dayBounds(
  { maxLifeMs }: Pick<LifePolicy, 'maxLifeMs'>,
  nowMs: number,
): { min: string; max: string } {
  const min = dayOf(nowMs)
  const max = dayOf(nowMs + maxLifeMs - dayMs)
  return { min, max: max < min ? min : max }
}

/** The instant (epoch milliseconds) at which a key made at `nowMs` would end; null for a date that is none. */
export function endOf(choice: ExpiryChoice, nowMs: number): number | null {
  if ('days' in choice) return nowMs + choice.days * dayMs
  const start = /^\d{4}-\d{2}-\d{2}$/.test(choice.date) ? Date.parse(`${choice.date}T00:00:00Z`) : NaN
  return Number.isNaN(start) ? null : start + dayMs
}

/** The choice as API and CLI take it. */
export function expiresText(choice: ExpiryChoice): string {
  return 'days' in choice ? `${choice.days}d` : choice.date
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
