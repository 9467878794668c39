import { describe, expect, it } from 'vitest'
import type { StoredKey } from '../../src/domain/ports.ts'
import { createTokenScanner } from '../../src/domain/service-key.ts'
import { createKeyCache } from '../../src/verify/key-cache.ts'
import { createKeyReader } from '../../src/verify/key-reader.ts'
import { createServiceKeyAuthenticator } from '../../src/verify/service-key-authenticator.ts'
import { createVerify } from '../../src/verify/verify.ts'
import { allUnknown, createKeyWorld } from './key-world.ts'

/**
 * Whether two groups of times can be told apart (Welch's t), not how long anything takes. The number of samples
 * is the one at which a comparison that stops at the first difference is beyond doubt: fewer would prove nothing.
 */
const groups: Record<string, Partial<StoredKey> | null> = {
  unknown: null,
  expired: { expiresAt: 1 },
  revoked: { revokedAt: 1 },
}
const pairs = [
  ['unknown', 'expired'],
  ['expired', 'revoked'],
  ['unknown', 'revoked'],
] as const
const tokensAGroup = 32
const warmUpRounds = 2000
const roundsAStep = 100
const maxSteps = 50
const attempts = 3

function setUp() {
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  const world = createKeyWorld()
  const lease = { isFresh: () => true, ensureFresh: () => Promise.resolve(true), epoch: () => 0 }
  const readKey = createKeyReader({
    lookups: world,
    cache: createKeyCache(clock),
    lease,
    unknownKeys: allUnknown,
  })
  const verify = createVerify({
    authenticators: [createServiceKeyAuthenticator({ prefixes: ['pst'], readKey, lease, clock })],
    looksLikeToken: createTokenScanner(['pst']).found,
  })
  const sources = new Map(
    Object.entries(groups).map(([name, fields]) => [
      name,
      Array.from({ length: tokensAGroup }, () => {
        const { token, key } = world.create(fields ?? {})
        if (fields === null) world.keys.delete(key.id)
        return { authorization: `Bearer ${token}`, query: '' }
      }),
    ]),
  )
  return { verify, sources }
}

function isEqualStoppingEarly(left: Buffer, right: Buffer): boolean {
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false
  return true
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

/** Without the slowest fifth: those met the garbage collector, or another process. */
function momentsOf(samples: readonly number[]): { mean: number; variance: number; count: number } {
  const kept = Float64Array.from(samples)
    .sort()
    .subarray(0, Math.floor(samples.length * 0.8))
  const mean = kept.reduce((sum, each) => sum + each, 0) / kept.length
  const variance = kept.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (kept.length - 1)
  return { mean, variance, count: kept.length }
}

function welch(left: readonly number[], right: readonly number[]): number {
  const [a, b] = [momentsOf(left), momentsOf(right)]
  return Math.abs(a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count)
}

async function measure(): Promise<{ control: number; refusals: number[]; samples: number }> {
  const { verify, sources } = setUp()
  const secret = Buffer.alloc(256, 1)
  const controls = new Map([
    ['early', Buffer.alloc(256, 2)],
    ['late', Buffer.concat([secret.subarray(1), Buffer.of(2)])],
  ])
  const samples = new Map<string, number[]>([...sources.keys(), ...controls.keys()].map((name) => [name, []]))
  const take = (name: string, begin: bigint) =>
    samples.get(name)?.push(Number(process.hrtime.bigint() - begin))

  async function round(number: number): Promise<void> {
    for (const [name, tokens] of shuffled([...sources])) {
      const source = tokens[number % tokensAGroup] ?? { authorization: null, query: '' }
      const begin = process.hrtime.bigint()
      await verify(source, ['service-key'])
      take(name, begin)
    }
    for (const [name, guess] of shuffled([...controls])) {
      const begin = process.hrtime.bigint()
      isEqualStoppingEarly(guess, secret)
      take(name, begin)
    }
  }

  for (let number = 0; number < warmUpRounds; number++) await round(number)
  for (const taken of samples.values()) taken.length = 0
  const compare = (left: string, right: string) => welch(samples.get(left) ?? [], samples.get(right) ?? [])
  let control = 0
  for (let step = 0; step < maxSteps && control <= 100; step++) {
    for (let number = 0; number < roundsAStep; number++) await round(number)
    control = compare('early', 'late')
  }
  return {
    control,
    refusals: pairs.map(([left, right]) => compare(left, right)),
    samples: samples.get('early')?.length ?? 0,
  }
}

describe('the time of a refusal (T14)', () => {
  it('does not tell unknown, expired and revoked keys apart, where it tells an early exit', async () => {
    const seen: Awaited<ReturnType<typeof measure>>[] = []
    for (let attempt = 0; attempt < attempts; attempt++) {
      const figures = await measure()
      seen.push(figures)
      if (figures.control > 100 && figures.refusals.every((t) => t < 4.5)) return
    }
    expect.unreachable(`no measurement of ${attempts} was sound and equal: ${JSON.stringify(seen)}`)
  })
})
