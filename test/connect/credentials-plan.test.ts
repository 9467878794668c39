import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planRenewal } from '../../connect/src/credential/renewal-plan.ts'
import { dayAndTime, leftUntil, warningText } from '../../connect/src/credential/warning-text.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000
const now = Date.UTC(2026, 10, 23)
const key = (life: { since: number; left: number; until?: number | null; isRetiring?: boolean }) => ({
  isRetiring: life.isRetiring ?? false,
  createdAt: now - life.since,
  endsAt: now + life.left,
  renewableUntil: life.until === undefined ? now + 3650 * dayMs : life.until,
  now,
})

test.each([
  ['180 days', 0, 180 * dayMs, 150 * dayMs],
  ['a day', 0, dayMs, 16 * hourMs],
  ['an hour, half over', hourMs / 2, hourMs / 2, hourMs / 6],
])('a key of %s is renewed with a third of its life to go, or 30 days', (_, since, left, inMs) => {
  expect(planRenewal(key({ since, left }), 0)).toMatchObject({ kind: 'renews', at: now + inMs })
})

test('a key that may not, or whose successor would end no later, is not renewed', () => {
  expect(planRenewal(key({ since: 0, left: dayMs, until: null }), 0).kind).toBe('not-granted')
  expect(planRenewal(key({ since: 0, left: dayMs, until: now + dayMs }), 0).kind).toBe('family-ended')
})

test('one in its overlap is asked for at once, since its successor may have been lost', () => {
  expect(planRenewal(key({ since: 0, left: dayMs, isRetiring: true }), 0)).toMatchObject({ at: now })
})

test('whatever the lives, a family renews itself a bounded number of times, each before its end', () => {
  const lifeMs = fc.integer({ min: 60_000, max: 400 * dayMs })
  const times = fc.double({ min: 0.1, max: 50, noNaN: true })
  const part = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(lifeMs, times, part, (defaultLife, lives, chance) => {
      const familyLife = Math.round(defaultLife * lives)
      let [createdAt, endsAt] = [now, now + Math.min(defaultLife, familyLife)]
      const until = now + familyLife
      let renewals = 0
      for (;;) {
        const plan = planRenewal(
          { isRetiring: false, createdAt, endsAt, renewableUntil: until, now: createdAt },
          chance,
        )
        if (plan.kind !== 'renews') break
        expect(plan.at).toBeLessThan(endsAt)
        expect(plan.at).toBeGreaterThan(createdAt)
        renewals++
        // What the gateway makes of it.
        createdAt = plan.at
        endsAt = Math.min(createdAt + defaultLife, until)
      }
      expect(renewals).toBeLessThanOrEqual(Math.ceil(familyLife / (defaultLife * 0.6)))
      expect(endsAt).toBe(until)
    }),
  )
})

test('what is said of an end is true to the day, whatever the instant', () => {
  expect(leftUntil(now + 12 * dayMs + 5, now)).toBe('in 12 days')
  expect(leftUntil(now + dayMs, now)).toBe('in 1 day')
  expect(leftUntil(now + 1, now)).toBe('within a day')
  expect(leftUntil(now, now)).toBe('now')
  expect(dayAndTime(Number.MAX_VALUE)).toBe('an unknown day')
  expect(warningText({ code: 'key_expiring', endsAt: now + 12 * dayMs }, now, 'POSTERN_KEY')).toBe(
    'the key expires in 12 days (2026-12-05 00:00 UTC): ask for another, and put it into POSTERN_KEY',
  )
})
