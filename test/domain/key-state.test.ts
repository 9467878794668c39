import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyState, refusalOf, type KeyState } from '../../src/domain/key-state.ts'
import { refusalFor, refusals } from '../../src/domain/verdict.ts'

const now = 1_800_000_000_000
const never = { expiresAt: now + 1000, retiresAt: null, revokedAt: null, disabledAt: null }

function stateOf(times: Partial<typeof never> | Record<string, number | null>): KeyState {
  const { disabledAt, ...key } = { ...never, ...times }
  return keyState(key, { disabledAt }, now)
}

describe('allowed', () => {
  it.each([
    ['active', 'it has time left', {}],
    ['active', 'it expires in a millisecond', { expiresAt: now + 1 }],
    ['retiring', 'its overlap ends in a millisecond', { retiresAt: now + 1 }],
  ])('%s: %s', (state, _why, times) => {
    expect(stateOf(times)).toBe(state)
    expect(refusalOf(stateOf(times))).toBeNull()
  })
})

describe('refused', () => {
  it.each([
    ['expired', 'expired_key', 'it expires at this very millisecond', { expiresAt: now }],
    ['expired', 'expired_key', 'it expired', { expiresAt: now - 1 }],
    ['retired', 'retired_key', 'its overlap ends at this very millisecond', { retiresAt: now }],
    ['revoked', 'revoked_key', 'it is revoked at this very millisecond', { revokedAt: now }],
    ['revoked', 'revoked_key', 'it was revoked where the clock is ahead', { revokedAt: now + 5000 }],
    [
      'disabled',
      'service_user_disabled',
      'it was stopped where the clock is ahead',
      { disabledAt: now + 5000 },
    ],
    ['revoked', 'revoked_key', 'it is revoked within its overlap', { revokedAt: now, retiresAt: now + 1 }],
    ['revoked', 'revoked_key', 'it is revoked after its overlap', { revokedAt: now, retiresAt: now - 1 }],
    ['retired', 'retired_key', 'the tidy-up recorded its end', { revokedAt: now, retiresAt: now }],
    [
      'retired',
      'retired_key',
      'and the clock was set back since',
      { revokedAt: now + 9, retiresAt: now + 9 },
    ],
    ['disabled', 'service_user_disabled', 'its service user is disabled now', { disabledAt: now }],
    ['expired', 'expired_key', 'it expired within its overlap', { expiresAt: now, retiresAt: now + 1 }],
    ['expired', 'expired_key', 'it is expired and retired', { expiresAt: now, retiresAt: now }],
    ['revoked', 'revoked_key', 'it is revoked and expired', { revokedAt: now - 9, expiresAt: now - 99 }],
    [
      'revoked',
      'revoked_key',
      'all at once',
      { revokedAt: now, disabledAt: now, expiresAt: now, retiresAt: now - 1 },
    ],
    ['disabled', 'service_user_disabled', 'it is disabled and expired', { disabledAt: now, expiresAt: now }],
  ])('%s (%s): %s', (state, reason, _why, times) => {
    expect(stateOf(times)).toBe(state)
    expect(refusalOf(stateOf(times))).toBe(reason)
  })

  it('all states that refuse look the same outside', () => {
    const states: KeyState[] = ['retired', 'expired', 'revoked', 'disabled']
    const shown = states.map((state) => refusalFor(refusalOf(state) ?? 'no_route'))
    for (const refusal of shown) expect(refusal).toBe(refusals.unknown_key)
  })
})

const instant = fc.integer({ min: now - 1000, max: now + 1000 })
const times = fc.record({
  expiresAt: instant,
  retiresAt: fc.option(instant),
  revokedAt: fc.option(instant),
  disabledAt: fc.option(instant),
})

it('a key opens something exactly while no end has come and nobody has ended it', () => {
  fc.assert(
    fc.property(times, ({ disabledAt, ...key }) => {
      const { expiresAt, retiresAt, revokedAt } = key
      const isOpen = refusalOf(keyState(key, { disabledAt }, now)) === null
      const isEnded = revokedAt !== null || disabledAt !== null
      expect(isOpen).toBe(!isEnded && now < Math.min(expiresAt, retiresAt ?? Infinity))
    }),
  )
})

it('a dead key never comes back as time goes on', () => {
  fc.assert(
    fc.property(times, instant, fc.nat(2000), ({ disabledAt, ...key }, at, laterMs) => {
      const isDead = (ms: number) => refusalOf(keyState(key, { disabledAt }, ms)) !== null
      expect(isDead(at) && !isDead(at + laterMs)).toBe(false)
    }),
  )
})
