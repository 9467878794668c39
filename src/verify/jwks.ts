import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { createLocalJWKSet, createRemoteJWKSet, customFetch } from 'jose'
import type { SendOutbound } from '../domain/outbound.ts'
import type { Clock } from '../domain/ports.ts'
import { isWeakKey } from './weak-key.ts'

/** The largest set of keys that is read, in bytes. */
export const jwksLimitBytes = 256 * 1024

/** How long an issuer has for its keys, in milliseconds. */
export const jwksTimeoutMs = 5_000

/** From this age on the keys are fetched again before they are used, in milliseconds: a withdrawn key is then dead. */
export const jwksRefreshMs = 10 * 60_000

/** After a fetch, how long an unknown `kid` leads to no other, in milliseconds. */
export const jwksCooldownMs = 30_000

/** After a fetch that failed, how long there is no other, in milliseconds. */
export const jwksRetryMs = 5_000

/** The issuer's keys can't be had, and none that are young enough are at hand. */
export class IssuerUnavailable extends Error {
  override readonly name = 'IssuerUnavailable'
  readonly code = 'issuer_unavailable'
}

export interface KeySetOptions {
  url: string
  /** Limited in size and time, and follows no redirect. */
  send: SendOutbound
  clock: Clock
  /** How long keys serve that could not be fetched again. */
  maxAgeMs: number
  /** Told why a fetch failed, or what was left out; at most once every {@link jwksRetryMs}. */
  onFailure: (cause: string) => void
}

/**
 * The public keys of one issuer, from one URL whatever a token says. One fetch is under way at a time. Throws
 * {@link IssuerUnavailable}, or jose's errors for a token whose key isn't among them.
 */
export function createKeySet({ url, send, clock, maxAgeMs, onFailure }: KeySetOptions): JWTVerifyGetKey {
  const fetched = createAge(clock)
  const failed = createAge(clock)
  const keys = createRemoteJWKSet(new URL(url), {
    cooldownDuration: jwksCooldownMs,
    // Their age is judged here, by clocks that can't be set back.
    cacheMaxAge: Infinity,
    timeoutDuration: 2 * jwksTimeoutMs,
    [customFetch]: fetchKeys,
  })

  async function fetchKeys(): Promise<Response> {
    if (failed.ms() < jwksRetryMs) throw new IssuerUnavailable('the last fetch failed a moment ago')
    const answer = await readKeys()
    if (typeof answer === 'string') {
      failed.restart()
      onFailure(answer)
      throw new IssuerUnavailable(answer)
    }
    fetched.restart()
    return Response.json(answer)
  }

  async function readKeys(): Promise<object | string> {
    const headers = { accept: 'application/jwk-set+json, application/json', 'accept-encoding': 'identity' }
    const answer = await send({ method: 'GET', url, headers })
    if ('failure' in answer) return answer.failure
    if (answer.status !== 200) return `status ${answer.status}`
    if (answer.isCut) return 'too large'
    const set = readKeySet(answer.body.toString('utf8'))
    if (set === null) return 'no set of keys'
    const keys = set.keys.filter((key) => !isWeakKey(key))
    if (keys.length < set.keys.length) onFailure('a weak key is left out')
    return { keys }
  }

  return async (header, token) => {
    if (fetched.ms() >= maxAgeMs) await keys.reload()
    // An issuer that is away doesn't matter yet.
    else if (fetched.ms() >= jwksRefreshMs) await keys.reload().catch(() => {})
    return keys(header, token)
  }
}

function readKeySet(text: string): JSONWebKeySet | null {
  try {
    const set = JSON.parse(text) as JSONWebKeySet
    // Throws for what is none.
    createLocalJWKSet(set)
    return set
  } catch {
    return null
  }
}

/** Time since the last restart, by the clock that went further: one may be set back, the other stops in sleep. */
function createAge(clock: Clock) {
  let wall = -Infinity
  let monotonic = -Infinity
  return {
    ms: () => Math.max(clock.now() - wall, clock.monotonic() - monotonic),
    restart() {
      wall = clock.now()
      monotonic = clock.monotonic()
    },
  }
}
