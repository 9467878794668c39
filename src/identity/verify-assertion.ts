import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose'
import type { Principal } from '../domain/verdict.ts'
import { assertionAlgorithm, assertionHeader, assertionLifeSeconds, assertionType } from './assertion-form.ts'
import type { AssertionRefusal } from './assertion-refused.ts'
import { AssertionRefused } from './assertion-refused.ts'
import type { Binding, ExpectedRequest } from './request-binding.ts'
import { checkBinding, readBinding } from './request-binding.ts'

/** `postern/verify-assertion`: for any Node backend. It imports jose and nothing of the rest of Postern. */

export type { Principal } from '../domain/verdict.ts'
export { AssertionRefused } from './assertion-refused.ts'
export type { AssertionRefusal } from './assertion-refused.ts'
export type { Binding, ExpectedRequest } from './request-binding.ts'

/** A request as `fetch` or as `node:http` has it; what frameworks call `originalUrl` counts before `url`. */
export interface RequestLike {
  headers:
    | { get(name: string): string | null }
    | Readonly<Record<string, string | readonly string[] | undefined>>
  method?: string | undefined
  url?: string | undefined
  originalUrl?: string | undefined
}

export interface VerifyAssertionOptions {
  /** The gateway's `/.well-known/postern/jwks.json`, or the JWK set itself. */
  jwks: string | URL | PublicKeys
  /** The route's path as Postern's settings write it; several where this backend serves several. */
  audience: string | readonly string[]
  /** How far this machine's clock may be from the gateway's, in seconds. */
  clockToleranceSeconds?: number
  /** Refuses an assertion that isn't bound to its request: for routes that say `assertion: 'request'`. */
  requireBinding?: boolean
  /** What a bound assertion is compared with, where the request doesn't say it or says it differently. */
  request?: ExpectedRequest
}

/** A JWK set, as it is published. */
export interface PublicKeys {
  keys: { kty: string; [name: string]: unknown }[]
}

/** Who calls, as Postern says. Times are epoch milliseconds. */
export interface VerifiedAssertion {
  principal: Principal
  /** The id of the service key; null for other credentials. */
  keyId: string | null
  /** The route's path, one of the accepted audiences. */
  audience: string
  /** SHA-256 of the grants' canonical JSON, in base64url: changes when they do. */
  grantsDigest: string
  issuedAt: number
  expiresAt: number
  /** What request it is good for; null where it is for all of its route. */
  binding: Binding | null
}

const cooldownMs = 10_000
const keysLifeMs = 600_000
const fetchTimeoutMs = 5_000
/** Over this an assertion is none of ours, in characters. */
const lengthLimit = 8192

/**
 * Checks the assertion of a request, or one by itself (its compact form), and answers who calls. Throws
 * {@link AssertionRefused} where there is none or it isn't good, and never answers for a request that has none.
 * Keys of a URL are fetched once, kept for ten minutes, and fetched again for a key id that isn't among them,
 * every ten seconds at most.
 */
export async function verifyAssertion(
  source: RequestLike | string,
  options: VerifyAssertionOptions,
): Promise<VerifiedAssertion> {
  const token = typeof source === 'string' ? source : tokenOf(source)
  if (token === '') throw new AssertionRefused('missing')
  if (token.length > lengthLimit) throw new AssertionRefused('malformed')
  const audience = typeof options.audience === 'string' ? [options.audience] : [...options.audience]
  if (audience.length === 0) throw new TypeError('audience must name at least one route')

  const payload = await verify(token, keysOf(options.jwks), {
    audience,
    clockTolerance: options.clockToleranceSeconds ?? 5,
  })
  const binding = readBinding(payload)
  if (binding !== null) checkBinding(binding, { ...requestOf(source), ...options.request })
  else if (options.requireBinding === true) throw new AssertionRefused('not_bound')
  return { ...read(payload), binding }
}

async function verify(
  token: string,
  keys: JWTVerifyGetKey,
  { audience, clockTolerance }: { audience: string[]; clockTolerance: number },
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, named(keys), {
      algorithms: [assertionAlgorithm],
      typ: assertionType,
      audience,
      clockTolerance,
      maxTokenAge: assertionLifeSeconds,
      requiredClaims: ['sub', 'exp', 'iat', 'aud'],
    })
    return payload
  } catch (error) {
    throw error instanceof AssertionRefused ? error : new AssertionRefused(refusalOf(error))
  }
}

/** Each of our assertions names its key. That one that doesn't might still fit one is nothing to rely on. */
function named(keys: JWTVerifyGetKey): JWTVerifyGetKey {
  return async (head, token) => {
    if (typeof head.kid !== 'string') throw new AssertionRefused('malformed')
    try {
      return await keys(head, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
        throw new AssertionRefused('unknown_key')
      throw new AssertionRefused('keys_unavailable')
    }
  }
}

function refusalOf(error: unknown): AssertionRefusal {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature'
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'wrong_algorithm'
  if (error instanceof errors.JWTClaimValidationFailed && error.reason === 'check_failed') {
    if (error.claim === 'aud') return 'wrong_audience'
    if (error.claim === 'typ') return 'wrong_type'
    if (error.claim === 'iat' || error.claim === 'nbf') return 'not_yet_valid'
  }
  return 'malformed'
}

const kinds: ReadonlySet<unknown> = new Set(['service', 'user', 'workload'])

function read({
  sub,
  kind,
  customer,
  aud,
  key,
  grants,
  iat,
  exp,
}: JWTPayload): Omit<VerifiedAssertion, 'binding'> {
  const isRight =
    typeof sub === 'string' &&
    sub !== '' &&
    kinds.has(kind) &&
    typeof aud === 'string' &&
    typeof grants === 'string' &&
    (customer === undefined || typeof customer === 'string') &&
    (key === undefined || typeof key === 'string') &&
    iat !== undefined &&
    exp !== undefined &&
    exp - iat <= assertionLifeSeconds
  if (!isRight) throw new AssertionRefused('malformed')
  return {
    principal: { kind: kind as Principal['kind'], id: sub, customer: customer ?? null },
    keyId: key ?? null,
    audience: aud,
    grantsDigest: grants,
    issuedAt: iat * 1000,
    expiresAt: exp * 1000,
  }
}

/** Key sets that are at hand: by their URL, and by the very object that was given. */
const remote = new Map<string, JWTVerifyGetKey>()
const local = new WeakMap<PublicKeys, JWTVerifyGetKey>()

function keysOf(jwks: VerifyAssertionOptions['jwks']): JWTVerifyGetKey {
  if (typeof jwks === 'string' || jwks instanceof URL) {
    const href = typeof jwks === 'string' ? jwks : jwks.href
    let keys = remote.get(href)
    if (keys === undefined) {
      keys = createRemoteJWKSet(new URL(href), {
        cooldownDuration: cooldownMs,
        cacheMaxAge: keysLifeMs,
        timeoutDuration: fetchTimeoutMs,
      })
      remote.set(href, keys)
    }
    return keys
  }
  let keys = local.get(jwks)
  if (keys === undefined) {
    keys = createLocalJWKSet(jwks)
    local.set(jwks, keys)
  }
  return keys
}

/** The header's value, empty where it is missing. Two of them are joined by either kind of request, and no JWS then. */
function tokenOf({ headers }: RequestLike): string {
  if (isFetchHeaders(headers)) return headers.get(assertionHeader) ?? ''
  const value = headers[assertionHeader]
  return typeof value === 'string' ? value : (value ?? []).join(', ')
}

function isFetchHeaders(headers: RequestLike['headers']): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function'
}

function requestOf(source: RequestLike | string): ExpectedRequest {
  if (typeof source === 'string') return {}
  const url = source.originalUrl ?? source.url
  return {
    ...(source.method === undefined ? {} : { method: source.method }),
    ...(url === undefined ? {} : { path: pathOf(url) }),
  }
}

/** The path as it was sent: without scheme, host, query and fragment. */
function pathOf(url: string): string {
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
}
