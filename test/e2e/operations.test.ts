import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { bearer, callOf, mcpHeaders, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { startUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await openGateway({
    routes: [
      { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${upstream.origin}/mcp` },
      { path: '/public/*', public: true, upstream: upstream.origin },
      { path: '/dead', accepts: ['service-key'], upstream: 'http://127.0.0.1:1' },
    ],
  })
  key = await gateway.issueKey()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

beforeEach(() => upstream.reset())

const ask = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(gateway.adminUrl + path, init)
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}
const call = (token: string) =>
  fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...mcpHeaders, ...bearer({ token }) },
    body: callOf('secret_tool'),
  })

test('health, readiness and metrics are on the admin address', async () => {
  expect(await ask('/_postern/healthz')).toMatchObject({ status: 200, text: 'ok\n' })
  expect(await ask('/_postern/readyz')).toMatchObject({
    status: 200,
    text: '{"ready":true,"fresh":true,"trail":true,"setAside":0}',
  })
  expect((await ask('/_postern/metrics')).type).toContain('text/plain')
  expect(await ask('/_postern/healthz', { method: 'POST' })).toMatchObject({ status: 405 })
  expect(await ask('/nothing')).toMatchObject({ status: 404 })
})

test('and not on the gateway, where they would be no route', async () => {
  for (const path of ['/_postern/healthz', '/_postern/readyz', '/_postern/metrics']) {
    expect((await fetch(gateway.url + path)).status).toBe(404)
    expect((await fetch(gateway.url + path, { headers: bearer(key) })).status).toBe(404)
  }
  expect(upstream.received).toEqual([])
})

test('metrics count outcomes and reasons, and their labels name no key, user, path or tool', async () => {
  expect((await call(key.token)).status).toBe(200)
  expect((await call(newToken('pst'))).status).toBe(401)
  expect((await fetch(`${gateway.url}/nowhere/${key.id}`)).status).toBe(404)
  expect((await fetch(`${gateway.url}/dead`, { headers: bearer(key) })).status).toBe(502)
  const { text } = await ask('/_postern/metrics')
  expect(text).toMatch(/^postern_requests_total\{outcome="forwarded",reason=""\} [1-9]/m)
  expect(text).toMatch(/^postern_requests_total\{outcome="denied",reason="unknown_key"\} 1$/m)
  expect(text).toMatch(/^postern_requests_total\{outcome="denied",reason="no_route"\} [1-9]/m)
  expect(text).toMatch(/^postern_requests_total\{outcome="forwarded",reason="upstream_unreachable"\} 1$/m)
  for (const name of [
    'postern_lease_age_seconds',
    'postern_epoch',
    'postern_trail_rows_total',
    'postern_trail_away',
  ])
    expect(text).toMatch(new RegExp(`^${name} `, 'm'))
  for (const secret of [key.id, key.serviceUserId, key.token, 'agent', '/mcp', '/nowhere', 'secret_tool'])
    expect(text).not.toContain(secret)
})

test('a node that lost its lease says that it is not ready, and serves nothing but public routes', async () => {
  await gateway.mark()
  upstream.reset()
  gateway.postern.lease.stop()
  // The wall clock moves on, as after a pause: the larger of the two clocks counts.
  const isFresh = gateway.postern.lease.isFresh
  expect(isFresh()).toBe(true)
  gateway.shiftClock(10_000)
  expect(isFresh()).toBe(false)
  expect(await ask('/_postern/readyz')).toMatchObject({
    status: 503,
    text: '{"ready":false,"fresh":false,"trail":true,"setAside":0}',
  })
  expect((await fetch(`${gateway.url}/public/x`)).status).toBe(200)
  gateway.postern.lease.start()
  await expect.poll(async () => (await ask('/_postern/readyz')).status).toBe(200)
  expect((await call(key.token)).status).toBe(200)
  expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'succeeded' }])
})
