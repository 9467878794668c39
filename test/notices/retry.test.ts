import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mostAttempts, waitMs } from '../../src/notices/retry.ts'

test('the bounds grow from 30 seconds to 6 hours and stay there', () => {
  const bounds = Array.from({ length: mostAttempts }, (_, index) => waitMs(index + 1, 1) / 1000)
  expect(bounds).toEqual([30, 90, 270, 810, 2430, 7290, 21_600, 21_600, 21_600, 21_600])
})

test('a wait is anywhere up to its bound, and never none', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempt, random) => {
        const wait = waitMs(attempt, random)
        expect(wait).toBeGreaterThanOrEqual(1)
        expect(wait).toBeLessThanOrEqual(6 * 3_600_000)
        expect(Number.isInteger(wait)).toBe(true)
      },
    ),
  )
})
