import type { Grants } from './grant.ts'
import { limitsAnything } from './limit.ts'
import { keyState, type KeyState } from './key-state.ts'
import type { KeySituation } from './key-store.ts'
import type { ServiceKey } from './service-key.ts'

/** What rotations go by. Durations in milliseconds. */
export interface RotationPolicy {
  defaultLifeMs: number
  overlapMs: number
  maxOverlapMs: number
  maxFamilyLifeMs: number
  /** Whether keys are limited in how much they may be used though they have no limits of their own. */
  limitsAllKeys?: boolean
}

/** Who asks, and for what. A repeat is a request whose idempotency key has led to the successor before. */
export type RotationRequest =
  | { by: 'administrator'; overlapMs: number | null; expiresAt: number }
  | { by: 'itself'; isRepeat: boolean }

/** What the successor takes over and what it gets. */
export type SuccessorTerms = Pick<
  ServiceKey,
  'serviceUserId' | 'name' | 'expiresAt' | 'predecessorId' | 'mintedBy' | 'familyEndsAt'
> & { grants: Grants }

export type RotationRefusal =
  | 'not_found'
  | 'service_user_disabled'
  | 'key_revoked'
  | 'key_expired'
  | 'key_retired'
  | 'already_rotated'
  | 'overlap_too_long'
  | 'rotation_not_granted'
  | 'family_ended'

/** What becomes of a request. `reissue`: the successor was never used, so it gets a new secret in place of the old. */
export type RotationDecision =
  | { do: 'rotate'; predecessorEndsAt: number; successor: SuccessorTerms }
  | { do: 'reissue'; successor: ServiceKey }
  | { do: 'refuse'; code: RotationRefusal; successorId: string | null }

/**
 * The one decision about a rotation at `now` (epoch milliseconds). It is asked within the transaction that writes
 * what it says, so that of two rotations at once the second finds what the first has made.
 */
export function decideRotation(
  situation: KeySituation,
  request: RotationRequest,
  policy: RotationPolicy,
  now: number,
): RotationDecision {
  const { key, user, successor } = situation
  if (key === null) return refuse('not_found')
  if (request.by === 'itself' && (key.grants.selfRotate !== true || key.familyEndsAt === null))
    return refuse('rotation_not_granted')

  const state = keyState(key, user, now)
  if (state === 'revoked' || state === 'disabled') return refuse(refusals[state])
  if (key.retiresAt !== null && successor !== null) {
    const isForItself = request.by === 'itself' && request.isRepeat && state === 'retiring'
    return isForItself && isUntouched(successor, key, now)
      ? { do: 'reissue', successor }
      : { do: 'refuse', code: 'already_rotated', successorId: successor.id }
  }
  if (state !== 'active') return refuse(refusals[state])

  const overlapMs = request.by === 'itself' ? ownOverlapMs(policy) : (request.overlapMs ?? policy.overlapMs)
  if (overlapMs > policy.maxOverlapMs) return refuse('overlap_too_long')
  const successorLife =
    request.by === 'itself' ? ownLife(key, policy, now) : givenLife(key, request, policy, now)
  if (successorLife.expiresAt <= now) return refuse('family_ended')
  const { serviceUserId, name } = key
  const grants = countedOn(key, policy)
  return {
    do: 'rotate',
    predecessorEndsAt: Math.min(now + overlapMs, key.expiresAt),
    successor: { serviceUserId, name, grants, predecessorId: key.id, ...successorLife },
  }
}

/** A rotation is no way to a new quota: what the line has used counts on. */
function countedOn({ id, grants }: ServiceKey, { limitsAllKeys = false }: RotationPolicy): Grants {
  const { limits = {} } = grants
  if (limits.countedAs !== undefined || !(limitsAllKeys || limitsAnything(limits))) return grants
  return { ...grants, limits: { ...limits, countedAs: id } }
}

const refusals = {
  revoked: 'key_revoked',
  disabled: 'service_user_disabled',
  expired: 'key_expired',
  retired: 'key_retired',
  // Its successor was revoked, which is no reason to make another one beside it: the rotation can be undone.
  retiring: 'already_rotated',
} as const satisfies Record<Exclude<KeyState, 'active'>, RotationRefusal>

const hourMs = 3_600_000

/** Without an overlap, an agent whose answer got lost could not ask again: it is an hour at least. */
function ownOverlapMs({ overlapMs, maxOverlapMs }: RotationPolicy): number {
  return Math.max(overlapMs, Math.min(hourMs, maxOverlapMs))
}

type Life = Pick<ServiceKey, 'expiresAt' | 'mintedBy' | 'familyEndsAt'>

/** A key that renews itself stays within what an administrator once allowed (T33). */
function ownLife(key: ServiceKey, policy: RotationPolicy, now: number): Life {
  const familyEndsAt = key.familyEndsAt ?? now
  return { expiresAt: Math.min(now + policy.defaultLifeMs, familyEndsAt), mintedBy: key.id, familyEndsAt }
}

/** With an administrator's rotation a new family begins. */
function givenLife(
  key: ServiceKey,
  { expiresAt }: { expiresAt: number },
  policy: RotationPolicy,
  now: number,
): Life {
  const familyEndsAt = key.grants.selfRotate === true ? now + policy.maxFamilyLifeMs : null
  return { expiresAt, mintedBy: null, familyEndsAt }
}

/** Whether nobody can miss the successor's secret: it was made by this key, and never used. */
function isUntouched(successor: ServiceKey, key: ServiceKey, now: number): boolean {
  return (
    successor.mintedBy === key.id &&
    successor.lastUsedAt === null &&
    successor.retiresAt === null &&
    successor.expiresAt > now
  )
}

function refuse(code: RotationRefusal): RotationDecision {
  return { do: 'refuse', code, successorId: null }
}
