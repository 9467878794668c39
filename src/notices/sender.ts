import type { Notice } from '../domain/notice.ts'
import type { Channel, Delivery } from '../domain/notice-store.ts'

/** How an attempt ended: `failure` is null where it arrived. It is stored and shown, so it names no URL and no secret. */
export type Attempt = { failure: null } | { failure: string; isFinal: boolean }

/** One channel: to whom a notice goes over it, and how. */
export interface Sender {
  readonly channel: Channel
  /** Each once; none where the notice has nobody to go to here. */
  recipients(notice: Notice, escalated: boolean): readonly string[]
  /** One attempt. It ends within a bound of its own, and never rejects for what the other side does. */
  send(delivery: Pick<Delivery, 'id' | 'recipient'>, notice: Notice): Promise<Attempt>
}

export const arrived: Attempt = { failure: null }

/** An attempt that is worth another one. */
export function failed(failure: string): Attempt {
  return { failure, isFinal: false }
}

/** An attempt that said that none will ever arrive. */
export function refused(failure: string): Attempt {
  return { failure, isFinal: true }
}
