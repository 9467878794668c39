import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expiryAt } from '../../src/keys/expiry.ts'
import { parseInstant } from '../../src/keys/instant.ts'
import { KeysRefused } from '../../src/keys/refused.ts'

const dayMs = 86_400_000
const now = Date.parse('2026-11-23T12:00:00Z')
const policy = { defaultLifeMs: 180 * dayMs, maxLifeMs: 365 * dayMs }

function codeOf(expires: string): string {
  try {
    expiryAt(expires, policy, now)
    return 'accepted'
  } catch (error) {
    return error instanceof KeysRefused ? error.code : 'thrown'
  }
}

describe('a key ends when its maker said', () => {
  test.each([
    [undefined, '2027-05-22T12:00:00.000Z'],
    ['180d', '2027-05-22T12:00:00.000Z'],
    ['1ms', '2026-11-23T12:00:00.001Z'],
    ['12h', '2026-11-24T00:00:00.000Z'],
    ['365d', '2027-11-23T12:00:00.000Z'],
    ['2027-06-01', '2027-06-02T00:00:00.000Z'],
    ['2026-11-23', '2026-11-24T00:00:00.000Z'],
    ['2027-06-01T12:00:00Z', '2027-06-01T12:00:00.000Z'],
    ['2027-06-01t12:00:00.123456z', '2027-06-01T12:00:00.123Z'],
    ['2027-06-01T12:00:00+02:00', '2027-06-01T10:00:00.000Z'],
    [' 90d ', '2027-02-21T12:00:00.000Z'],
  ])('%s → %s', (expires, at) => {
    expect(new Date(expiryAt(expires, policy, now)).toISOString()).toBe(at)
  })
})

describe('what is no date, lies in the past, or beyond the policy is refused', () => {
  test.each([
    ['', 'expiry_invalid'],
    ['never', 'expiry_invalid'],
    ['180', 'expiry_invalid'],
    ['-1d', 'expiry_invalid'],
    ['1.5d', 'expiry_invalid'],
    ['1w', 'expiry_invalid'],
    ['2027-02-29', 'expiry_invalid'],
    ['2027-13-01', 'expiry_invalid'],
    ['2027-6-1', 'expiry_invalid'],
    ['06/01/2027', 'expiry_invalid'],
    ['2027-06-01T12:00:00', 'expiry_invalid'],
    ['2027-06-01 12:00:00Z', 'expiry_invalid'],
    ['2027-06-01T24:00:00Z', 'expiry_invalid'],
    ['2027-06-01T12:00:60Z', 'expiry_invalid'],
    ['2027-02-30T12:00:00Z', 'expiry_invalid'],
    ['2027-06-01T12:00:00+25:00', 'expiry_invalid'],
    ['0d', 'expiry_past'],
    ['2026-11-22', 'expiry_past'],
    ['2026-11-23T12:00:00Z', 'expiry_past'],
    ['366d', 'expiry_too_far'],
    ['999999999d', 'expiry_too_far'],
    ['2027-11-23T12:00:00.001Z', 'expiry_too_far'],
    ['9999-12-31', 'expiry_too_far'],
  ])('%j → %s', (expires, code) => {
    expect(codeOf(expires)).toBe(code)
  })

  test('whatever is asked for, the end lies after now and within the policy', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), fc.constantFrom('ms', 's', 'm', 'h', 'd')).map(([count, unit]) => `${count}${unit}`),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10)),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const at = expiryAt(text, policy, now)
          expect(at).toBeGreaterThan(now)
          expect(at).toBeLessThanOrEqual(now + policy.maxLifeMs)
        } catch (error) {
          expect(error).toBeInstanceOf(KeysRefused)
        }
      }),
    )
  })
})

test('an instant is read as what was written, in any zone', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }),
      fc.integer({ min: -23 * 60, max: 23 * 60 }),
      (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1)
        const two = (value: number) => String(value).padStart(2, '0')
        const size = Math.abs(offset)
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
        expect(parseInstant(local + zone)).toBe(date.getTime())
      },
    ),
  )
})
