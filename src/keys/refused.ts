/** Why something about keys was refused. */
export type KeysRefusalCode =
  | 'name_invalid'
  | 'name_taken'
  | 'owner_invalid'
  | 'owner_required'
  | 'customer_invalid'
  | 'expiry_invalid'
  | 'expiry_past'
  | 'expiry_too_far'
  | 'reason_invalid'
  | 'idempotency_key_invalid'
  | 'idempotency_key_reused'
  | 'not_found'
  | 'too_many_keys'
  | 'already_revoked'
  | 'already_disabled'
  | 'not_disabled'
  | 'service_user_disabled'
  | 'key_revoked'
  | 'key_expired'
  | 'key_retired'
  | 'already_rotated'
  | 'rotation_not_granted'
  | 'family_ended'
  | 'not_rotated'
  | 'successor_rotated'
  | 'overlap_invalid'
  | 'overlap_past'
  | 'overlap_not_longer'
  | 'overlap_over'
  | 'overlap_too_long'
  | 'tool_pattern_invalid'
  | 'address_invalid'
  | 'limit_invalid'
  | 'version_changed'

/** A refusal with a stable code, the field that it is about, and one sentence for the person who asked. */
export class KeysRefused extends Error {
  override readonly name = 'KeysRefused'
  readonly code: KeysRefusalCode
  readonly field: string | null
  /** For `already_rotated`: what the key was rotated into; null where that is revoked. */
  readonly successorId: string | null
  /** Where in a list the fault is: which entry, and which of its characters, both from 0. */
  readonly place: { index: number; position: number } | null
  constructor(
    code: KeysRefusalCode,
    field: string | null,
    message: string,
    successorId: string | null = null,
    place: { index: number; position: number } | null = null,
  ) {
    super(message)
    this.code = code
    this.field = field
    this.successorId = successorId
    this.place = place
  }
}
