import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Reason } from './reasons.ts'

/** What the parts of the bridge know of each other. */

/** What proves who the bridge is. Its secret is in no log, no error and no URL. */
export interface Credential {
  /**
   * The header of the next request, asked for right before each. Rejects with {@link BridgeFailure} where there is
   * none to be had.
   */
  header(): Promise<{ authorization: string }>
  /**
   * After an answer of 401 or 403 to a request that bore `used` (the whole header's value): `changed` where `header()`
   * now says another, so that the request may be sent again, once. Never rejects.
   */
  refused(used: string, status: number): Promise<'changed' | 'same'>
  /** The gateway said with an answer to a request that bore `used` that the key comes to its end. */
  warned(warning: KeyWarning, used: string): void
  /** Ends what goes on by itself: timers, a renewal that has not been sent. */
  close(): Promise<void>
}

/** The gateway's header `x-postern-warning`. */
export interface KeyWarning {
  code: 'key_expiring' | 'key_retiring'
  /** In epoch milliseconds. */
  endsAt: number
}

export interface OutboundRequest {
  method: 'GET' | 'POST' | 'DELETE'
  /** https, or http to this machine itself. */
  url: URL
  /** Names in lower case; `content-length` and `host` are set by the sender. */
  headers: Readonly<Record<string, string>>
  body?: string | Uint8Array
  /** Aborting closes the connection; before the head has come `send` rejects with reason `aborted`. */
  signal?: AbortSignal
  /** For the answer's head; none unless given. */
  headTimeoutMs?: number
}

export interface OutboundAnswer {
  /** Never a redirect: that is a failure, `redirected`. */
  status: number
  headers: IncomingHttpHeaders
  /** Must be read, or destroyed. Fails where the connection breaks off. */
  body: Readable
}

/**
 * The one way out: over HTTPS_PROXY where that is set, no redirect, over connections that are kept. Rejects with
 * {@link BridgeFailure}, whose `isSent` says whether the server can have seen anything of the request.
 */
export type SendOutbound = (request: OutboundRequest) => Promise<OutboundAnswer>

/** Why something could not be done. `message` is one line for a person, without any secret. */
export class BridgeFailure extends Error {
  override readonly name = 'BridgeFailure'
  readonly reason: Reason
  /** False where it is sure that nothing of the request left this machine for the server. */
  readonly isSent: boolean

  constructor(reason: Reason, message: string, isSent = false) {
    super(message)
    this.reason = reason
    this.isSent = isSent
  }
}

/**
 * One line for the person: on stderr, and as an MCP log message where the client takes it. The same code and text
 * are said once. `text` has no secret and no line break.
 */
export type Tell = (level: 'info' | 'warning' | 'error', code: string, text: string) => void

export interface Environment {
  readonly [name: string]: string | undefined
}

/** What parts that have their own way to the outside are given. */
export interface Surroundings {
  send: SendOutbound
  tell: Tell
  environment: Environment
  /** Epoch milliseconds. */
  now: () => number
}

/** What the command line said; the values are strings as they came. */
export interface ConnectOptions {
  /** The MCP endpoint: checked by {@link secureUrl}, without user, password, query or fragment. */
  url: URL
  keyFile: string | null
  /** `--client-credentials`: whatever else that needs comes by the environment. */
  isClientCredentials: boolean
}

/**
 * `credential/open.ts` exports `openCredential` of this type. Rejects with {@link BridgeFailure} where it is clear at
 * once that there is no credential (no key, a file that others may read, a malformed one).
 */
export type OpenCredential = (options: ConnectOptions, around: Surroundings) => Promise<Credential>

/** `check/check.ts` exports `check` of this type: writes its lines by `print`, answers the exit code. Never rejects. */
export type Check = (
  options: ConnectOptions & { isJson: boolean },
  around: Surroundings,
  print: (line: string) => void,
) => Promise<number>
