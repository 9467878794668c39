import { beforeEach, expect, test } from 'vitest'
import { createAttempts, type Attempts } from '../../../src/admin/sign-in/attempts.ts'

let nowMs: number
let attempts: Attempts
beforeEach(() => {
  nowMs = 0
  attempts = createAttempts({ monotonic: () => nowMs })
})

function fail(count: number, address: string | null, account: string): void {
  for (let at = 0; at < count; at++) attempts.begin(address, account)
}

test('ten failures from one address make it wait, and others not', () => {
  fail(9, '192.0.2.1', 'ada')
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(0)
  fail(1, '192.0.2.1', 'grace')
  expect(attempts.waitMs('192.0.2.1', 'anyone')).toBe(300_000)
  expect(attempts.waitMs('192.0.2.2', 'ada')).toBe(0)
})

test('who signs in rightly has not failed, and nobody else is forgiven by it', () => {
  fail(9, '192.0.2.1', 'ada')
  const takeBack = attempts.begin('192.0.2.1', 'ada')
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(300_000)
  takeBack()
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(0)
  fail(1, '192.0.2.1', 'ada')
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(300_000)
})

test('the wait ends five minutes after the failures, one by one', () => {
  for (let at = 0; at < 10; at++) {
    fail(1, '192.0.2.1', 'ada')
    nowMs += 1000
  }
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(290_000)
  nowMs += 290_000
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(0)
  fail(1, '192.0.2.1', 'ada')
  expect(attempts.waitMs('192.0.2.1', 'ada')).toBe(1000)
})

test('one account is guessed at from everywhere only so often, in whatever case it is written', () => {
  for (let at = 0; at < 50; at++)
    fail(1, `192.0.2.${at}`, at % 2 === 0 ? 'Ada@Example.com' : 'ada@example.com')
  expect(attempts.waitMs('198.51.100.1', 'ADA@example.com')).toBeGreaterThan(0)
  expect(attempts.waitMs('198.51.100.1', 'grace@example.com')).toBe(0)
})

test('of IPv6 the network counts', () => {
  for (let at = 0; at < 10; at++) fail(1, `2001:db8:0:1:${at.toString(16)}:1:1:1`, 'ada')
  expect(attempts.waitMs('2001:db8:0:1:ffff:1:1:1', 'x')).toBeGreaterThan(0)
  expect(attempts.waitMs('2001:db8:0:2:1:1:1:1', 'x')).toBe(0)
})

test('what is remembered is bounded', () => {
  fail(10, '192.0.2.1', 'ada')
  for (let at = 0; at < 20_000; at++) fail(1, null, `nobody-${at}`)
  expect(attempts.waitMs('192.0.2.1', 'x')).toBe(0)
})
