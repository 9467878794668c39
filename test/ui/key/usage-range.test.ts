import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { usageRanges, usageWindow } from '../../../ui/src/key/usage-range.ts'

const counts = { '24h': 24, '7d': 7, '30d': 30, '90d': 90 }
const lengths = { hour: 3_600_000, day: 86_400_000 }
const anyNow = fc.integer({ min: 1.7e12, max: 2.5e12 })

describe('usage over time', () => {
  it('is asked for whole hours or days, up to the present one and with it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...usageRanges), anyNow, (range, nowMs) => {
        const { from, to, bucket } = usageWindow(range, nowMs)
        const [fromMs, toMs, length] = [Date.parse(from), Date.parse(to), lengths[bucket]]
        expect((toMs - fromMs) / length).toBe(counts[range])
        expect(fromMs % length).toBe(0)
        expect(toMs).toBeGreaterThan(nowMs)
        expect(toMs - length).toBeLessThanOrEqual(nowMs)
      }),
    )
  })
})
