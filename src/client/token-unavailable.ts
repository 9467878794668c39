/** Why no token could be had. */
export type TokenFailure =
  /** The authorization server could not be reached. */
  | 'unreachable'
  /** It did not answer in time. */
  | 'timeout'
  /** It refused the client or what was asked for; `error` says what OAuth calls it. */
  | 'refused'
  /** It failed, or told us to come back later. */
  | 'failed'
  /** Its answer is none that a token could be read from. */
  | 'invalid_answer'

/**
 * No token that is still good, and none to be had right now. The request was not sent. Neither secret nor token is
 * in it, and no cause hangs on it.
 */
export class TokenUnavailable extends Error {
  override readonly name = 'TokenUnavailable'
  readonly code = 'token_unavailable'
  readonly failure: TokenFailure
  /** The OAuth error code of the answer, one of RFC 6749's and RFC 8707's; null for anything else. */
  readonly error: string | null
  /** How long no other attempt will be made, in milliseconds. */
  retryAfterMs = 0
  constructor(failure: TokenFailure, message: string, error: string | null = null) {
    super(message)
    this.failure = failure
    this.error = error
  }
}
