import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { durationEndsMs, percentileMs } from '../../src/domain/usage-store.ts'

const none = [...durationEndsMs, Infinity].map(() => 0)

describe('a percentile', () => {
  test('of nothing is none', () => {
    expect(percentileMs(none, 0.5)).toBeNull()
    expect(percentileMs([], 0.5)).toBeNull()
  })

  test('is within the bucket that holds it, whatever else is counted', () => {
    const counts = fc.array(fc.nat(1000), { minLength: none.length, maxLength: none.length })
    fc.assert(
      fc.property(counts, fc.double({ min: 0, max: 1, noNaN: true }), (made, share) => {
        const total = made.reduce((sum, count) => sum + count, 0)
        fc.pre(total > 0)
        const found = percentileMs(made, share) ?? Number.NaN
        const atOrBelow = (end: number) =>
          made.reduce(
            (sum, count, index) => sum + ((durationEndsMs[index] ?? Infinity) <= end ? count : 0),
            0,
          )
        // As many as were asked for lie in the buckets up to the one that it is in.
        const end = durationEndsMs.find((each) => each > found) ?? Infinity
        expect(atOrBelow(end)).toBeGreaterThanOrEqual(total * share - 1e-6)
      }),
    )
  })

  test('beyond the last end is that end, as no more is known', () => {
    expect(percentileMs([...durationEndsMs.map(() => 0), 3], 0.5)).toBe(durationEndsMs.at(-1))
  })

  test('rises with the share', () => {
    const counts = none.map((_, index) => index)
    const found = [0.1, 0.5, 0.9, 0.99].map((share) => percentileMs(counts, share) ?? 0)
    expect(found).toEqual(found.toSorted((a, b) => a - b))
  })
})

test('the ends of the buckets rise, so that a duration is in one of them', () => {
  expect(durationEndsMs).toEqual(durationEndsMs.toSorted((a, b) => a - b))
  expect(new Set(durationEndsMs).size).toBe(durationEndsMs.length)
})
