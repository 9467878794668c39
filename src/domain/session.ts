/** What a session system may look at: a request's head. A web `Request` is one. */
export interface SessionRequest {
  readonly headers: { get(name: string): string | null }
  /** The path and query, or the whole URL. */
  readonly url?: string
}

/** A person's session, once it is proven. */
export interface Session {
  /** Who it is: printable ASCII without spaces, since it becomes a header. */
  id: string
  customer?: string | null
  /** The instant from which it no longer holds, in epoch milliseconds; without one it is judged once. */
  endsAt?: number | null
}

/**
 * Whose session a request carries; null where it carries none. Throws {@link SessionRefused} for one that is wrong;
 * an error whose `code` is `store_unavailable` says that it can't be judged now, and any other refuses it, too.
 */
export type ReadSession = (request: SessionRequest) => Session | null | Promise<Session | null>

/** People's sessions, whoever keeps them. */
export interface SessionSystem {
  /** Whether a cookie of this name is part of a session: such a cookie is not sent upstream. */
  ownsCookie(name: string): boolean
  read: ReadSession
}

/** There is a session, and it is not accepted. The message is for the log's debug level: no secrets. */
export class SessionRefused extends Error {
  override readonly name = 'SessionRefused'
  readonly code = 'invalid_session'
}
