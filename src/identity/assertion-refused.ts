const messages = {
  missing: 'The request carries no assertion: it did not come through Postern.',
  malformed: 'The assertion is not one.',
  wrong_type: 'The token is of another type.',
  wrong_algorithm: 'The assertion is not signed with EdDSA.',
  unknown_key: 'The assertion is signed with a key that Postern does not publish.',
  bad_signature: 'The signature of the assertion is wrong.',
  wrong_audience: 'The assertion is for another route.',
  expired: 'The assertion is too old.',
  not_yet_valid: 'The assertion is from the future: the clocks differ.',
  not_bound: 'The assertion is not bound to this request.',
  wrong_request: 'The assertion is bound to another request.',
  keys_unavailable: 'The public keys of Postern could not be fetched.',
} as const

/** Why an assertion is refused. */
export type AssertionRefusal = keyof typeof messages

/**
 * The request must not be served as anyone's. `code` is stable; `keys_unavailable` alone is no fault of the caller
 * (503), all others are (401). Neither the assertion nor what is in it is shown.
 */
export class AssertionRefused extends Error {
  override readonly name = 'AssertionRefused'
  readonly code: AssertionRefusal
  constructor(code: AssertionRefusal) {
    super(messages[code])
    this.code = code
  }
}
