import { Buffer } from 'node:buffer'
import type { Route, Upstream } from '../config.ts'
import type { Allowed } from '../domain/verdict.ts'
import type { SessionSeal } from '../mcp/sessions.ts'
import { isSessionId } from '../mcp/sessions.ts'
import type { Front } from './front.ts'
import { headerAt } from './response-head.ts'

/** Whom a backend's name is given to: what it is sealed for. */
export interface NameOwner {
  route: Pick<Route, 'path'>
  allowed: Pick<Allowed, 'principal'>
}

/** The backend's names that a request carries, opened; null where it carries none. */
export interface OpenedNames {
  sessionId: string | null
  /** Path and query that the backend named for posting to it (2024-11-05). */
  endpoint: string | null
}

/**
 * The backend's names that clients bring back: session ids, and the place to post to. What a client sees of them is
 * sealed for its principal and its route, so that nobody can use another's.
 */
export interface McpNames {
  /** Null where the request brings a name that isn't its caller's: there is no such session. */
  open(front: Front, owner: NameOwner, isModern: boolean): OpenedNames | null
  /** Null where the backend's id is none. */
  sealSession(id: string, owner: NameOwner): string | null
  /**
   * Where the client is to post, on the path where it listens. Null where the backend names another origin than its
   * own, or no URL at all. `base`: the URL that the backend was asked by.
   */
  sealEndpoint(named: string, base: URL, path: string, owner: NameOwner): string | null
}

/** For a request that carries none. */
export const noNames: OpenedNames = { sessionId: null, endpoint: null }
/** What {@link McpNames.sealEndpoint} makes, and nothing else. */
const endpointQuery = /^sessionId=([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{1,4096})$/

export function createMcpNames(seal: SessionSeal): McpNames {
  return {
    open({ head, query, arrival }, owner, isModern) {
      const given = head.get('mcp-session-id')
      const endpoint = query === '' || arrival.httpMethod !== 'POST' ? null : endpointQuery.exec(query)
      // A session's name at the backend, past the one that its owner was given.
      if (endpoint === null && !isModern && arrival.httpMethod === 'POST' && namesSession(query)) return null
      if (given === null && endpoint === null) return noNames
      const opened = { ...noNames }
      // From 2026-07-28 on there are no sessions: the header means nothing, and doesn't go on.
      if (given !== null && !isModern) {
        opened.sessionId = seal.open('session', given, nameOf(owner))
        if (opened.sessionId === null) return null
      }
      if (endpoint !== null) {
        const path = seal.open('endpoint', endpoint[1] ?? '', nameOf(owner))
        if (path === null) return null
        opened.endpoint = Buffer.from(path, 'base64url').toString('latin1')
      }
      return opened
    },
    sealSession: (id, owner) => (isSessionId(id) ? seal.seal('session', id, nameOf(owner)) : null),
    sealEndpoint(named, base, path, owner) {
      const url = URL.canParse(named, base.href) ? new URL(named, base) : null
      if (url === null || url.origin !== base.origin || url.username !== '' || url.password !== '')
        return null
      const target = url.pathname + url.search
      if (target.length > 2048) return null
      const value = Buffer.from(target, 'latin1').toString('base64url')
      return `${path}?sessionId=${seal.seal('endpoint', value, nameOf(owner))}`
    },
  }
}

/**
 * Makes the head that goes to an MCP backend fit in place: its own session id, and no encoding that would hide the
 * answer from us.
 */
export function settleHead(headers: string[], sessionId: string | null): void {
  const encoding = headerAt(headers, 'accept-encoding')
  if (encoding !== -1) headers[encoding + 1] = 'identity'
  const session = headerAt(headers, 'mcp-session-id')
  if (session === -1) return
  if (sessionId === null) headers.splice(session, 2)
  else headers[session + 1] = sessionId
}

/** The path and query that a request goes on to. */
export function targetOf(front: Front, upstream: Upstream, { endpoint }: OpenedNames): string {
  if (endpoint !== null) return endpoint
  return (upstream.path ?? front.path) + (front.query === '' ? '' : `?${front.query}`)
}

/** As the backends of 2024-11-05 do in the endpoints that they name, in TypeScript and in Python. */
function namesSession(query: string): boolean {
  if (query === '') return false
  const parameters = new URLSearchParams(query)
  return parameters.has('sessionId') || parameters.has('session_id')
}

function nameOf({ route, allowed }: NameOwner): string {
  return JSON.stringify([route.path, allowed.principal.kind, allowed.principal.id])
}
