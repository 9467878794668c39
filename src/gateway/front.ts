import type { IncomingMessage } from 'node:http'
import { newId } from '../domain/id.ts'
import type { Clock } from '../domain/ports.ts'
import type { Reason } from '../domain/verdict.ts'
import type { Arrival as AnyArrival } from '../front/arrival.ts'
import type { ClientAddress } from '../front/client-address.ts'
import type { Head } from '../front/head.ts'
import { readHead } from '../front/head.ts'
import { readTarget } from '../front/target.ts'
import { traceIdOf } from '../mcp/trace-context.ts'

/** Here the socket's peer says where a request comes from, at least. */
export interface Arrival extends AnyArrival {
  clientAddress: string
}

/** A request whose head can be read in one way only. */
export interface Front {
  arrival: Arrival
  head: Head
  path: string
  query: string
  /** What the client spoke to us, or to the trusted proxy in front. */
  proto: 'http' | 'https'
}

/** A head that is refused. */
export interface UnreadableHead {
  ok: false
  arrival: Arrival
  reason: Reason
  /** Null where it is the URL that can't be read. */
  path: string | null
}

/** What of a request makes its head: an `IncomingMessage`, or the one that a proxy asks about. */
export type RequestHead = Pick<IncomingMessage, 'url' | 'method' | 'rawHeaders' | 'httpVersion' | 'socket'>

export type ReadFront = (request: RequestHead) => FrontReading

export type FrontReading = { ok: true; front: Front } | UnreadableHead

/** Step 1: the canonical URL and head, or a refusal; the request's id, time and client address. No body is touched. */
export function createReadFront(options: {
  clock: Clock
  clientAddress: ClientAddress
  isTrustedPeer: (peer: string) => boolean
}): ReadFront {
  const { clock, clientAddress, isTrustedPeer } = options

  return (request) => {
    const rawTarget = request.url ?? ''
    const target = readTarget(rawTarget)
    const reading = readHead(request.rawHeaders)
    const at = clock.now()
    const arrival: Arrival = {
      requestId: newId(at),
      at,
      startedMs: clock.monotonic(),
      httpMethod: request.method ?? '',
      path: target.ok ? target.path : (rawTarget.split(/[?#]/, 1)[0] ?? ''),
      clientAddress: clientAddress(
        request.socket.remoteAddress ?? '',
        reading.ok ? reading.head.get('x-forwarded-for') : null,
      ),
      userAgent: reading.ok ? reading.head.get('user-agent') : null,
      traceId: reading.ok ? traceIdOf(reading.head.get('traceparent')) : null,
    }
    if (!target.ok) return { ok: false, arrival, reason: 'url_ambiguous', path: null }
    const { path, query } = target
    if (!reading.ok) return { ok: false, arrival, reason: reading.reason, path }
    const { head } = reading
    // HTTP/1.0 has no chunks (RFC 9112, 6.1): what an older server before us made of them is unknown.
    if (head.isChunked && request.httpVersion === '1.0')
      return { ok: false, arrival, reason: 'header_invalid', path }
    // Servers disagree on whether such a body is there at all, and what comes after it could be a second request.
    if (isBodiless(arrival.httpMethod) && (head.isChunked || (head.contentLength ?? 0) > 0)) {
      return { ok: false, arrival, reason: 'header_invalid', path }
    }
    const isHttps =
      head.get('x-forwarded-proto') === 'https' && isTrustedPeer(request.socket.remoteAddress ?? '')
    return { ok: true, front: { arrival, head, path, query, proto: isHttps ? 'https' : 'http' } }
  }
}

function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'TRACE'
}
