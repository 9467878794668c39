import type { Reason } from './verdict.ts'
import type { ServiceKey, ServiceUser } from './service-key.ts'

/** The state of a key at one moment. It is derived each time and stored nowhere. */
export type KeyState = 'active' | 'retiring' | 'retired' | 'expired' | 'revoked' | 'disabled'

type KeyTimes = Pick<ServiceKey, 'expiresAt' | 'retiresAt' | 'revokedAt'>
type UserTimes = Pick<ServiceUser, 'disabledAt'>

/**
 * The state of a key at `nowMs`. An instant counts as reached at that very millisecond: a key that expires at
 * t works at t − 1 and is dead at t. What someone decided (revoked, disabled) is named before what time did, and
 * holds whatever the clock says: it was written by another node, whose clock may be ahead. A revocation at the very
 * end of an overlap is the tidy-up's record of that end.
 */
export function keyState(key: KeyTimes, user: UserTimes, nowMs: number): KeyState {
  if (key.revokedAt !== null) return key.revokedAt === key.retiresAt ? 'retired' : 'revoked'
  if (user.disabledAt !== null) return 'disabled'
  if (key.expiresAt <= nowMs) return 'expired'
  if (key.retiresAt === null) return 'active'
  return key.retiresAt <= nowMs ? 'retired' : 'retiring'
}

const refusals: Record<KeyState, Reason | null> = {
  active: null,
  retiring: null,
  retired: 'retired_key',
  expired: 'expired_key',
  revoked: 'revoked_key',
  disabled: 'service_user_disabled',
}

/** Why a key in this state opens nothing, or null where it does. */
export function refusalOf(state: KeyState): Reason | null {
  return refusals[state]
}
