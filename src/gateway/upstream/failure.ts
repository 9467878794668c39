import type { Reason } from '../../domain/verdict.ts'

/** Why a call got no whole answer; without a reason it was ended by a stop of this node. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure'
  readonly reason: Reason | null
  constructor(reason: Reason | null, message: string) {
    super(message)
    this.reason = reason
  }
}
