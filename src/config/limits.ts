import { z } from 'zod'
import {
  mostConcurrent,
  mostPoints,
  mostQuota,
  parseRate,
  type KeyLimits,
  type Rate,
} from '../domain/limit.ts'
import { section } from './section.ts'
import { byteCount, count, duration, refuse, text } from './values.ts'

/** What requests may take up, and how many there may be. Durations in milliseconds. */
export interface LimitSettings {
  headerBytes: number
  bodyBytes: number
  headerTimeoutMs: number
  bodyTimeoutMs: number
  upstreamTimeoutMs: number
  /** Where all nodes count together: a Redis or Valkey URL. Null: each process counts for itself. */
  redis: string | null
  /** What becomes of calls that a limit is about while Redis is away. `allow`: each node limits by itself. */
  whenAway: 'refuse' | 'allow'
  /** For what a key's own limits don't name. */
  perKey: KeyLimits
  /** Of all that comes from one address, whoever it is; null: none. */
  perAddress: Rate | null
  /** How often a key may rotate itself. */
  selfRotation: Rate
  /** Keys that nobody knows: how many of one peer, and of all, reach the database. */
  badKeys: { perPeer: Rate; perNode: Rate }
}

const kiB = 1024
const miB = 1024 * kiB

const rate = (example: string) =>
  text(`must be calls and a time, such as "${example}"`).transform((value, context) => {
    const read = parseRate(value)
    return typeof read === 'string' ? refuse(context, read) : read
  })

const burst = count(1, mostPoints).optional()
const redisRight = 'must be a Redis URL, such as "redis://user:password@host:6379/0" or "rediss://host:6380"'
const redisUrl = text(redisRight).refine((value) => /^rediss?:\/\/./.test(value) && URL.canParse(value), {
  error: redisRight,
})
const burstAlone = { error: 'has no use without a rate', path: ['burst'] }

/** The settings of limits. */
export const limitSettings = section({
  headerBytes: byteCount(kiB, miB).default(16 * kiB),
  bodyBytes: byteCount(1, 64 * miB).default(miB),
  headerTimeout: duration('1ms', '10m').prefault('10s'),
  bodyTimeout: duration('1ms', '1h').prefault('30s'),
  upstreamTimeout: duration('1ms', '24h').prefault('60s'),
  redis: redisUrl.optional(),
  whenAway: z.enum(['refuse', 'allow'], { error: 'must be "refuse" or "allow"' }).default('refuse'),
  perKey: section({
    rate: rate('600/m').optional(),
    burst,
    concurrent: count(1, mostConcurrent).optional(),
    daily: count(1, mostQuota).optional(),
    monthly: count(1, mostQuota).optional(),
  }).refine((limits) => limits.burst === undefined || limits.rate !== undefined, burstAlone),
  perAddress: z
    .strictObject({ rate: rate('1200/m'), burst }, { error: 'must be an object with a rate' })
    .optional(),
  selfRotation: rate('10/h').prefault('10/h'),
  badKeys: section({ perPeer: rate('60/m').prefault('60/m'), perNode: rate('200/s').prefault('200/s') }),
})

/** The limits that settings describe. */
export function resolveLimits(data: z.output<typeof limitSettings>): LimitSettings {
  const { rate: keyRate, burst: keyBurst, ...perKey } = data.perKey
  return {
    headerBytes: data.headerBytes,
    bodyBytes: data.bodyBytes,
    headerTimeoutMs: data.headerTimeout,
    bodyTimeoutMs: data.bodyTimeout,
    upstreamTimeoutMs: data.upstreamTimeout,
    redis: data.redis ?? null,
    whenAway: data.whenAway,
    perKey: {
      ...(keyRate === undefined ? {} : { rate: withBurst(keyRate, keyBurst) }),
      ...(perKey.concurrent === undefined ? {} : { concurrent: perKey.concurrent }),
      ...(perKey.daily === undefined ? {} : { daily: perKey.daily }),
      ...(perKey.monthly === undefined ? {} : { monthly: perKey.monthly }),
    },
    perAddress: data.perAddress === undefined ? null : withBurst(data.perAddress.rate, data.perAddress.burst),
    selfRotation: data.selfRotation,
    badKeys: data.badKeys,
  }
}

function withBurst(of: Rate, points: number | undefined): Rate {
  return points === undefined ? of : { ...of, burst: points }
}
