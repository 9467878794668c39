import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expiryAt } from '../../../src/keys/expiry.ts'
import { dayBounds, endOf, expiresText, expiryChips, firstExpiry } from '../../../ui/src/create/expiry.ts'

const day = 86_400_000
const now = Date.parse('2027-01-15T13:30:00Z')

describe('what the form offers as an expiry', () => {
  it.each([
    [180, 365, [30, 90, 180, 365]],
    [90, 90, [30, 90]],
    [45, 100, [30, 45, 90]],
    [7, 7, [7]],
    [0.5, 0.5, []],
  ])('with a default of %d and at most %d days is %j', (usual, most, chips) => {
    expect(expiryChips({ defaultLifeMs: usual * day, maxLifeMs: most * day })).toEqual(chips)
  })

  it('is never refused by the server, and ends when the form says that it will', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3650 * 24 }).map((hours) => hours * 3_600_000),
        fc.integer({ min: 1, max: 3650 * 24 }).map((hours) => hours * 3_600_000),
        fc.integer({ min: 0, max: 2_000_000_000_000 }),
        (one, other, nowMs) => {
          const policy = { defaultLifeMs: Math.min(one, other), maxLifeMs: Math.max(one, other) }
          const { min, max } = dayBounds(policy, nowMs)
          const choices = [
            ...expiryChips(policy).map((days) => ({ days })),
            firstExpiry(policy, nowMs),
            // The end of today can lie beyond a life of hours: nothing shorter can be said by a day.
            ...(policy.maxLifeMs >= day ? [{ date: min }, { date: max }] : []),
          ]
          for (const choice of choices) {
            if (policy.maxLifeMs < day && 'date' in choice) continue
            expect(expiryAt(expiresText(choice), policy, nowMs)).toBe(endOf(choice, nowMs))
          }
        },
      ),
    )
  })

  it('by date counts the whole day, and a date that is none has no end', () => {
    expect(endOf({ date: '2027-02-28' }, now)).toBe(Date.parse('2027-03-01T00:00:00Z'))
    expect(endOf({ date: '' }, now)).toBeNull()
    expect(endOf({ date: '2027-2-3' }, now)).toBeNull()
    expect(dayBounds({ maxLifeMs: 365 * day }, now)).toEqual({ min: '2027-01-15', max: '2028-01-14' })
  })
})
