import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { has } from '../programs.ts'
import type { Program } from '../programs.ts'
import { bearer, callOf, mcpHeaders, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import type { Proxy } from './proxies.ts'
import { startProxy } from './proxies.ts'
import { exchangeRaw } from './raw.ts'
import type { Upstream } from './upstream.ts'
import { startUpstream, valuesOf } from './upstream.ts'

const routes = [
  { path: '/assets/*', public: true },
  { path: '/mcp', mcp: true, accepts: ['service-key' as const] },
  { path: '/api/*', accepts: ['service-key' as const] },
]

async function openFor(
  proxy: 'nginx' | 'caddy' | 'traefik' | 'envoy',
  trusted = ['127.0.0.1/32'],
  serviceUser = 'x-postern-service-user',
) {
  return await openGateway({
    routes,
    settings: {
      admin: { listen: '127.0.0.1:0', forwardAuth: proxy },
      trustedProxies: trusted,
      headers: { serviceUser },
    },
  })
}

const identityHeaders = ['x-postern-service-user', 'x-postern-principal']

describe.each([
  ['nginx', 'x-postern-service-user'],
  ['caddy', 'x-postern-service-user'],
  ['nginx', 'x-mmm-service-user'],
  ['caddy', 'x-mmm-service-user'],
] as const satisfies [Program, string][])(
  'behind a real %s, by the guide, with %s',
  (program, userHeader) => {
    describe.skipIf(!has(program))('which is installed', () => {
      let upstream: Upstream
      let gateway: TestGateway
      let proxy: Proxy
      let key: TestKey
      beforeAll(async () => {
        upstream = await startUpstream()
        gateway = await openFor(program, undefined, userHeader)
        const places = { backend: upstream.origin, admin: gateway.adminUrl, userHeader }
        proxy = await startProxy(program, places)
        key = await gateway.issueKey()
      })
      afterAll(async () => {
        await proxy.close()
        await gateway.close()
        await upstream.close()
      })
      beforeEach(async () => {
        await gateway.mark()
        upstream.reset()
      })
      const ask = (path: string, init: RequestInit = {}) =>
        fetch(`http://127.0.0.1:${proxy.port}${path}`, init)
      const firstValues = (name: string) => valuesOf(upstream.received[0]?.rawHeaders ?? [], name)

      test('a call with a key reaches the backend under its service user, without the key, and is in the trail', async () => {
        const answer = await ask('/mcp?tenant=7', {
          method: 'POST',
          headers: { ...mcpHeaders, ...bearer(key) },
          body: callOf('list_channels'),
        })
        expect(answer.status).toBe(200)
        expect(upstream.received.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /mcp?tenant=7'])
        expect(upstream.received[0]?.body.toString()).toBe(callOf('list_channels'))
        expect(firstValues(userHeader)).toEqual([key.serviceUserId])
        expect(firstValues('x-postern-principal')).toEqual([`service:${key.serviceUserId}`])
        expect(firstValues('authorization').join('')).toBe('')
        expect(await rowsOf(gateway, 1)).toMatchObject([
          { outcome: 'passed', path: '/mcp', httpMethod: 'POST', keyId: key.id, tool: null, status: null },
        ])
      })

      test.each([
        ['no key', {}, 'missing_credential'],
        ['a wrong key', { authorization: 'Bearer pst_nothing' }, 'malformed_key'],
      ])(
        'with %s the backend is never reached, and the denial is in the trail',
        async (_, headers, reason) => {
          const answer = await ask('/api/data', { headers })
          expect(answer.status).toBe(401)
          expect(answer.headers.get('www-authenticate')).toContain('Bearer')
          expect(upstream.received).toEqual([])
          expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'denied', reason, path: '/api/data' }])
        },
      )

      test('a client can neither name itself nor another URL or method (T31)', async () => {
        const forged = {
          [userHeader]: 'someone',
          [userHeader.replaceAll('-', '_')]: 'someone',
          [userHeader.replace('-service-user', '_service_user')]: 'someone',
          [userHeader.replaceAll('-', '.')]: 'someone',
          'X-Postern-Principal': 'user:root',
          'x-postern-assertion': 'forged',
          'x-original-uri': '/assets/logo.png',
          'x-original-method': 'GET',
          'x-forwarded-uri': '/assets/logo.png',
          'x-forwarded-method': 'GET',
        }
        expect((await ask('/api/data', { headers: forged })).status).toBe(401)
        expect(upstream.received).toEqual([])

        expect((await ask('/assets/logo.png', { headers: forged })).status).toBe(200)
        expect(upstream.received[0]?.rawHeaders.join('\n')).not.toContain('someone')
        expect(upstream.received[0]?.rawHeaders.join('\n')).not.toContain('forged')

        upstream.reset()
        expect((await ask('/api/data', { headers: { ...forged, ...bearer(key) } })).status).toBe(200)
        expect(firstValues(userHeader)).toEqual([key.serviceUserId])
        expect(firstValues('x-postern-principal')).toEqual([`service:${key.serviceUserId}`])
        expect(upstream.received[0]?.rawHeaders.join('\n')).not.toContain('someone')
      })

      test.each(['/api/../mcp', '/api/%2e%2e/mcp', '/API/data', '/api//data', '/api/a;b', '/nowhere'])(
        'the path %s is refused, or reaches the backend as the path that was judged',
        async (path) => {
          const head = `GET ${path} HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer ${key.token}\r\n`
          const answer = await exchangeRaw(proxy.port, `${head}connection: close\r\n\r\n`)
          const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
          const passed = (await rowsOf(gateway, 1)).filter(({ outcome }) => outcome === 'passed')
          expect(upstream.received.map(({ url }) => url)).toEqual(passed.map(({ path: judged }) => judged))
          if (passed.length === 0) expect([400, 403, 404]).toContain(status)
        },
      )

      test('a revoked key opens nothing', async () => {
        const other = await gateway.issueKey()
        expect((await ask('/api/data', { headers: bearer(other) })).status).toBe(200)
        await gateway.postern.keys.revoke(other.id, 'the test', 'the test')
        await expect
          .poll(async () => (await ask('/api/data', { headers: bearer(other) })).status, { timeout: 5000 })
          .toBe(401)
      })
    })
  },
)

describe('the endpoint itself', () => {
  let gateway: TestGateway
  afterAll(() => gateway.close())
  const ask = (headers: Record<string, string>, init: RequestInit = {}) =>
    fetch(`${gateway.adminUrl}/_postern/verify`, { ...init, headers })

  test('it is not there unless the settings name a proxy, and refuses whoever is none of the trusted ones', async () => {
    gateway = await openGateway({ routes, settings: { trustedProxies: ['127.0.0.1/32'] } })
    expect((await ask({})).status).toBe(404)
    await gateway.close()

    gateway = await openFor('traefik', ['10.0.0.0/8'])
    const stated = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/assets/a.png' }
    const answer = await ask(stated)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: 'address_refused' })
    await gateway.close()
  })

  test('every 200 has all identity headers, empty where there is nobody to name', async () => {
    gateway = await openFor('traefik')
    const key = await gateway.issueKey()
    const open = await ask({ 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/assets/a.png' })
    expect(open.status).toBe(200)
    for (const name of identityHeaders) expect(open.headers.get(name)).toBe('')
    const named = await ask({
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/api/data?x=1',
      ...bearer(key),
    })
    expect(named.status).toBe(200)
    expect(named.headers.get('x-postern-service-user')).toBe(key.serviceUserId)
    expect(named.headers.get('cache-control')).toBe('no-store')
  })

  test.each([
    ['no URL', { 'x-forwarded-method': 'GET' }, 400],
    ['no method', { 'x-forwarded-uri': '/assets/a.png' }, 400],
    ['a whole URL', { 'x-forwarded-method': 'GET', 'x-forwarded-uri': 'http://a.example/assets/' }, 400],
    ['the headers of another proxy', { 'x-original-method': 'GET', 'x-original-uri': '/assets/a.png' }, 400],
    [
      'a path that can be read twice',
      { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/assets/%2e%2e/api/a' },
      400,
    ],
    ['a path without a route', { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/other' }, 404],
  ])('%s is refused', async (_, headers, status) => {
    expect((await ask(headers)).status).toBe(status)
  })

  test('a URL that is stated twice is refused', async () => {
    const port = Number(new URL(gateway.adminUrl).port)
    const uris = 'x-forwarded-uri: /assets/a.png\r\nx-forwarded-uri: /api/data\r\n'
    const answer = await exchangeRaw(
      port,
      `GET /_postern/verify HTTP/1.1\r\nhost: a\r\nx-forwarded-method: GET\r\n${uris}connection: close\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 400/)
    await gateway.close()
  })

  test('a session system sees the head and the URL of the request that is asked about', async () => {
    const seen: unknown[] = []
    gateway = await openGateway({
      routes: [{ path: '/people/*', accepts: ['session'] }],
      settings: {
        admin: { listen: '127.0.0.1:0', forwardAuth: 'traefik' },
        trustedProxies: ['127.0.0.1/32'],
        sessions: ({ headers, url }) => {
          seen.push([headers.get('x-device'), url])
          return { id: 'ada' }
        },
      },
    })
    const stated = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/people/me?x=1' }
    const answer = await ask({ ...stated, 'x-device': 'd1', cookie: 'session=1' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-postern-principal')).toBe('user:ada')
    expect(seen).toEqual([['d1', '/people/me?x=1']])
    expect(await rowsOf(gateway, 1)).toMatchObject([{ principal: 'user:ada', credentialKind: 'session' }])
    await gateway.close()
  })

  test('asked by Envoy, with the body, the tool is judged and in the trail', async () => {
    gateway = await openFor('envoy')
    const key = await gateway.issueKey()
    const askMcp = (headers: Record<string, string>) =>
      fetch(`${gateway.adminUrl}/_postern/verify/mcp?x=1`, {
        method: 'POST',
        headers: { ...mcpHeaders, ...bearer(key), ...headers },
        body: callOf('list_channels'),
      })
    expect((await askMcp({})).status).toBe(200)
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { outcome: 'passed', path: '/mcp', method: 'tools/call', tool: 'list_channels' },
    ])
    await gateway.mark()
    const forged = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'other' }
    expect((await askMcp(forged)).status).toBe(400)
    expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'denied', reason: 'header_mismatch' }])
  })
})
