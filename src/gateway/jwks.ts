import type { IncomingMessage, ServerResponse } from 'node:http'
import { jwksPath } from '../config.ts'

/** How long anyone may keep the public keys, in seconds: less than a verifier of ours keeps them. */
const maxAgeSeconds = 300

/**
 * The public keys that assertions are checked with, for anyone, whatever the routes are. Answers whether the
 * request was for them.
 */
export function createJwksAnswer(
  jwks: () => string,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.url !== jwksPath) return false
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const body = isRead ? jwks() : '{"type":"about:blank","status":405,"code":"method_refused"}'
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    // A body, which nobody asked for, is not waited for: the connection goes with it.
    if (length !== undefined || encoding !== undefined) response.shouldKeepAlive = false
    response.writeHead(isRead ? 200 : 405, {
      'content-type': isRead ? 'application/jwk-set+json' : 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      'cache-control': isRead ? `public, max-age=${maxAgeSeconds}` : 'no-store',
      'x-content-type-options': 'nosniff',
      ...(isRead ? {} : { allow: 'GET, HEAD' }),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
    return true
  }
}
