import type { Clock } from '../domain/ports.ts'
import { secureUrl } from './https-url.ts'
import type { Fetch } from './json-answer.ts'
import { discoverTokenUrl, requestToken } from './token-request.ts'
import { createTokenSource } from './token-source.ts'

/** `postern/client`: for servers that call others. It imports nothing but its own files. */

export { TokenUnavailable } from './token-unavailable.ts'
export type { TokenFailure } from './token-unavailable.ts'

export interface TokenFetchOptions {
  /** The token endpoint; or `issuer` in its place. */
  tokenUrl?: string | URL
  /** The authorization server, whose metadata name the token endpoint (RFC 8414, or OpenID discovery). */
  issuer?: string | URL
  clientId: string
  clientSecret: string
  /** How the secret is sent to the token endpoint; `client_secret_basic` unless told otherwise. */
  authentication?: 'client_secret_basic' | 'client_secret_post'
  scope?: string
  /** What the token is for (RFC 8707). */
  resource?: string
  /** The same, for servers that call it so. */
  audience?: string
  /** The origins that get the token, and nobody else. */
  resources: readonly (string | URL)[]
  /** In place of the global one. It must drop `Authorization` at a redirect to another origin, as that does. */
  fetch?: typeof fetch
}

/** A request to an origin that isn't among `resources`. It was not sent. */
export class ResourceNotListed extends Error {
  override readonly name = 'ResourceNotListed'
  readonly code = 'resource_not_listed'
}

const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/**
 * A `fetch` that bears a token: got by client credentials, kept in memory only, replaced ahead of its end by one
 * request however many callers there are. Where a resource answers 401 `invalid_token` the token is replaced, and
 * the request is repeated once if its body can be. Throws {@link ResourceNotListed} and `TokenUnavailable` besides
 * what `fetch` throws, and `TypeError` for options that can't be used.
 */
export function createTokenFetch(options: TokenFetchOptions): typeof fetch {
  return tokenFetchOf(options, systemClock, Math.random)
}

/** @internal With time and chance as arguments, for tests. */
export function tokenFetchOf(options: TokenFetchOptions, clock: Clock, random: () => number): typeof fetch {
  const { clientId, clientSecret, authentication = 'client_secret_basic' } = options
  if (clientId === '' || clientSecret === '')
    throw new TypeError('clientId and clientSecret must not be empty')
  const send = options.fetch ?? fetch
  const ask: Fetch = (url, init) => send(url, init)
  const origins = new Set(options.resources.map((resource) => secureUrl('resources', resource).origin))
  if (origins.size === 0) throw new TypeError('resources must name at least one origin')
  const { scope, resource, audience } = options
  const tokenUrl = tokenUrlOf(options, ask)
  const source = createTokenSource({
    clock,
    random,
    request: () =>
      requestToken({
        tokenUrl,
        clientId,
        clientSecret,
        authentication,
        fields: Object.entries({ scope, resource, audience }).filter((field) => field[1] !== undefined) as [
          string,
          string,
        ][],
        fetch: ask,
      }),
  })

  return async function tokenFetch(input, init) {
    const origin = originOf(input)
    if (!origins.has(origin))
      throw new ResourceNotListed('The origin of this request is not among the resources that get the token.')
    const signal = init?.signal ?? (input instanceof Request ? input.signal : null)
    const token = await beforeAbort(source.get(), signal)
    const response = await send(input, withToken(input, init, token))
    if (!isTokenRefused(response, origin)) return response
    const isReplaced = source.refused(token)
    if (!isReplaced || !isRepeatable(input, init)) return response
    await response.body?.cancel()
    const next = await beforeAbort(source.get(), signal)
    return send(input, withToken(input, init, next))
  }
}

function tokenUrlOf({ tokenUrl, issuer }: TokenFetchOptions, ask: Fetch): () => Promise<URL> {
  if (tokenUrl !== undefined && issuer === undefined) {
    const url = secureUrl('tokenUrl', tokenUrl)
    return () => Promise.resolve(url)
  }
  if (issuer !== undefined && tokenUrl === undefined)
    return discoverTokenUrl(secureUrl('issuer', issuer), ask)
  throw new TypeError('say one of tokenUrl and issuer')
}

type Input = Parameters<typeof fetch>[0]
type Init = Parameters<typeof fetch>[1]

function originOf(input: Input): string {
  return new URL(input instanceof Request ? input.url : input).origin
}

function withToken(input: Input, init: Init, token: string): RequestInit {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
  headers.set('authorization', `Bearer ${token}`)
  return { ...init, headers }
}

/** By the resource itself and not by where it redirected to, which never saw the token. */
function isTokenRefused(response: Response, origin: string): boolean {
  if (response.status !== 401 || (response.redirected && new URL(response.url).origin !== origin))
    return false
  return /\bbearer\b.*\berror\s*=\s*"?invalid_token\b/is.test(response.headers.get('www-authenticate') ?? '')
}

/** A stream is used up once it was sent; a `Request` with a body holds one. */
function isRepeatable(input: Input, init: Init): boolean {
  const body = init?.body ?? null
  if (body === null) return !(input instanceof Request) || input.body === null
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}

/** A caller that gives up is not kept; the token request goes on for the others. */
function beforeAbort<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return work
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
