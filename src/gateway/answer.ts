import type { ServerResponse } from 'node:http'
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
  /** The connection ends with this answer. */
  close: boolean
}

/** The HTTP status that a client sees for a reason. */
export function statusFor(reason: Reason, style: Pick<AnswerStyle, 'isMcp' | 'credentialKind'>): number {
  const neutral = reason === 'tool_not_granted' && style.isMcp && style.credentialKind !== 'jwt'
  return neutral ? 200 : refusalFor(reason).status
}

/** Answers a request with its refusal, whole. Does nothing where the client is gone. */
export function sendRefusal(response: ServerResponse, reason: Reason, style: AnswerStyle): void {
  if (response.headersSent || response.destroyed) return
  const status = statusFor(reason, style)
  const body = Buffer.from(style.isMcp ? rpcError(reason, style) : problem(reason, style))
  const headers: string[] = [
    'content-type',
    style.isMcp ? 'application/json' : 'application/problem+json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-request-id',
    style.requestId,
  ]
  if (status === 401) headers.push('www-authenticate', challenge(reason))
  if (status === 405) headers.push('allow', 'POST, GET, DELETE')
  if (status === 503 || status === 429) headers.push('retry-after', '1')
  if (style.close) headers.push('connection', 'close')
  response.writeHead(status, headers)
  response.end(body)
}

function challenge(reason: Reason): string {
  return reason === 'missing_credential'
    ? 'Bearer realm="postern"'
    : 'Bearer realm="postern", error="invalid_token"'
}

function rpcError(reason: Reason, { rpcId, requestId }: AnswerStyle): string {
  const { rpcCode, shownAs, message } = refusalFor(reason)
  const error = JSON.stringify({ code: rpcCode, message, data: { code: shownAs, requestId } })
  return `{"jsonrpc":"2.0","id":${rpcId ?? 'null'},"error":${error}}`
}

function problem(reason: Reason, { requestId }: AnswerStyle): string {
  const { status, shownAs, message } = refusalFor(reason)
  return JSON.stringify({ type: 'about:blank', title: message, status, code: shownAs, requestId })
}
