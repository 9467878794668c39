import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { periodAt } from '../../src/domain/calendar.ts'
import { canJudge, grantsDigest, type Grants } from '../../src/domain/grant.ts'
import {
  areLimits,
  effectiveLimits,
  formatRate,
  limitsAnything,
  mostPerSeconds,
  mostPoints,
  parseRate,
} from '../../src/domain/limit.ts'
import { peerOf } from '../../src/domain/peer.ts'

describe('the text of a rate', () => {
  test.each([
    ['60/m', 60, 60],
    ['5/s', 5, 1],
    ['100/10m', 100, 600],
    ['1/d', 1, 86_400],
    ['7/24h', 7, 86_400],
    ['0009/1s', 9, 1],
  ])('%s is read', (text, points, perSeconds) => {
    expect(parseRate(text)).toEqual({ points, perSeconds })
  })

  test.each([
    ...['', '60', '60/', '/m', '60/x', '60 / m', '60/m ', '-1/m', '1.5/m', '6e1/m', '0/m', '1/0s', '1/2d'],
    ...['10000000000/s', '1/99999s', '1/m\n', '１/m', '60/M'],
  ])('%j is refused with what would be right', (text) => {
    expect(parseRate(text)).toEqual(expect.stringMatching(/^must /))
  })

  it('is read back as it was, whatever the rate', () => {
    const rate = fc.record({
      points: fc.integer({ min: 1, max: mostPoints }),
      perSeconds: fc.integer({ min: 1, max: mostPerSeconds }),
    })
    fc.assert(
      fc.property(rate, (each) => {
        expect(parseRate(formatRate(each))).toEqual(each)
      }),
    )
  })

  it('fails on no text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRate(text)))
  })
})

const rate = { points: 1, perSeconds: 60 }

describe('limits out of a database', () => {
  test.each<[unknown]>([
    [{}],
    [{ rate }],
    [{ rate: { ...rate, burst: 3 } }],
    [{ tools: [{ tool: 'a_*', ...rate }] }],
    [{ concurrent: 1, daily: 1, monthly: 1, countedAs: 'x' }],
  ])('%j can be judged', (limits) => {
    expect(areLimits(limits)).toBe(true)
    expect(canJudge({ limits } as Grants)).toBe(true)
  })

  test.each<[unknown]>([
    ...[null, 1, 'x', [], [rate], { weekly: 1 }, { rate: {} }, { rate: '1/m' }, { rate: { points: 1 } }].map(
      (each): [unknown] => [each],
    ),
    [{ rate: { ...rate, leaky: true } }],
    [{ rate: { points: 0, perSeconds: 60 } }],
    [{ rate: { points: 1.5, perSeconds: 60 } }],
    [{ rate: { points: '1', perSeconds: 60 } }],
    [{ rate: { points: 1, perSeconds: 90_000 } }],
    [{ rate: { ...rate, burst: 0 } }],
    [{ tools: [] }],
    [{ tools: { 'a_*': rate } }],
    [{ tools: [{ tool: 'a**', ...rate }] }],
    [{ tools: [{ tool: '!a', ...rate }] }],
    [{ tools: [{ tool: 'resource:a', ...rate }] }],
    [{ tools: [rate] }],
    [{ concurrent: 0 }],
    [{ daily: -1 }],
    [{ monthly: Infinity }],
    [{ countedAs: '' }],
    [{ countedAs: 1 }],
  ])('%j are refused rather than read as none', (limits) => {
    expect(areLimits(limits)).toBe(false)
    expect(canJudge({ limits } as Grants)).toBe(false)
  })

  it('leave keys without any as they were', () => {
    expect(canJudge({})).toBe(true)
    expect(canJudge({ tools: ['a'], addresses: ['10.0.0.0/8'], selfRotate: true })).toBe(true)
  })

  it('are part of the digest, whatever their order', () => {
    const tools = [
      { tool: 'a', ...rate },
      { tool: 'b', ...rate },
    ]
    const digest = grantsDigest({ limits: { tools, daily: 1 } })
    expect(grantsDigest({ limits: { daily: 1, tools: tools.toReversed() } })).toBe(digest)
    expect(grantsDigest({ limits: { tools, daily: 2 } })).not.toBe(digest)
    expect(grantsDigest({})).not.toBe(grantsDigest({ limits: { daily: 1 } }))
  })
})

describe('effective limits', () => {
  it('are none where neither the key nor the deployment has any', () => {
    expect(effectiveLimits(undefined, {})).toBeNull()
    expect(effectiveLimits({ countedAs: 'x' }, {})).toBeNull()
    expect(limitsAnything({ countedAs: 'x' })).toBe(false)
  })

  it('take the deployment’s only for what the key does not name', () => {
    const limits = effectiveLimits({ daily: 5 }, { daily: 1, concurrent: 2 })
    expect(limits).toMatchObject({ daily: 5, concurrent: 2 })
  })

  it('find the rates that a tool falls under, of any name', () => {
    const limits = effectiveLimits(
      {
        tools: [
          { tool: '__proto__', ...rate },
          { tool: 'a*', ...rate },
        ],
      },
      {},
    )
    const names = (tool: string) => limits?.ratesOf(tool).map((each) => each.tool)
    expect([names('__proto__'), names('ab'), names('constructor')]).toEqual([['__proto__'], ['a*'], []])
  })
})

test.each([
  ['day', '2026-11-23T23:59:59.999Z', '2026-11-23', '2026-11-23', '2026-11-24T00:00:00.000Z'],
  ['month', '2027-02-28T12:00:00Z', '2027-02', '2027-02-28', '2027-03-01T00:00:00.000Z'],
  ['month', '2028-02-01T00:00:00Z', '2028-02', '2028-02-29', '2028-03-01T00:00:00.000Z'],
  ['month', '2026-12-31T23:59:59Z', '2026-12', '2026-12-31', '2027-01-01T00:00:00.000Z'],
] as const)('the %s of %s is %s to %s, until %s', (kind, at, name, lastDay, endsAt) => {
  const period = periodAt(kind, Date.parse(at))
  expect(period).toMatchObject({ name, lastDay })
  expect(new Date(period.endsAt).toISOString()).toBe(endsAt)
})

describe('a peer', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['2001:DB8:0:0001::', '2001:db8:0:1::/64'],
    ['1:2:3::', '1:2:3:0::/64'],
    ['no address', 'no address'],
  ])('%s counts as %s', (address, peer) => {
    expect(peerOf(address)).toBe(peer)
  })

  it('is the same for all addresses of a network, and for no other', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((each) => each.toString(16))
    const half = fc.array(group, { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(half, half, half, (network, a, b) => {
        const of = (host: readonly string[]) => peerOf([...network, ...host].join(':'))
        expect(of(a)).toBe(of(b))
        expect(peerOf([...a, ...network].join(':')) === of(network)).toBe(a.join() === network.join())
      }),
    )
  })
})
