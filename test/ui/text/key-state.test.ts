import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyStateText } from '../../../ui/src/text/key-state.ts'

const dayMs = 86_400_000
const now = Date.UTC(2026, 10, 23, 12)
const at = (days: number) => new Date(now + days * dayMs).toISOString()
const key = { state: 'active', expiresAt: at(100), retiresAt: null, revokedAt: null } as const

describe('the badge of a key', () => {
  it.each([
    ['far from its end', key, 'Active', 'good', false],
    ['near its end', { ...key, expiresAt: at(12.5) }, 'Expires in 12 days', 'warn', false],
    ['under three days', { ...key, expiresAt: at(2.5) }, 'Expires in 2 days', 'bad', false],
    ['retiring', { ...key, state: 'retiring', retiresAt: at(4.5) }, 'Retiring, 4 days left', 'warn', false],
    [
      'retiring, and expired before',
      { ...key, state: 'retiring', retiresAt: at(9), expiresAt: at(2.2) },
      'Retiring, 2 days left',
      'bad',
      false,
    ],
    ['retired', { ...key, state: 'retired', retiresAt: at(-3) }, 'Retired 3 days ago', 'neutral', true],
    ['expired', { ...key, state: 'expired', expiresAt: at(-3) }, 'Expired 3 days ago', 'neutral', true],
    ['revoked', { ...key, state: 'revoked', revokedAt: at(0) }, 'Revoked just now', 'neutral', true],
    ['disabled', { ...key, state: 'disabled' }, 'Disabled', 'neutral', true],
  ] as const)('of one %s', (_, shown, label, tone, isDead) => {
    expect(keyStateText(shown, now)).toMatchObject({ label, tone, isDead })
  })

  it('never calls a key alive past its end, however old the page’s data is', () => {
    const states = ['active', 'retiring', 'retired', 'expired', 'revoked', 'disabled'] as const
    fc.assert(
      fc.property(
        fc.constantFrom(...states),
        fc.integer({ min: -400, max: 0 }),
        fc.option(fc.integer({ min: -400, max: 400 })),
        (state, expires, retires) => {
          const shown = { state, expiresAt: at(expires), retiresAt: retires === null ? null : at(retires) }
          expect(keyStateText({ ...shown, revokedAt: null }, now).isDead).toBe(true)
        },
      ),
    )
  })
})
