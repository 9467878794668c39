import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isId, lowestIdAt, newId } from '../../src/domain/id.ts'

// 48 bits of milliseconds, the last of them in the year 10889.
const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 })

describe('an id', () => {
  it('is a UUID v7 of its millisecond (RFC 9562)', () => {
    fc.assert(
      fc.property(instant, (ms) => {
        const id = newId(ms)
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(ms)
        expect(isId(id)).toBe(true)
      }),
    )
  })

  it('has the time of the example in RFC 9562, appendix A.6', () => {
    expect(newId(0x017f22e279b0).startsWith('017f22e2-79b0-7')).toBe(true)
  })

  it('made later sorts later', () => {
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        fc.pre(a < b)
        expect(newId(a) < newId(b)).toBe(true)
      }),
    )
  })

  it('is new each time, also beyond the pool of random bytes', () => {
    const count = 2000
    expect(new Set(Array.from({ length: count }, () => newId(1))).size).toBe(count)
  })

  it('is not below the lowest of its millisecond, and below the lowest of the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 2 }), (ms) => {
        const id = newId(ms)
        expect(lowestIdAt(ms) <= id).toBe(true)
        expect(id < lowestIdAt(ms + 1)).toBe(true)
        expect(isId(lowestIdAt(ms))).toBe(true)
      }),
    )
  })

  it('at or before the epoch begins with zeros', () => {
    for (const ms of [0, -1, -1e15]) expect(lowestIdAt(ms)).toBe('00000000-0000-7000-8000-000000000000')
  })
})

describe('the shape of an id', () => {
  it.each(['017f22e2-79b0-7cc3-98c4-dc0c0c07398f', '00000000-0000-0000-0000-000000000000'])('%s', (text) =>
    expect(isId(text)).toBe(true),
  )
  it.each([
    '',
    '017f22e279b07cc398c4dc0c0c07398f',
    '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398ff',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
    ' 017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    '{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}',
    "' or 1=1 --",
  ])('is not that of %j', (text) => expect(isId(text)).toBe(false))
})
