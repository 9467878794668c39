import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Clock } from '../domain/ports.ts'
import type { LimitStore, Quota, Taken, Window } from './limit-store.ts'

/** Limits counted in this process: right for a single node. */
export function createMemoryStore(clock: Pick<Clock, 'now'>): LimitStore {
  const limiters = new Map<number, RateLimiterMemory>()
  /** For each quota the period that is counted: the one before it goes. */
  const counted = new Map<string, { period: string; ready: Promise<unknown> }>()
  const held = new Map<string, number>()

  /** One for all windows of a length; 0 for those whose end the calendar knows. How many fit is asked of each call. */
  function limiterOf(seconds: number): RateLimiterMemory {
    let limiter = limiters.get(seconds)
    if (limiter === undefined) {
      limiter = new RateLimiterMemory({ keyPrefix: '', points: Number.MAX_SAFE_INTEGER, duration: seconds })
      limiters.set(seconds, limiter)
    }
    return limiter
  }

  async function takeFrom(
    { most, seconds }: Window,
    name: string,
    points: number,
    endsAt: number | null,
  ): Promise<Taken> {
    const limiter = limiterOf(seconds)
    const { consumedPoints, msBeforeNext } = await limiter.consume(name, points)
    const until = endsAt ?? clock.now() + msBeforeNext
    if (consumedPoints <= most) return { ok: true, giveBack }
    giveBack()
    return { ok: false, retryAfterMs: until - clock.now() }

    function giveBack(): void {
      // In a window that began since, it was never taken.
      if (clock.now() < until) void limiter.reward(name, points)
    }
  }

  /** Counts what is known of the period first, once; whoever comes meanwhile waits for it. */
  async function begin(name: string, { period, soFar }: Quota): Promise<void> {
    const known = counted.get(name)
    if (known?.period === period.name) {
      await known.ready
      return
    }
    const entry = { period: period.name, ready: soFar().then((calls) => limiterOf(0).set(name, calls, 0)) }
    counted.set(name, entry)
    try {
      await entry.ready
    } catch (error) {
      if (counted.get(name) === entry) counted.delete(name)
      throw error
    }
  }

  return {
    take: (name, points, window) => takeFrom(window, name, points, null),
    async takeQuota(name, points, quota) {
      await begin(name, quota)
      return takeFrom({ most: quota.most, seconds: 0 }, name, points, quota.period.endsAt)
    },
    hold(name, places, most) {
      const underWay = held.get(name) ?? 0
      if (underWay + places > most) return Promise.resolve(null)
      held.set(name, underWay + places)
      return Promise.resolve({ free: () => free(name, places) })
    },
    isAway: () => false,
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }

  function free(name: string, places: number): void {
    const left = (held.get(name) ?? 0) - places
    if (left > 0) held.set(name, left)
    else held.delete(name)
  }
}
