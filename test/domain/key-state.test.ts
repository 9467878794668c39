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
    ['active', 'its revocation lies ahead', { revokedAt: now + 1 }],
    ['active', 'its service user is disabled later', { disabledAt: now + 1 }],
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
    ['disabled', 'service_user_disabled', 'its service user is disabled now', { disabledAt: now }],
    ['expired', 'expired_key', 'it expired within its overlap', { expiresAt: now, retiresAt: now + 1 }],
    ['expired', 'expired_key', 'it is expired and retired', { expiresAt: now, retiresAt: now }],
    ['revoked', 'revoked_key', 'it is revoked and expired', { revokedAt: now - 9, expiresAt: now - 99 }],
    [
      'revoked',
      'revoked_key',
      'all at once',
      { revokedAt: now, disabledAt: now, expiresAt: now, retiresAt: now },
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

it('a key opens something exactly while no end has come', () => {
  fc.assert(
    fc.property(times, ({ disabledAt, ...key }) => {
      const ends = [key.expiresAt, key.retiresAt, key.revokedAt, disabledAt].filter((end) => end !== null)
      const isOpen = refusalOf(keyState(key, { disabledAt }, now)) === null
      expect(isOpen).toBe(now < Math.min(...ends))
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
