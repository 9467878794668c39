import { expect, test } from 'vitest'
import { backoffMs, nextAfter, retryAfterMs } from '../../connect/src/protocol/retry.ts'
import type { Attempt } from '../../connect/src/protocol/retry.ts'
import { reasons } from '../../connect/src/reasons.ts'
import type { Reason } from '../../connect/src/reasons.ts'

const refused = (status: number, more: object = {}): Attempt => ({
  kind: 'refused',
  status,
  rpcCode: null,
  retryAfterMs: null,
  bearsSession: false,
  isCredentialChanged: false,
  areMirrorsChanged: false,
  ...more,
})

test('nothing that was sent and has no answer is ever sent again', () => {
  for (const reason of Object.keys(reasons) as Reason[])
    expect(nextAfter({ kind: 'failed', reason, isSent: true })).toBe('never')
})

test.each([
  ['nothing was sent: refused connection', { kind: 'failed', reason: 'unreachable', isSent: false }, 'later'],
  ['nothing was sent: no such name', { kind: 'failed', reason: 'name_not_found', isSent: false }, 'later'],
  ['nothing was sent: the proxy', { kind: 'failed', reason: 'proxy_failed', isSent: false }, 'later'],
  [
    'nothing was sent: not connected in time',
    { kind: 'failed', reason: 'timed_out', isSent: false },
    'later',
  ],
  ['a certificate does not mend itself', { kind: 'failed', reason: 'tls_failed', isSent: false }, 'never'],
  ['given up', { kind: 'failed', reason: 'aborted', isSent: false }, 'never'],
  ['401, another key by now', refused(401, { isCredentialChanged: true }), 'at_once'],
  ['401, the same key', refused(401), 'never'],
  ['403, another key by now', refused(403, { isCredentialChanged: true }), 'never'],
  ['404 of a session', refused(404, { bearsSession: true }), 'in_a_new_session'],
  ['404 without one', refused(404), 'never'],
  ['400, mirrors learnt since', refused(400, { rpcCode: -32020, areMirrorsChanged: true }), 'at_once'],
  ['400, the same mirrors', refused(400, { rpcCode: -32020 }), 'never'],
  ['400 of another code', refused(400, { rpcCode: -32602, areMirrorsChanged: true }), 'never'],
  ["Postern's 503", refused(503, { rpcCode: 50300, retryAfterMs: 1000 }), 'later'],
  ["Postern's 503 that doesn't say when", refused(503, { rpcCode: 50300 }), 'never'],
  ["a backend's 503", refused(503, { rpcCode: -32603, retryAfterMs: 1000 }), 'never'],
  ["a load balancer's 503", refused(503, { retryAfterMs: 1000 }), 'never'],
  ["Postern's 429", refused(429, { rpcCode: 42900, retryAfterMs: 1000 }), 'later'],
  ["a backend's 429", refused(429, { retryAfterMs: 1000 }), 'never'],
  ['executed_unrecorded', refused(500, { rpcCode: 50001, retryAfterMs: 1000 }), 'never'],
  ['502', refused(502, { rpcCode: 50200, retryAfterMs: 1000 }), 'never'],
  ['504', refused(504, { rpcCode: 50400, retryAfterMs: 1000 }), 'never'],
] satisfies [string, Attempt, string][])('%s', (_what, attempt, next) => {
  expect(nextAfter(attempt)).toBe(next)
})

test('waits double up to eight seconds, and are spread by chance', () => {
  expect([0, 1, 5, 50].map((attempt) => backoffMs(attempt, 0))).toEqual([125, 250, 4000, 4000])
  expect(backoffMs(0, 0.5)).toBe(187.5)
})

test('Retry-After is seconds or a date, and else nothing', () => {
  expect(retryAfterMs('3', 0)).toBe(3000)
  expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000)
  expect([retryAfterMs(undefined, 0), retryAfterMs('soon', 0), retryAfterMs('-1x', 0)]).toEqual([
    null,
    null,
    null,
  ])
})
