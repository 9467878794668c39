import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { counted, durationText, shareText, shortCount } from '../../../ui/src/text/numbers.ts'

describe('a share', () => {
  it.each([
    [0, 0, '–'],
    [0, 10, '0%'],
    [1, 1000, '<1%'],
    [999, 1000, '>99%'],
    [5, 10, '50%'],
    [10, 10, '100%'],
  ])('%d of %d reads %j', (part, whole, expected) => {
    expect(shareText(part, whole)).toBe(expected)
  })

  it('says 0% of nothing at all, and 100% of everything, only', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), (part, rest) => {
        const text = shareText(part, part + rest)
        if (text === '0%') expect(part).toBe(0)
        if (text === '100%') expect(rest).toBe(0)
      }),
    )
  })
})

it.each([
  [842, '842'],
  [12_431, '12.4k'],
  [3_100_000, '3.1M'],
])('a count of %d is short: %j', (count, expected) => {
  expect(shortCount(count)).toBe(expected)
})

it('one is one call, and others are calls', () => {
  expect([counted(1, 'call'), counted(0, 'call'), counted(12_431, 'call')]).toEqual([
    '1 call',
    '0 calls',
    '12,431 calls',
  ])
})

it.each([
  [null, '–'],
  [0.4, '<1 ms'],
  [8.4, '8 ms'],
  [1234, '1.2 s'],
  [45_000, '45 s'],
  [180_000, '3 min'],
])('a duration of %j reads %j', (duration, expected) => {
  expect(durationText(duration)).toBe(expected)
})
