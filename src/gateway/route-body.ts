import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Route } from '../config.ts'
import type { Reason } from '../domain/verdict.ts'
import type { ArgumentsHmac, McpBody, McpHeaders } from '../mcp/read-calls.ts'
import { readCalls, refuseMediaType } from '../mcp/read-calls.ts'
import { readBody, streamBody } from './body.ts'
import type { Front } from './front.ts'

/** What goes on as the body: checked bytes, a stream that is opened at the dispatch, or nothing. */
export type ForwardedBody = Buffer | (() => Readable) | null

export type RouteBody =
  | { kind: 'read'; body: ForwardedBody; calls: McpBody | null }
  | { kind: 'refused'; reason: Reason; rpcId: string | null; isRead: boolean }
  /** The client left before its body was whole. */
  | { kind: 'gone' }

/** Step 4: the body as the route takes it, and on MCP routes the calls in it. */
export function readRouteBody(
  request: IncomingMessage,
  response: ServerResponse,
  front: Front,
  route: Route,
  timeoutMs: number,
  hmac: ArgumentsHmac | null,
): RouteBody | Promise<RouteBody> {
  const { head, arrival } = front
  const limits = { limitBytes: route.bodyLimitBytes, timeoutMs }
  const hasBody = head.isChunked || (head.contentLength ?? 0) > 0
  if (!route.mcp) {
    if ((head.contentLength ?? 0) > route.bodyLimitBytes) return refused('body_too_large')
    // Its hash is in the assertion, which stands in the head.
    if (hasBody && route.assertion === 'request')
      return wholeBody(readBody(request, response, head, limits), null, null)
    // Opened at the dispatch and not before: until then the request may still be refused.
    return read(hasBody ? () => streamBody(request, response, head, limits) : null, null)
  }
  if (!mcpMethods.includes(arrival.httpMethod)) return refused('method_refused')
  if (arrival.httpMethod !== 'POST') return hasBody ? refused('header_invalid') : read(null, null)

  const headers: McpHeaders = {
    contentType: head.get('content-type'),
    contentEncoding: head.get('content-encoding'),
    protocolVersion: head.get('mcp-protocol-version'),
    mcpMethod: head.get('mcp-method'),
    mcpName: head.get('mcp-name'),
  }
  const mediaRefusal = refuseMediaType(headers)
  if (mediaRefusal !== null) return refused(mediaRefusal)
  return wholeBody(readBody(request, response, head, limits), headers, hmac)
}

type ReadBytes = Buffer | Reason | 'gone'

/** A body that was read, or wasn't; on MCP routes with the calls in it. */
function wholeBody(
  bytes: ReadBytes | Promise<ReadBytes>,
  mcp: McpHeaders | null,
  hmac: ArgumentsHmac | null,
): RouteBody | Promise<RouteBody> {
  return bytes instanceof Promise ? bytes.then((read) => judged(read, mcp, hmac)) : judged(bytes, mcp, hmac)
}

function judged(bytes: ReadBytes, mcp: McpHeaders | null, hmac: ArgumentsHmac | null): RouteBody {
  if (bytes === 'gone') return { kind: 'gone' }
  if (typeof bytes === 'string') return refused(bytes)
  if (mcp === null) return read(bytes, null)
  const result = readCalls(bytes, mcp, hmac)
  return result.ok ? read(bytes, result.body) : refused(result.reason, result.id, true)
}

const mcpMethods: readonly string[] = ['POST', 'GET', 'DELETE']

function read(body: ForwardedBody, calls: McpBody | null): RouteBody {
  return { kind: 'read', body, calls }
}

function refused(reason: Reason, rpcId: string | null = null, isRead = false): RouteBody {
  return { kind: 'refused', reason, rpcId, isRead }
}
