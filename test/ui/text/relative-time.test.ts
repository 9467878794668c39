import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exactInstant, lengthText, relativeTime, spanText } from '../../../ui/src/text/relative-time.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const now = Date.UTC(2026, 10, 23, 12)

describe('how an instant reads', () => {
  it.each([
    [0, 'just now'],
    [-59 * secondMs, 'just now'],
    [1, 'in less than a minute'],
    [-minuteMs, '1 minute ago'],
    [59 * minuteMs, 'in 59 minutes'],
    [hourMs, 'in 1 hour'],
    [47 * hourMs, 'in 47 hours'],
    [2 * dayMs, 'in 2 days'],
    [12 * dayMs + 23 * hourMs, 'in 12 days'],
    [-59 * dayMs, '59 days ago'],
    [180 * dayMs, 'in 180 days'],
    [500 * dayMs, 'in 16 months'],
    [-1000 * dayMs, '2 years ago'],
  ])('%d ms from now reads %j', (ahead, expected) => {
    expect(relativeTime(now + ahead, now)).toBe(expected)
  })

  it('never says that something lasts longer than it does', () => {
    const units = {
      minute: minuteMs,
      hour: hourMs,
      day: dayMs,
      month: 30.44 * dayMs,
      year: 365.25 * dayMs,
    }
    fc.assert(
      fc.property(fc.integer({ min: minuteMs, max: 5000 * dayMs }), (span) => {
        const [, amount, unit] = /^(\d+) (minute|hour|day|month|year)s?$/.exec(spanText(span)) ?? []
        const said = Number(amount) * units[unit as keyof typeof units]
        expect(said).toBeGreaterThan(0)
        expect(said).toBeLessThanOrEqual(span)
        expect(span).toBeLessThan(said * 2 + 1)
      }),
    )
  })

  it('says the past and the future alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: minuteMs, max: 5000 * dayMs }), (span) => {
        expect(relativeTime(now + span, now)).toBe(`in ${spanText(span)}`)
        expect(relativeTime(now - span, now)).toBe(`${spanText(span)} ago`)
      }),
    )
  })
})

describe('the exact instant', () => {
  it.each([
    ['UTC', '23 Nov 2026, 12:00:00 UTC'],
    ['Europe/Berlin', '23 Nov 2026, 13:00:00 UTC+1'],
    ['Asia/Kolkata', '23 Nov 2026, 17:30:00 UTC+5:30'],
  ])('names its zone: %s', (zone, expected) => {
    expect(exactInstant(now, zone)).toBe(expected)
  })
})

it.each([
  [180 * dayMs, '180 days'],
  [dayMs, '1 day'],
  [36 * hourMs, '36 hours'],
  [15 * minuteMs, '15 minutes'],
  [90 * secondMs, '90 seconds'],
])('a setting of %d ms is said exactly: %j', (length, expected) => {
  expect(lengthText(length)).toBe(expected)
})
