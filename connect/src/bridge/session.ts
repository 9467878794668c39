import type { IncomingHttpHeaders } from 'node:http'
import type { Message, Reading } from '../protocol/message.ts'
import { isRecord } from '../protocol/message.ts'

/**
 * What an older revision agreed on with `initialize`, and all that has to be said again where the server has lost it.
 * 2026-07-28 has nothing of it.
 */
export interface Session {
  /** The server's name for it; null where it keeps none, or none is open. */
  id: string | null
  /** What was agreed on; null before that. */
  revision: string | null
  /** Where messages are posted, if it isn't the endpoint: 2024-11-05. */
  postUrl: URL | null
  /** The client's own `initialize`; null before it. */
  handshake: Message | null
  handshakeText: string
  /** The client's `notifications/initialized`; null before it. */
  initializedText: string | null
  /** Whether the server said that it sends log messages. */
  hasLogging: boolean
  /** The last `logging/setLevel`. */
  logLevel: string | null
  /** What makes a new session like the old one: requests of the client by what they are about. */
  standing: Map<string, string>
  /** The server's own requests that the client has not answered yet, by their id. */
  asked: Set<string>
}

export function createSession(): Session {
  return {
    id: null,
    revision: null,
    postUrl: null,
    handshake: null,
    handshakeText: '',
    initializedText: null,
    hasLogging: false,
    logLevel: null,
    standing: new Map(),
    asked: new Set(),
  }
}

/** The headers that go with each message of a session. */
export function sessionHeaders({ id, revision }: Session): Record<string, string> {
  return {
    ...(id === null ? {} : { 'mcp-session-id': id }),
    ...(revision === null ? {} : { 'mcp-protocol-version': revision }),
  }
}

/** Takes in the answer to `initialize`: the header of the answer, and its result. */
export function openSession(
  session: Session,
  headers: IncomingHttpHeaders,
  result: Record<string, unknown>,
): void {
  const id = headers['mcp-session-id']
  const { protocolVersion, capabilities } = result
  session.id = typeof id === 'string' && id !== '' ? id : null
  session.revision = typeof protocolVersion === 'string' ? protocolVersion : null
  session.hasLogging = isRecord(capabilities) && 'logging' in capabilities
  session.asked.clear()
}

/** Keeps what the client says for the whole session, as it goes by. */
export function noteSaid(session: Session, { text, messages, isBatch }: Reading): void {
  const [message] = messages
  if (isBatch || message === undefined) return
  const { method, params } = message
  if (method === 'initialize') {
    session.handshake = message
    session.handshakeText = text
    session.initializedText = null
    session.logLevel = null
    session.standing.clear()
  } else if (method === 'notifications/initialized') {
    session.initializedText = text
  } else if (method === 'logging/setLevel') {
    session.logLevel = typeof params['level'] === 'string' ? params['level'] : null
    session.standing.set('level', text)
  } else if (method === 'resources/subscribe') {
    session.standing.set(`resource ${String(params['uri'])}`, text)
  } else if (method === 'resources/unsubscribe') {
    session.standing.delete(`resource ${String(params['uri'])}`)
  }
}
