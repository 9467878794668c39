import { parseDurationMs } from '../domain/duration.ts'
import { parseDay, parseInstant } from './instant.ts'
import { KeysRefused } from './refused.ts'

/** How long keys may live, in milliseconds. */
export interface LifePolicy {
  defaultLifeMs: number
  maxLifeMs: number
}

/** The rules for a key that may rotate itself: none of its family outlives what one may live. */
export function familyLife<Policy extends LifePolicy & { maxFamilyLifeMs: number }>(policy: Policy): Policy {
  const { defaultLifeMs, maxLifeMs, maxFamilyLifeMs } = policy
  return {
    ...policy,
    defaultLifeMs: Math.min(defaultLifeMs, maxFamilyLifeMs),
    maxLifeMs: Math.min(maxLifeMs, maxFamilyLifeMs),
  }
}

const right = 'such as 180d, 2027-06-01 (the end of that day, UTC) or 2027-06-01T12:00:00Z'

/**
 * The instant (epoch milliseconds) at which a key made at `nowMs` ends: after a duration, at an RFC 3339
 * instant, or at the end of a day, UTC; without `expires`, after the default life. Throws
 * {@link KeysRefused}: `expiry_invalid`, `expiry_past` or `expiry_too_far`.
 */
export function expiryAt(expires: string | undefined, policy: LifePolicy, nowMs: number): number {
  if (expires === undefined) return nowMs + policy.defaultLifeMs
  const at = instantOf(expires.trim(), nowMs)
  if (at === null)
    throw new KeysRefused('expiry_invalid', 'expires', `expires must be a duration or a date, ${right}`)
  if (at <= nowMs)
    throw new KeysRefused('expiry_past', 'expires', `expires lies in the past: ${new Date(at).toISOString()}`)
  const latest = nowMs + policy.maxLifeMs
  if (at > latest)
    throw new KeysRefused(
      'expiry_too_far',
      'expires',
      `expires is too far away: at most ${Math.floor(policy.maxLifeMs / 8_640_000) / 10} days, until ${new Date(latest).toISOString()}`,
    )
  return at
}

function instantOf(text: string, nowMs: number): number | null {
  const lifeMs = parseDurationMs(text)
  // Far beyond any policy, and still a date that can be shown.
  if (lifeMs !== null) return nowMs + Math.min(lifeMs, 100_000 * 86_400_000)
  // The whole day counts: the key is dead at the first instant of the next.
  return parseDay(text)?.end ?? parseInstant(text)
}
