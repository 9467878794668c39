import { describe, expect, it } from 'vitest'
import { whatStops } from '../../../ui/src/service-users/what-stops.ts'

const day = (calls: number, refused = 0) => ({ day: '2027-06-01', calls, refused })
const key = (
  state: 'active' | 'retiring' | 'revoked' | 'expired' | 'disabled',
  ...days: ReturnType<typeof day>[]
) => ({
  state,
  days,
})
const disabling = { isDisabled: false, hasMore: false }
const enabling = { isDisabled: true, hasMore: false }

describe('what disabling a service user stops', () => {
  it('counts the keys that work, with the calls of seven days that were let through', () => {
    const older = Array.from({ length: 5 }, () => day(1000))
    expect(
      whatStops(
        [
          key('active', ...older, ...Array.from({ length: 7 }, () => day(12, 2))),
          key('retiring', day(5)),
          key('revoked', day(900)),
          key('expired', day(900)),
        ],
        disabling,
      ),
    ).toBe('2 keys stop. 75 calls came with them in the last 7 days.')
  })

  it('says so where nothing would be missed', () => {
    expect(whatStops([key('active', day(3, 3))], disabling)).toBe(
      '1 key stops. Nothing called with it in the last 7 days.',
    )
    expect(whatStops([key('revoked', day(9))], disabling)).toBe('It has no key that works.')
  })

  it('says what enabling brings back', () => {
    expect(whatStops([key('disabled'), key('revoked')], enabling)).toBe(
      '1 key would work again, until its end.',
    )
    expect(whatStops([key('expired')], enabling)).toBe('None of its keys would work.')
  })

  it('promises no count that it does not have', () => {
    expect(whatStops([key('active', day(1))], { isDisabled: false, hasMore: true })).toBe(
      'More than 1 keys stop. More than 1 call came with them in the last 7 days.',
    )
  })
})
