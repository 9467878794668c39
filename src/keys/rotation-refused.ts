import type { OverlapRefusal } from '../domain/overlap.ts'
import type { RotationRefusal } from '../domain/rotation.ts'
import { noSuchKey } from './parts.ts'
import { KeysRefused } from './refused.ts'

type Refusal = Exclude<RotationRefusal | OverlapRefusal, 'not_found'>

const refusals: Record<Refusal, { field: string; message: string }> = {
  service_user_disabled: { field: 'id', message: 'the service user of this key is disabled' },
  key_revoked: { field: 'id', message: 'this key is revoked' },
  key_expired: { field: 'id', message: 'this key has expired' },
  key_retired: { field: 'id', message: 'this key was rotated, and its overlap is over' },
  already_rotated: {
    field: 'id',
    message: 'this key was rotated before, and what it was rotated into is revoked: undo the rotation first',
  },
  rotation_not_granted: { field: 'id', message: 'this key may not rotate itself' },
  family_ended: {
    field: 'id',
    message: 'keys that renew themselves may go on for no longer: an administrator has to rotate this one',
  },
  not_rotated: { field: 'id', message: 'this key is in no rotation that stands' },
  successor_rotated: {
    field: 'id',
    message: 'the successor of this key was rotated itself: undo that rotation first',
  },
  too_many_keys: {
    field: 'id',
    message: 'the service user has as many active keys as it may have: revoke one first',
  },
  overlap_over: { field: 'id', message: 'the overlap is over: the old key is dead' },
  overlap_past: { field: 'until', message: 'the new end of the overlap lies in the past' },
  overlap_not_longer: {
    field: 'until',
    message: 'the overlap lasts as long as that already; to shorten it, end it',
  },
  overlap_too_long: { field: 'overlap', message: 'the overlap would be longer than the policy allows' },
}

/** What the rules of rotation refuse, as the refusal of this room. */
export function rotationRefused(
  code: Refusal | 'not_found',
  successorId: string | null,
  { maxOverlapMs }: { maxOverlapMs: number },
): KeysRefused {
  if (code === 'not_found') return noSuchKey()
  const { field, message } = refusals[code]
  if (code === 'overlap_too_long')
    return new KeysRefused(
      code,
      field,
      `${message}: at most ${Math.floor(maxOverlapMs / 8_640_000) / 10} days`,
    )
  if (code === 'already_rotated' && successorId !== null)
    return new KeysRefused(code, field, `this key was rotated before, into ${successorId}`, successorId)
  return new KeysRefused(code, field, message)
}
