import type { KeyWithUser } from './key-store.ts'
import type { Notice } from './notice.ts'
import type { Page } from './ports.ts'

/** What a sweep found about one key: what is due now, and when to look again. */
export interface SweepFinding {
  keyId: string
  notices: readonly Notice[]
  /** Set where the overlap has ended and nothing says so yet, else ignored: what `revoked_at` becomes. */
  retire: { at: number; reason: string } | null
  nextDueAt: number | null
}

/** A notice with what became of its deliveries. */
export interface NoticeWithDeliveries {
  notice: Notice
  deliveries: readonly Delivery[]
}

export type Channel = 'email' | 'webhook' | 'slack'

/** One notice to one recipient over one channel. */
export interface Delivery {
  id: string
  noticeId: string
  channel: Channel
  /** An address; for webhooks and Slack the name of the endpoint in the settings, never its URL. */
  recipient: string
  state: 'waiting' | 'delivered' | 'dead'
  attempts: number
  dueAt: number
  settledAt: number | null
  /** Why the last attempt that came to an end failed; null where it didn't. */
  lastFailure: string | null
}

/** For the notices room. */
export interface NoticeStore {
  /**
   * Takes up to `limit` keys whose time has come, skipping those that another node has in hand, asks `judge` about
   * all of them, and writes what it found in one transaction. Answers how many keys there were.
   */
  sweep(
    at: number,
    limit: number,
    judge: (due: readonly (KeyWithUser & { hasSuccessor: boolean })[]) => readonly SweepFinding[],
  ): Promise<number>
  /** Writes a notice of its own, unless its occasion had one. */
  add(notice: Notice): Promise<void>
  /**
   * Takes up to `limit` notices that have no deliveries yet and writes those that `route` names. `escalated` says
   * whether an earlier notice about the same key, of the same kind, was never acknowledged.
   */
  route(
    at: number,
    limit: number,
    route: (notice: Notice, escalated: boolean) => readonly Pick<Delivery, 'id' | 'channel' | 'recipient'>[],
  ): Promise<number>
  /** Claims up to `limit` deliveries that are due, until `lapsesAt`, and records the beginning of an attempt for each. */
  claim(
    at: number,
    lapsesAt: number,
    limit: number,
    share?: {
      /** The most for one recipient. */
      perRecipient: number
      /** Recipients that get nothing now, as `channel:recipient`. */
      except: readonly string[]
    },
  ): Promise<{ delivery: Delivery; notice: Notice }[]>
  /** Records the end of the attempt that `delivery` was claimed for, unless another has claimed it since. */
  settle(
    delivery: Pick<Delivery, 'id' | 'attempts'>,
    end: { at: number; failure: string | null; state: Delivery['state']; dueAt: number },
  ): Promise<void>
  /** Newest first. */
  list(filter: {
    keyId?: string
    serviceUserId?: string
    /** Of service users whose owner or backup owner has this address. */
    ownedBy?: string
    unacknowledged?: boolean
    cursor?: string
    limit: number
  }): Promise<Page<NoticeWithDeliveries>>
  /**
   * Null where there is no such notice, or it isn't of a service user whose owner or backup owner is `ownedBy`.
   * Acknowledging twice changes nothing.
   */
  acknowledge(id: string, by: string, at: number, ownedBy?: string): Promise<NoticeWithDeliveries | null>
  /** Removes idempotency keys from before `before`. */
  forgetIdempotencyKeys(before: number): Promise<void>
}
