import type { Config } from '../config.ts'
import type { Period } from '../domain/calendar.ts'
import type { Clock, Store } from '../domain/ports.ts'
import { createLimiter, type Limiter, type Line } from '../limits/limiter.ts'
import type { LimitStore } from '../limits/limit-store.ts'
import { createMemoryStore } from '../limits/memory.ts'
import { createRedisStore } from '../limits/redis.ts'
import { withFallback } from '../limits/fallback.ts'
import { allKeysOf } from '../keys/parts.ts'
import type { Logger } from '../log.ts'

/** The limits of a deployment: counted in Redis where the settings name one, else in this process. */
export function openLimiter(options: {
  config: Config
  store: Pick<Store, 'keys' | 'usage'>
  clock: Clock
  log: Logger
}): Limiter {
  const { config, store, clock, log } = options
  const { perKey, perAddress, selfRotation } = config.limits

  /** Of all keys that came of each other by rotation: each has roll-ups of its own. */
  async function callsIn({ countedAs, serviceUserId }: Line, { firstDay, lastDay }: Period): Promise<number> {
    const keys = await allKeysOf(store.keys, serviceUserId, clock.now())
    const ids = keys
      .filter(({ id, grants }) => id === countedAs || grants.limits?.countedAs === countedAs)
      .map(({ id }) => id)
    let calls = 0
    for (const days of (await store.usage.days(ids, firstDay, lastDay)).values())
      for (const day of days) calls += day.calls - day.refused
    return calls
  }

  return createLimiter({
    store: storeOf(config, clock, log),
    clock,
    perKey,
    perAddress,
    selfRotation,
    callsIn,
    log,
  })
}

function storeOf({ schema, limits }: Config, clock: Clock, log: Logger): LimitStore {
  const memory = createMemoryStore(clock)
  if (limits.redis === null) return memory
  const isClosed = limits.whenAway === 'refuse'
  const then = isClosed ? 'calls that have a limit are refused' : 'each node limits by itself'
  const redis = createRedisStore({
    url: limits.redis,
    prefix: `${schema}:limit:`,
    clock,
    onAway: (cause) => log.error({ cause }, `Redis is away: ${then} until it is back`),
    onBack: () => log.info({}, 'Redis is back: all nodes count together again'),
  })
  return isClosed ? redis : withFallback(redis, memory)
}
