/** Why something about keys was refused. */
export type KeysRefusalCode =
  | 'name_invalid'
  | 'name_taken'
  | 'owner_invalid'
  | 'customer_invalid'
  | 'expiry_invalid'
  | 'expiry_past'
  | 'expiry_too_far'
  | 'reason_invalid'
  | 'not_found'
  | 'already_revoked'
  | 'service_user_disabled'

/** A refusal with a stable code, the field that it is about, and one sentence for the person who asked. */
export class KeysRefused extends Error {
  override readonly name = 'KeysRefused'
  readonly code: KeysRefusalCode
  readonly field: string | null
  constructor(code: KeysRefusalCode, field: string | null, message: string) {
    super(message)
    this.code = code
    this.field = field
  }
}
