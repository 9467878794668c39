import type { KeySituation } from './key-store.ts'
import type { ServiceKey } from './service-key.ts'

export type OverlapRefusal =
  | 'not_found'
  | 'not_rotated'
  | 'key_revoked'
  | 'overlap_over'
  | 'overlap_past'
  | 'overlap_not_longer'
  | 'overlap_too_long'
  | 'successor_rotated'
  | 'too_many_keys'

/** When the overlap ends from now on (epoch milliseconds), or why it stays as it is. */
export type OverlapDecision = { endsAt: number } | { refused: OverlapRefusal }

/** Whether the overlap of the situation's key, the predecessor, can end at `now` (epoch milliseconds). */
export function decideOverlapEnd({ key }: KeySituation, now: number): OverlapDecision {
  const refused = key === null ? 'not_found' : refusalOfOverlap(key, now)
  return refused === null ? { endsAt: now } : { refused }
}

/**
 * Whether the overlap of the situation's key, the predecessor, can last until `until` (epoch milliseconds): at most
 * `maxOverlapMs` from its rotation. No overlap goes past the key's own expiry.
 */
export function decideOverlapExtension(
  { key, successor }: KeySituation,
  until: number,
  { maxOverlapMs }: { maxOverlapMs: number },
  now: number,
): OverlapDecision {
  if (key === null) return { refused: 'not_found' }
  const refused = refusalOfOverlap(key, now)
  if (refused !== null) return { refused }
  if (successor === null) return { refused: 'not_rotated' }
  if (until <= now) return { refused: 'overlap_past' }
  const endsAt = Math.min(until, key.expiresAt)
  if (endsAt > successor.createdAt + maxOverlapMs) return { refused: 'overlap_too_long' }
  // "For a day more" said as "for a day" must not cut a week short: ending early is asked for by its name.
  if (endsAt <= (key.retiresAt ?? 0)) return { refused: 'overlap_not_longer' }
  return { endsAt }
}

/**
 * Why the rotation whose successor is the situation's key can't be undone at `now` (epoch milliseconds), or null
 * where it can: only while the predecessor lives, which then is the one key again.
 */
export function refusalOfUndo(
  { key, predecessor, successor }: KeySituation,
  now: number,
): OverlapRefusal | null {
  if (key === null) return 'not_found'
  if (predecessor === null || key.revokedAt !== null) return 'not_rotated'
  if (key.retiresAt !== null && successor !== null && successor.mintedBy !== key.id)
    return 'successor_rotated'
  return refusalOfOverlap(predecessor, now)
}

/** As {@link refusalOfUndo}, where the successor is revoked already: the situation's key is the predecessor. */
export function refusalOfRevival(
  { key, successor, activeKeys }: KeySituation,
  { keysPerServiceUser }: { keysPerServiceUser: number },
  now: number,
): OverlapRefusal | null {
  if (key === null) return 'not_found'
  if (successor !== null) return 'not_rotated'
  return refusalOfOverlap(key, now) ?? (activeKeys < keysPerServiceUser ? null : 'too_many_keys')
}

/** Why there is no overlap to change, or null while the rotated key lives. */
function refusalOfOverlap(predecessor: ServiceKey, now: number): OverlapRefusal | null {
  const { retiresAt, revokedAt, expiresAt } = predecessor
  if (retiresAt === null) return revokedAt === null ? 'not_rotated' : 'key_revoked'
  if (retiresAt <= now || expiresAt <= now) return 'overlap_over'
  return revokedAt === null ? null : 'key_revoked'
}

/**
 * Whether something lives that came of a key by rotation and would go on beside it, were the rotation undone: all but
 * its successor, and what that minted itself. `line` is all that came of it.
 */
export function livesOnElsewhere(
  key: ServiceKey,
  successor: ServiceKey | null,
  line: readonly ServiceKey[],
): boolean {
  const goesWithIt = (id: string | null): boolean =>
    id !== null && (id === successor?.id || goesWithIt(line.find((each) => each.id === id)?.mintedBy ?? null))
  return line.some(
    (each) =>
      each.predecessorId === key.id &&
      ((each.revokedAt === null && !goesWithIt(each.id)) || livesOnElsewhere(each, successor, line)),
  )
}
