import { describe, expect, it, test, vi } from 'vitest'
import type { Grants } from '../../src/domain/grant.ts'
import type { KeyLimits, Rate } from '../../src/domain/limit.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { createLimiter, type Beyond, type Counts, type Within } from '../../src/limits/limiter.ts'
import type { LimitStore } from '../../src/limits/limit-store.ts'
import { createMemoryStore } from '../../src/limits/memory.ts'

const clock = { now: () => Date.now() }
const minute = (points: number, burst?: number): Rate => ({
  points,
  perSeconds: 60,
  ...(burst === undefined ? {} : { burst }),
})

interface Setup {
  perKey?: KeyLimits
  perAddress?: Rate | null
  selfRotation?: Rate
  store?: LimitStore
  callsIn?: () => Promise<number>
}

function open({ store = createMemoryStore(clock), callsIn = () => Promise.resolve(0), ...setup }: Setup) {
  const errors: string[] = []
  const limiter = createLimiter({
    store,
    clock,
    perKey: {},
    perAddress: null,
    selfRotation: minute(2),
    callsIn,
    log: { error: (_, message) => errors.push(message) },
    ...setup,
  })
  /** One request, `null` where nothing limits it. */
  function ask(
    of: { key?: string | null; grants?: Grants; address?: string | null } & Partial<Counts> & {
        isRotation?: boolean
      } = {},
  ) {
    const {
      key = 'k1',
      grants = {},
      address = '192.0.2.1',
      calls = 1,
      places = calls,
      tools = [],
      isRotation = false,
    } = of
    const principal = { kind: 'service', id: 'u1', customer: null } as const
    return limiter.judge(
      { keyId: key, principal, grants },
      { clientAddress: address, isRotation, counts: () => ({ calls, places, tools }) },
    )
  }
  return { ask, errors }
}

async function reasonsOf(asked: readonly (null | Promise<Within | Beyond>)[]): Promise<(string | null)[]> {
  return (await Promise.all(asked.map((each) => Promise.resolve(each)))).map(
    (judged) => judged?.reason ?? null,
  )
}

const count = (reasons: readonly (string | null)[], reason: string | null) =>
  reasons.filter((each) => each === reason).length

describe('a use that nothing limits', () => {
  test.each<[string, Setup, Parameters<ReturnType<typeof open>['ask']>[0]]>([
    ['no limits anywhere', {}, {}],
    ['another credential than a key', { perKey: { rate: minute(1) } }, { key: null }],
    ['an address that nobody vouches for', { perAddress: minute(1) }, { address: null }],
    ['a key that only counts on', {}, { grants: { limits: { countedAs: 'k0' } } }],
  ])('is let through at once, and asks no store: %s', (_, setup, use) => {
    const store = new Proxy({} as LimitStore, {
      get() {
        throw new Error('the store was asked')
      },
    })
    expect(open({ ...setup, store }).ask(use)).toBeNull()
  })
})

describe('of 64 callers at once exactly as many get through as the limit says', () => {
  test.each<[string, KeyLimits, number, string, Partial<Counts>]>([
    ['the rate of a key', { rate: minute(10) }, 10, 'rate_limited', {}],
    ['the rate and its burst', { rate: minute(10, 5) }, 15, 'rate_limited', {}],
    [
      'the rate of a tool',
      { tools: [{ tool: 'slow_*', ...minute(3) }] },
      3,
      'rate_limited',
      { tools: ['slow_a'] },
    ],
    [
      'the narrower of two rates',
      {
        tools: [
          { tool: '*', ...minute(9) },
          { tool: 'slow_*', ...minute(3) },
        ],
      },
      3,
      'rate_limited',
      { tools: ['slow_a'] },
    ],
    ['calls under way', { concurrent: 6 }, 6, 'too_many_at_once', {}],
    ['a day', { daily: 12 }, 12, 'quota_exhausted', {}],
    ['a month', { daily: 40, monthly: 12 }, 12, 'quota_exhausted', {}],
  ])('%s', async (_, limits, most, reason, use) => {
    const { ask } = open({})
    const reasons = await reasonsOf(Array.from({ length: 64 }, () => ask({ grants: { limits }, ...use })))
    expect([count(reasons, null), count(reasons, reason)]).toEqual([most, 64 - most])
  })

  it('from one address, and of IPv6 from one network, whoever it is', async () => {
    const { ask } = open({ perAddress: minute(10) })
    const from = (address: string) =>
      reasonsOf(Array.from({ length: 64 }, (_, at) => ask({ key: at % 2 === 0 ? `k${at}` : null, address })))
    expect(count(await from('192.0.2.1'), null)).toBe(10)
    expect(count(await from('192.0.2.2'), null)).toBe(10)
    const mixed = Array.from({ length: 64 }, (_, at) => ask({ address: `2001:db8::${at.toString(16)}` }))
    expect(count(await reasonsOf(mixed), null)).toBe(10)
  })
})

describe('which limit holds', () => {
  it('the key’s own before that of all keys, each by itself', async () => {
    const { ask } = open({ perKey: { rate: minute(1), daily: 3 } })
    const grants = { limits: { rate: minute(5) } }
    expect(count(await reasonsOf(Array.from({ length: 9 }, () => ask({ grants }))), null)).toBe(3)
    expect(count(await reasonsOf(Array.from({ length: 9 }, () => ask({ key: 'k2' }))), null)).toBe(1)
  })

  it('keys that came of each other by rotation are counted together, others apart', async () => {
    const { ask } = open({})
    const limits = { rate: minute(4) }
    const asked = [
      ask({ key: 'k1', grants: { limits } }),
      ask({ key: 'k2', grants: { limits: { ...limits, countedAs: 'k1' } } }),
    ]
    await reasonsOf([...asked, ...asked])
    expect(count(await reasonsOf([ask({ key: 'k9', grants: { limits } })]), null)).toBe(1)
    const rest = Array.from({ length: 9 }, () =>
      ask({ key: 'k3', grants: { limits: { ...limits, countedAs: 'k1' } } }),
    )
    expect(count(await reasonsOf(rest), null)).toBe(2)
  })

  it('a rate of one tool says nothing of another', async () => {
    const { ask } = open({})
    const grants = { limits: { tools: [{ tool: 'slow_*', ...minute(1) }] } }
    const tools = ['slow_a', 'slow_b', 'fast', 'fast']
    expect(await reasonsOf(tools.map((tool) => ask({ grants, tools: [tool] })))).toEqual([
      null,
      'rate_limited',
      null,
      null,
    ])
  })

  it('a rotation has its own, and leaves the calls theirs', async () => {
    const { ask } = open({ perKey: { rate: minute(1) } })
    const rotations = Array.from({ length: 5 }, () => ask({ isRotation: true }))
    expect(count(await reasonsOf(rotations), null)).toBe(2)
    expect(await reasonsOf([ask(), ask()])).toEqual([null, 'rate_limited'])
  })
})

describe('a call that is refused', () => {
  it('costs nothing of the limits before the one that refuses it', async () => {
    const { ask } = open({})
    const grants = {
      limits: { rate: minute(4), tools: [{ tool: 'slow', ...minute(1) }], concurrent: 9, daily: 3 },
    }
    const slow = await reasonsOf(Array.from({ length: 30 }, () => ask({ grants, tools: ['slow'] })))
    expect(count(slow, null)).toBe(1)
    const others = await reasonsOf(Array.from({ length: 30 }, () => ask({ grants })))
    // Of four in the rate one is gone, and of three in the day.
    expect(count(others, null)).toBe(2)
    expect(new Set(others)).toEqual(new Set([null, 'quota_exhausted', 'rate_limited']))
  })

  it('costs a point of its address, which is there to count whoever comes', async () => {
    const { ask } = open({ perAddress: minute(5) })
    const grants = { limits: { daily: 1 } }
    const reasons = []
    for (let at = 0; at < 7; at++) reasons.push(...(await reasonsOf([ask({ grants })])))
    expect(reasons).toEqual([null, ...Array(4).fill('quota_exhausted'), ...Array(2).fill('rate_limited')])
  })

  it('gives the places back that it held already', async () => {
    const { ask } = open({})
    const grants = { limits: { concurrent: 1, daily: 1 } }
    const first = await ask({ grants })
    if (first?.reason === null) first.end()
    expect(await reasonsOf([ask({ grants })])).toEqual(['quota_exhausted'])
    expect(await reasonsOf([ask({ grants })])).toEqual(['quota_exhausted'])
  })

  it('says which limit it was, of what size, and when it may be worth asking again', async () => {
    const { ask } = open({})
    const grants = { limits: { rate: minute(1), concurrent: 1 } }
    await ask({ grants })
    const refused = await ask({ grants })
    expect(refused).toMatchObject({ limit: { policy: 'key', most: 1, windowSeconds: 60 } })
    const [, full] = await Promise.all([
      ask({ key: 'k2', grants: { limits: { concurrent: 1 } } }),
      ask({ key: 'k2', grants: { limits: { concurrent: 1 } } }),
    ])
    expect(full).toMatchObject({
      limit: { policy: 'concurrent', most: 1, windowSeconds: null, retryAfterSeconds: 1 },
    })
    const day = await ask({ key: 'k3', grants: { limits: { daily: 1 } }, calls: 2 })
    expect(day).toMatchObject({ limit: { policy: 'day', most: 1, windowSeconds: 86_400 } })
  })
})

describe('calls that end', () => {
  it('free their places once, however often that is said', async () => {
    const { ask } = open({})
    const grants = { limits: { concurrent: 2 } }
    const [first] = [await ask({ grants }), await ask({ grants })]
    if (first?.reason === null) {
      first.end()
      first.end()
      first.undo()
    }
    expect(await reasonsOf([ask({ grants }), ask({ grants })])).toEqual([null, 'too_many_at_once'])
  })

  it('that were not carried out cost nothing at all', async () => {
    const { ask } = open({})
    const grants = { limits: { rate: minute(1), concurrent: 1, daily: 1 } }
    for (let at = 0; at < 5; at++) {
      const judged = await ask({ grants })
      expect(judged?.reason).toBeNull()
      if (judged?.reason === null) judged.undo()
    }
  })

  it('take a place only where they are answered: a stream that waits for the server takes none', async () => {
    const { ask } = open({})
    const grants = { limits: { concurrent: 1 } }
    const asked = [ask({ grants, places: 0 }), ask({ grants, places: 0 }), ask({ grants })]
    expect(await reasonsOf(asked)).toEqual([null, null, null])
  })
})

describe('a batch', () => {
  it('goes through whole or not at all', async () => {
    const { ask } = open({})
    const grants = { limits: { rate: minute(5) } }
    expect(await reasonsOf([ask({ grants, calls: 3 })])).toEqual([null])
    expect(await reasonsOf([ask({ grants, calls: 3 })])).toEqual(['rate_limited'])
    expect(await reasonsOf([ask({ grants, calls: 2 })])).toEqual([null])
  })
})

describe('a quota', () => {
  it('goes on from what is recorded, so that a restart is no new one', async () => {
    const callsIn = vi.fn(() => Promise.resolve(8))
    const { ask } = open({ callsIn })
    const grants = { limits: { daily: 10 } }
    const reasons = await reasonsOf(Array.from({ length: 9 }, () => ask({ grants })))
    expect(count(reasons, null)).toBe(2)
    expect(callsIn).toHaveBeenCalledTimes(1)
  })

  it('that nobody can tell is no reason to let a call through, nor to write an error for each', async () => {
    const { ask, errors } = open({ callsIn: () => Promise.reject(new StoreUnavailable('away')) })
    const grants = { limits: { rate: minute(1), daily: 10 } }
    for (let at = 0; at < 3; at++) expect(await reasonsOf([ask({ grants })])).toEqual(['store_unavailable'])
    expect(errors).toEqual([])
  })
})

it('a store that breaks refuses, with no limit to name', async () => {
  const broken = { ...createMemoryStore(clock), take: () => Promise.reject(new Error('broken')) }
  const { ask, errors } = open({ store: broken })
  expect(await ask({ grants: { limits: { rate: minute(1) } } })).toEqual({
    reason: 'store_unavailable',
    limit: null,
  })
  expect(errors).toEqual(['limits cannot be judged'])
})
