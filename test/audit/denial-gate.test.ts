import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Denial } from '../../src/audit/denial-gate.ts'
import { createDenialGate, denialsASecond } from '../../src/audit/denial-gate.ts'
import { createFakeClock } from '../verify/fake-clock.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

interface Numbered extends Denial {
  number: number
}
interface Row {
  denial: Numbered
  count: number
  lastAt: number
}

function setUp() {
  const clock = createFakeClock(0)
  const rows: Row[] = []
  const state = { isAway: false, isFull: false }
  const gate = createDenialGate<Numbered>({
    clock,
    countAll: () => state.isAway,
    isFull: () => state.isFull,
    emit: (denial, count, lastAt) => rows.push({ denial, count, lastAt }),
  })
  let number = 0
  const deny = (fields: Partial<Denial> = {}) =>
    gate.deny({
      number: ++number,
      reason: 'unknown_key',
      keyId: null,
      clientAddress: '192.0.2.1',
      ...fields,
    })
  function passTime(ms: number): void {
    clock.advance(ms)
    vi.advanceTimersByTime(ms)
  }
  const total = () => rows.reduce((sum, row) => sum + row.count, 0)
  return { clock, rows, state, gate, deny, passTime, total }
}

describe('denials', () => {
  it('the first ten of a kind in a second are rows at once, the rest one row with first and last time', () => {
    const { rows, deny, passTime } = setUp()
    for (let ms = 0; ms < 900; ms += 10) {
      deny()
      passTime(10)
    }
    expect(rows.map((row) => [row.denial.number, row.count])).toEqual(
      Array.from({ length: denialsASecond }, (_, index) => [index + 1, 1]),
    )
    passTime(100)
    expect(rows.slice(denialsASecond)).toMatchObject([{ denial: { number: 11 }, count: 80, lastAt: 890 }])
    expect(denialsASecond).toBe(10)
  })

  it('of one kind start anew in the next second', () => {
    const { rows, deny, passTime } = setUp()
    for (let second = 0; second < 3; second++) {
      for (let index = 0; index < 10; index++) deny()
      passTime(1000)
    }
    expect(rows).toHaveLength(30)
    expect(new Set(rows.map((row) => row.count))).toEqual(new Set([1]))
  })

  it.each<[string, Partial<Denial>, Partial<Denial>, 'alike' | 'different']>([
    ['another reason', {}, { reason: 'expired_key' }, 'different'],
    ['another address, no key', {}, { clientAddress: '192.0.2.2' }, 'different'],
    ['another key', { keyId: 'a' }, { keyId: 'b' }, 'different'],
    ['the same key from another address', { keyId: 'a' }, { keyId: 'a', clientAddress: 'x' }, 'alike'],
    ['a key, and none', { keyId: 'a' }, {}, 'different'],
    ['another reason of one key', { keyId: 'a' }, { keyId: 'a', reason: 'revoked_key' }, 'different'],
    ['no address', { clientAddress: null }, { clientAddress: null }, 'alike'],
  ])('with %s have %s and count as told', (_name, first, second, how) => {
    const { rows, deny } = setUp()
    for (let index = 0; index < 10; index++) deny(first)
    expect(rows).toHaveLength(10)
    deny(second)
    expect(rows).toHaveLength(how === 'alike' ? 10 : 11)
  })

  it('are all counted, none written one by one, while the database is away', () => {
    const { rows, state, deny, passTime } = setUp()
    state.isAway = true
    for (let index = 0; index < 30; index++) deny()
    expect(rows).toEqual([])
    passTime(9_000)
    expect(rows).toEqual([])
    passTime(1_000)
    expect(rows).toMatchObject([{ denial: { number: 1 }, count: 30 }])
  })

  it('are written a second after the database is back, however long they were to be counted', () => {
    const { rows, state, deny, passTime } = setUp()
    state.isAway = true
    for (let count = 0; count < 30; count++) deny()
    passTime(2_000)
    state.isAway = false
    passTime(1_000)
    expect(rows).toMatchObject([{ count: 30 }])
  })

  it('take no room where there is none, and none of them is forgotten', () => {
    const { rows, state, deny, passTime, total } = setUp()
    Object.assign(state, { isAway: true, isFull: true })
    for (let second = 0; second < 120; second++) {
      for (let address = 0; address < 20; address++) deny({ clientAddress: `192.0.2.${address}` })
      passTime(1_000)
    }
    expect(rows).toEqual([])
    Object.assign(state, { isAway: false, isFull: false })
    passTime(1_000)
    expect(total()).toBe(120 * 20)
    expect(rows).toHaveLength(20)
  })

  it('of very many kinds a second stay a bounded number of rows', () => {
    const { rows, deny, passTime, total } = setUp()
    for (let index = 0; index < 50_000; index++) deny({ clientAddress: `address ${index}` })
    expect(rows.length).toBeLessThanOrEqual(1000 + denialsASecond)
    passTime(1000)
    expect(rows.length).toBeLessThanOrEqual(1000 + denialsASecond + 1)
    expect(total()).toBe(50_000)
    // What stands for many addresses names none of them.
    expect(rows.at(-1)).toMatchObject({ denial: { clientAddress: null } })
    expect(rows.at(-1)?.count).toBeGreaterThan(40_000)
    // The next second begins with nothing.
    deny({ clientAddress: 'address 49999' })
    expect(rows.at(-1)).toMatchObject({ count: 1, denial: { clientAddress: 'address 49999' } })
  })

  it('of very many keys a second each keep their key', () => {
    const { rows, deny, passTime } = setUp()
    for (let round = 0; round < 12; round++)
      for (let index = 0; index < 1500; index++) deny({ keyId: `key ${index}` })
    passTime(1000)
    const counted = rows.filter(({ count }) => count === 2)
    expect(new Set(counted.map(({ denial }) => denial.keyId)).size).toBe(1500)
  })

  it('that wait to be counted are written by a flush, at once and only once', () => {
    const { rows, gate, deny, passTime, total } = setUp()
    for (let index = 0; index < 25; index++) deny()
    gate.flush()
    expect(total()).toBe(25)
    gate.flush()
    passTime(5000)
    expect(rows).toHaveLength(11)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are never lost in count, with every row inside the times that it tells of', () => {
    const kind = fc.record({
      reason: fc.constantFrom('unknown_key', 'expired_key'),
      keyId: fc.constantFrom(null, 'key-1', 'key-2'),
      clientAddress: fc.constantFrom(null, '192.0.2.1', '192.0.2.2'),
    })
    const step = fc.record({
      kind,
      times: fc.integer({ min: 1, max: 30 }),
      waitMs: fc.constantFrom(0, 1, 100, 999, 1000, 2500),
      isAway: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, rows, state, gate, deny, passTime, total } = setUp()
        const madeAt: number[] = [-1]
        for (const { kind: of, times, waitMs, isAway } of steps) {
          state.isAway = isAway
          for (let index = 0; index < times; index++) {
            deny(of)
            madeAt.push(clock.now())
          }
          passTime(waitMs)
        }
        gate.flush()
        expect(total()).toBe(madeAt.length - 1)
        for (const { denial, count, lastAt } of rows) {
          expect(count).toBeGreaterThan(0)
          expect(madeAt).toContain(lastAt)
          expect(lastAt).toBeGreaterThanOrEqual(madeAt[denial.number] ?? Infinity)
        }
        expect(new Set(rows.map((row) => row.denial.number)).size).toBe(rows.length)
      }),
    )
  })
})
