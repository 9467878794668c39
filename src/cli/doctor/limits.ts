import type { Config } from '../../config.ts'
import type { NodesJson } from '../../admin/schemas-nodes.ts'
import { pingRedis } from '../../limits/ping-redis.ts'
import type { Finding } from './finding.ts'

/** Where limits are counted, and whether that is one place for all nodes. `nodes`: null where they aren't known. */
export async function checkLimits(config: Config, nodes: NodesJson | null): Promise<Finding[]> {
  const { redis } = config.limits
  const live = nodes?.data.filter(({ isLive }) => isLive).length ?? 0
  const found = [
    redis === null ? findingOfMemory(live) : findingOfRedis(await pingRedis(redis), config.limits.whenAway),
  ]
  const blind = checkPlaces(config)
  return blind === null ? found : [...found, blind]
}

const check = 'limits'

/** Several nodes that each count for themselves let through as many times as much. */
export function findingOfMemory(live: number): Finding {
  if (live < 2) return { check, level: 'ok', message: 'are counted in the one process that serves' }
  const message = `are counted by each of ${live} nodes for itself, so that a key may do ${live} times what its limits say: set POSTERN_REDIS_URL, the same for all`
  return { check, level: 'warning', message }
}

/** `failure`: why Redis doesn't answer; null where it does. */
export function findingOfRedis(failure: string | null, whenAway: 'refuse' | 'allow'): Finding {
  if (failure === null) return { check, level: 'ok', message: 'are counted in Redis, by all nodes together' }
  const then =
    whenAway === 'refuse' ? 'calls that have a limit are refused' : 'each node limits by itself meanwhile'
  return { check, level: 'error', message: `Redis can't be asked (${failure}): ${then}` }
}

/** Where another sends the call on, its end isn't seen. */
function checkPlaces({ admin, limits }: Config): Finding | null {
  if (admin.forwardAuth === null || limits.perKey.concurrent === undefined) return null
  const message =
    'limits.perKey.concurrent has no effect on calls that another proxy sends on (admin.forwardAuth): their end is not seen here'
  return { check, level: 'warning', message }
}
