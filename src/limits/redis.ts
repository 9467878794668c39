import { randomUUID } from 'node:crypto'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '../domain/ports.ts'
import type { LimitStore, Quota, Taken } from './limit-store.ts'
import { connectionTo, connectWaitMs } from './redis-connection.ts'
import { holdScript, keepScript, takeScript } from './redis-scripts.ts'

/** A place that its process no longer keeps is free after so long, in milliseconds. */
export const leaseMs = 30_000
const keepIntervalMs = 10_000
/** A Redis that didn't answer isn't asked for a while, in milliseconds. */
const restMs = 1000
/** A quota's counter stays for a while after its period, so that no clock that is behind begins it anew. */
const quotaGraceSeconds = 3600

export interface RedisStoreOptions {
  url: string
  /** Before all names, so that deployments can share a Redis. */
  prefix: string
  clock: Clock
  /** Told when it can't be asked any more, with a cause that holds no secret, and when it can again. */
  onAway: (cause: string) => void
  onBack: () => void
}

/** Limits counted in Redis or Valkey: for all nodes together. */
export function createRedisStore({ url, prefix, clock, onAway, onBack }: RedisStoreOptions): LimitStore {
  const redis = connectionTo(url)
  const limiters = new Map<string, RateLimiterRedis>()
  /** For each quota the period that was begun, and the most that was seen counted in it. */
  const begun = new Map<string, { period: string; ready: Promise<unknown>; highest: number }>()
  const held = new Map<string, { name: string; ids: readonly string[] }>()
  let restUntilMs = -Infinity
  let away = false
  let keeping: NodeJS.Timeout | null = null

  redis.on('error', noteAway)
  redis.on('close', () => noteAway(new Error('the connection to Redis is closed')))
  redis.on('ready', () => {
    restUntilMs = -Infinity
    if (away) onBack()
    away = false
  })

  function noteAway(error: unknown): void {
    // The error itself may carry the command, and so the password.
    if (!away) onAway(error instanceof Error ? error.message : 'unknown')
    away = true
  }

  async function asking<T>(ask: () => Promise<T>): Promise<T> {
    if (redis.status !== 'ready') throw new Error('Redis is not connected')
    if (clock.monotonic() < restUntilMs) throw new Error('Redis did not answer in time')
    try {
      const answer = await ask()
      if (away) onBack()
      away = false
      return answer
    } catch (error) {
      if (error instanceof RateLimiterRes) throw error
      restUntilMs = clock.monotonic() + restMs
      noteAway(error)
      throw error
    }
  }

  function limiterOf(most: number, seconds: number): RateLimiterRedis {
    const name = `${most}/${seconds}`
    let limiter = limiters.get(name)
    if (limiter === undefined) {
      const customIncrTtlLuaScript = takeScript
      const storeClient = redis
      limiter = new RateLimiterRedis({
        storeClient,
        keyPrefix: '',
        points: most,
        duration: seconds,
        customIncrTtlLuaScript,
      })
      limiters.set(name, limiter)
    }
    return limiter
  }

  async function takeFrom(
    limiter: RateLimiterRedis,
    key: string,
    points: number,
    seconds: number,
  ): Promise<Taken & { counted: number }> {
    const customDuration = { customDuration: seconds }
    try {
      const { msBeforeNext, consumedPoints } = await asking(() =>
        limiter.consume(key, points, customDuration),
      )
      const until = clock.now() + msBeforeNext
      return {
        ok: true,
        counted: consumedPoints,
        giveBack() {
          // In a window that began since, it was never taken.
          if (clock.now() < until) asking(() => limiter.reward(key, points, customDuration)).catch(() => {})
        },
      }
    } catch (thrown) {
      if (!(thrown instanceof RateLimiterRes)) throw thrown
      return { ok: false, counted: thrown.consumedPoints - points, retryAfterMs: thrown.msBeforeNext }
    }
  }

  /** Sets what is known of the period, unless a node has begun to count it before. */
  function begin(name: string, key: string, seconds: number, { period, soFar }: Quota) {
    const known = begun.get(name)
    if (known?.period === period.name) return known
    const ready = soFar().then((calls) => asking(() => redis.set(key, calls, 'EX', seconds, 'NX')))
    const entry = { period: period.name, ready, highest: 0 }
    begun.set(name, entry)
    ready.catch(() => {
      if (begun.get(name) === entry) begun.delete(name)
    })
    return entry
  }

  return {
    take: (name, points, { most, seconds }) =>
      takeFrom(limiterOf(most, seconds), `${prefix}${name}/${seconds}`, points, seconds),

    async takeQuota(name, points, quota) {
      const { most, period } = quota
      const key = `${prefix}${name}/${period.name}`
      const seconds = Math.ceil((period.endsAt - clock.now()) / 1000) + quotaGraceSeconds
      const entry = begin(name, key, seconds, quota)
      await entry.ready
      const limiter = limiterOf(most, 0)
      const taken = await takeFrom(limiter, key, points, seconds)
      if (taken.counted < entry.highest && taken.counted <= points) {
        // Redis forgot what it had counted, which the first to come sees: it is added again.
        entry.highest = 0
        const calls = await quota.soFar()
        await asking(() => redis.incrby(key, calls))
        if (taken.ok) taken.giveBack()
        return this.takeQuota(name, points, quota)
      }
      entry.highest = Math.max(entry.highest, taken.counted)
      return taken.ok ? taken : { ok: false, retryAfterMs: period.endsAt - clock.now() }
    },

    async hold(name, places, most) {
      const key = `${prefix}${name}`
      const hold = randomUUID()
      const ids = Array.from({ length: places }, (_, at) => `${hold}:${at}`)
      const answer = await asking(() => redis.eval(holdScript, 1, key, most, leaseMs, ...ids))
      if (answer !== 1) return null
      held.set(hold, { name: key, ids })
      keeping ??= setInterval(keep, keepIntervalMs).unref()
      return {
        free() {
          if (held.delete(hold)) asking(() => redis.zrem(key, ...ids)).catch(() => {})
        },
      }
    },

    isAway: () => redis.status !== 'ready' || clock.monotonic() < restUntilMs,

    async start() {
      const waiting = new Promise<void>((resolve) => {
        setTimeout(resolve, connectWaitMs).unref()
      })
      // What it fails with is told as an event; it is tried again by itself.
      await Promise.race([redis.connect().catch(() => {}), waiting])
    },

    close() {
      if (keeping !== null) clearInterval(keeping)
      redis.removeAllListeners()
      redis.on('error', () => {})
      redis.disconnect()
      return Promise.resolve()
    },
  }

  /** Where it is away the places run out there, and are taken again by the next that comes through. */
  function keep(): void {
    for (const { name, ids } of held.values())
      asking(() => redis.eval(keepScript, 1, name, leaseMs, ...ids)).catch(() => {})
  }
}
