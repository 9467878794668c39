import type { ServerResponse } from 'node:http'
import type { HitLimit } from '../domain/limit.ts'
import type { CredentialKind, Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'

/** How a refusal has to look: on an MCP route as JSON-RPC, elsewhere as RFC 9457 problem details. */
export interface AnswerStyle {
  isMcp: boolean
  requestId: string
  /** The exact JSON text of the JSON-RPC id to answer to; null where none could be read. */
  rpcId: string | null
  /** Set where the credential is one that could be upgraded: a 403 then says so. */
  credentialKind: CredentialKind | null
  /** For `tool_not_granted`: all the scopes that the request needs; null or missing where none would do. */
  scope?: string | null
  /** Where a client of OAuth learns whose tokens are taken here; null or missing where none are. */
  resourceMetadata?: string | null
  /** For `issuer_unavailable`: which one. */
  issuer?: string | null
  /** The limit that refused it; null or missing where none did. */
  limit?: HitLimit | null
  /** The connection ends with this answer. */
  close: boolean
  /** For who asks takes no other refusal: whatever is the client's fault is then one of these two. */
  only401And403?: boolean
  /** Where the host has another HTTP status for the reason than the list. */
  status?: number
}

/** The HTTP status that a client sees for a reason. */
export function statusFor(reason: Reason, style: Pick<AnswerStyle, 'isMcp' | 'credentialKind'>): number {
  const neutral = reason === 'tool_not_granted' && style.isMcp && style.credentialKind !== 'jwt'
  return neutral ? 200 : refusalFor(reason).status
}

/** The answer to a refused request, whole: `headers` is a flat list (name, value, …). */
export function refusalAnswer(
  reason: Reason,
  style: AnswerStyle,
): { status: number; headers: string[]; body: string } {
  const own = style.status ?? statusFor(reason, style)
  const status = style.only401And403 === true && own !== 401 && own < 500 ? 403 : own
  const body = style.isMcp ? rpcError(reason, style) : problem(reason, style)
  const headers: string[] = [
    'content-type',
    style.isMcp ? 'application/json' : 'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
    'x-request-id',
    style.requestId,
  ]
  const asked = challenge(status, reason, style)
  if (asked !== null) headers.push('www-authenticate', asked)
  if (status === 405) headers.push('allow', 'POST, GET, DELETE')
  const { limit = null } = style
  if (status === 503 || status === 429) headers.push('retry-after', String(limit?.retryAfterSeconds ?? 1))
  if (limit !== null) headers.push(...rateLimitHeaders(limit))
  if (style.close) headers.push('connection', 'close')
  return { status, headers, body }
}

/** Answers a request with its refusal, whole. Does nothing where the client is gone. */
export function sendRefusal(response: ServerResponse, reason: Reason, style: AnswerStyle): void {
  if (response.headersSent || response.destroyed) return
  const { status, headers, body } = refusalAnswer(reason, style)
  response.writeHead(status, headers)
  response.end(body)
}

/** RFC 6750, with RFC 9728's pointer where tokens of OAuth are taken. */
function challenge(status: number, reason: Reason, style: AnswerStyle): string | null {
  const parts = ['Bearer realm="postern"']
  if (status === 401) {
    if (reason !== 'missing_credential') parts.push('error="invalid_token"')
  } else if (reason === 'tool_not_granted' && style.credentialKind === 'jwt') {
    parts.push('error="insufficient_scope"')
    if (style.scope != null) parts.push(`scope="${style.scope}"`)
  } else return null
  const { resourceMetadata = null } = style
  if (resourceMetadata !== null) parts.push(`resource_metadata="${resourceMetadata}"`)
  return parts.join(', ')
}

function rpcError(reason: Reason, style: AnswerStyle): string {
  const { rpcCode, shownAs, message } = refusalFor(reason)
  const { rpcId, requestId } = style
  const error = JSON.stringify({ code: rpcCode, message, data: { code: shownAs, requestId, ...more(style) } })
  return `{"jsonrpc":"2.0","id":${rpcId ?? 'null'},"error":${error}}`
}

function problem(reason: Reason, style: AnswerStyle): string {
  const { shownAs, message } = refusalFor(reason)
  const { requestId, status = refusalFor(reason).status } = style
  return JSON.stringify({
    type: 'about:blank',
    title: message,
    status,
    code: shownAs,
    requestId,
    ...more(style),
  })
}

function more({ issuer = null, limit = null }: AnswerStyle): object {
  return {
    ...(issuer === null ? {} : { issuer }),
    ...(limit === null ? {} : { limit: limit.policy, retryAfterSeconds: limit.retryAfterSeconds }),
  }
}

/** As draft-ietf-httpapi-ratelimit-headers-11 has them: what there is in a window, and that nothing is left of it. */
function rateLimitHeaders({ policy, most, windowSeconds, retryAfterSeconds }: HitLimit): string[] {
  const atOnce = windowSeconds === null
  const of = atOnce ? ';qu="concurrent-requests"' : `;w=${windowSeconds}`
  return [
    ...['ratelimit-policy', `"${policy}";q=${most}${of}`],
    ...['ratelimit', `"${policy}";r=0${atOnce ? '' : `;t=${retryAfterSeconds}`}`],
  ]
}
