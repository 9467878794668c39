import type { Route } from '../config.ts'
import type { Reason } from '../domain/verdict.ts'
import type { Head } from '../front/head.ts'
import type { ArgumentsHmac, McpBody } from '../mcp/read-calls.ts'
import { readCalls, refuseMediaType } from '../mcp/read-calls.ts'
import { readBody } from './body.ts'

export type RequestBody =
  /** `bytes` is null where the body was left alone. */
  | { ok: true; bytes: Uint8Array | null; calls: McpBody | null }
  | { ok: false; reason: Reason; rpcId: string | null }

const mcpMethods: readonly string[] = ['POST', 'GET', 'DELETE']

/**
 * Step 4 in a Next app: the body as the route takes it, and on MCP routes the calls in it. Elsewhere it is left
 * alone, and so its length must be said: Next cuts off what is over its own limit, and still calls the handler.
 */
export async function readRequestBody(options: {
  head: Head
  method: string
  route: Route
  timeoutMs: number
  argumentsHmac: ArgumentsHmac | null
  open: () => ReadableStream<Uint8Array> | null
}): Promise<RequestBody> {
  const { head, method, route } = options
  const announcedBytes = head.contentLength
  if ((announcedBytes ?? 0) > route.bodyLimitBytes) return refused('body_too_large')
  if (!route.mcp) return head.isChunked ? refused('length_required') : { ok: true, bytes: null, calls: null }

  if (!mcpMethods.includes(method)) return refused('method_refused')
  const hasBody = head.isChunked || (announcedBytes ?? 0) > 0
  if (method !== 'POST') return hasBody ? refused('header_invalid') : { ok: true, bytes: null, calls: null }
  const headers = {
    contentType: head.get('content-type'),
    contentEncoding: head.get('content-encoding'),
    protocolVersion: head.get('mcp-protocol-version'),
    mcpMethod: head.get('mcp-method'),
    mcpName: head.get('mcp-name'),
  }
  const mediaRefusal = refuseMediaType(headers)
  if (mediaRefusal !== null) return refused(mediaRefusal)
  const limits = { limitBytes: route.bodyLimitBytes, timeoutMs: options.timeoutMs, announcedBytes }
  const bytes = await readBody(hasBody ? options.open() : null, limits)
  if (typeof bytes === 'string') return refused(bytes)
  const result = readCalls(bytes, headers, options.argumentsHmac)
  return result.ok ? { ok: true, bytes, calls: result.body } : refused(result.reason, result.id)
}

function refused(reason: Reason, rpcId: string | null = null): RequestBody {
  return { ok: false, reason, rpcId }
}
