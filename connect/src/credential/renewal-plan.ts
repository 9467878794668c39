import type { KnownKey } from './own-key.ts'

/** When a key is renewed. Epoch milliseconds by the gateway's clock. */
export type RenewalPlan =
  | { kind: 'renews'; at: number; until: number }
  /** It may not renew itself. */
  | { kind: 'not-granted' }
  /** Its family's time is over: a successor would not live longer than the key itself. */
  | { kind: 'family-ended'; at: number }

const dayMs = 86_400_000
const longestWindowMs = 30 * dayMs

/**
 * The one decision about when a key is renewed: with a third of its life to go, or 30 days where that is more; of many
 * alike, up to a tenth of that earlier, by `chance` (0 to 1). One that is in its overlap already is asked for at once: its
 * successor's secret may have been lost on the way.
 */
export function planRenewal(key: KnownKey, chance: number): RenewalPlan {
  const { renewableUntil, isRetiring, createdAt, endsAt, now } = key
  if (renewableUntil === null) return { kind: 'not-granted' }
  if (isRetiring) return { kind: 'renews', at: now, until: renewableUntil }
  if (renewableUntil <= endsAt) return { kind: 'family-ended', at: endsAt }
  const windowMs = Math.min((endsAt - createdAt) / 3, longestWindowMs)
  return { kind: 'renews', at: Math.round(endsAt - windowMs * (1 + 0.1 * chance)), until: renewableUntil }
}
