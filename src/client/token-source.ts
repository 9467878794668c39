import type { Clock } from '../domain/ports.ts'
import type { GrantedToken } from './token-request.ts'
import { TokenUnavailable } from './token-unavailable.ts'

/** Holds one token, in memory only, and sees to it that there is a good one. */
export interface TokenSource {
  /** A token that is good now. Throws {@link TokenUnavailable}. */
  get(): Promise<string>
  /** Tells that a resource refused this token. Answers whether it is worth asking again. */
  refused(token: string): boolean
}

export interface TokenSourceOptions {
  request: () => Promise<GrantedToken>
  clock: Clock
  /** From 0 to 1. */
  random: () => number
}

/** A refused token is replaced this often at most, in milliseconds: a resource that refuses all would have us ask per call. */
const refusalIntervalMs = 10_000
const firstBackoffMs = 1_000
const longestBackoffMs = 30_000
/** A token this near to its end could be over on its way, in milliseconds. */
const marginMs = 5_000

interface Held {
  token: string
  wall: number
  monotonic: number
  /** Since when it was asked for: when a new one is asked for ahead of time, and when it is not used any more. */
  renewMs: number
  endMs: number
}

/**
 * One request at a time, however many wait. From about 80 % of its life on a token is replaced in the background
 * while it goes on being used. After a failure no request is made for a while, which doubles each time.
 */
export function createTokenSource({ request, clock, random }: TokenSourceOptions): TokenSource {
  let held: Held | null = null
  let renewing: Promise<string> | null = null
  let failure: TokenUnavailable | null = null
  let failures = 0
  let failedAt = 0
  let backoffMs = 0
  let refusedAt = -Infinity

  // A clock that is set back, or a machine that slept, must not lengthen a token's life.
  const elapsedMs = (since: { wall: number; monotonic: number }) =>
    Math.max(clock.now() - since.wall, clock.monotonic() - since.monotonic)
  // By the monotonic clock alone: to wait is harmless, and a clock set back must not make it long.
  const waitMs = () => (failure === null ? 0 : Math.max(0, backoffMs - (clock.monotonic() - failedAt)))

  async function renew(): Promise<string> {
    const sent = { wall: clock.now(), monotonic: clock.monotonic() }
    try {
      const { accessToken, lifeMs } = await request()
      held = {
        token: accessToken,
        ...sent,
        renewMs: lifeMs * (0.75 + 0.1 * random()),
        endMs: lifeMs - Math.min(marginMs, lifeMs / 10),
      }
      failure = null
      failures = 0
      return accessToken
    } catch (error) {
      failure =
        error instanceof TokenUnavailable
          ? error
          : new TokenUnavailable('failed', 'The token request failed.')
      failedAt = clock.monotonic()
      // From half of it on at random, so that many clients don't come back at one moment.
      backoffMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** failures) * (0.5 + 0.5 * random())
      failures++
      throw failure
    }
  }

  function renewOnce(): Promise<string> {
    renewing ??= renew().finally(() => {
      renewing = null
    })
    return renewing
  }

  return {
    async get() {
      const ageMs = held === null ? Infinity : elapsedMs(held)
      if (held !== null && ageMs < held.endMs) {
        // Whoever asks doesn't wait, and doesn't hear of a failure: the token is good.
        if (ageMs >= held.renewMs && waitMs() === 0) renewOnce().catch(() => {})
        return held.token
      }
      if (renewing === null && failure !== null && waitMs() > 0) throw described(failure, waitMs())
      try {
        return await renewOnce()
      } catch (error) {
        throw error instanceof TokenUnavailable ? described(error, waitMs()) : error
      }
    },

    refused(token) {
      // Another caller has seen to it already.
      if (held?.token !== token) return true
      if (clock.monotonic() - refusedAt < refusalIntervalMs) return false
      refusedAt = clock.monotonic()
      held = null
      return true
    },
  }
}

/** A new one for each caller, with its own stack. */
function described({ failure, message, error }: TokenUnavailable, retryAfterMs: number): TokenUnavailable {
  const own = new TokenUnavailable(failure, message, error)
  own.retryAfterMs = Math.ceil(retryAfterMs)
  return own
}
