import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { bearer, callOf, mcpHeaders, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { exchangeRaw, readAnswer } from './raw.ts'
import { onStage } from './stage.ts'
import { valuesOf } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

const accepts = ['service-key' as const]

onStage(
  (origin) => ({
    routes: [
      { path: '/mcp', mcp: true, accepts, upstream: `${origin}/mcp` },
      { path: '/public/*', public: true, upstream: origin },
      { path: '/*', accepts, upstream: origin },
    ],
    settings: { headers: { serviceUser: 'x-acme-agent' } },
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)

describe('T1, T2: whatever is sent, the backend learns who calls from us alone', () => {
  const ours = [
    'x-acme-agent',
    'x-postern-principal',
    'x-postern-assertion',
    'x-postern-service-user',
    'x-postern-new',
  ]
  const spoofed = fc
    .tuple(
      fc.constantFrom(...ours),
      fc.array(fc.tuple(fc.boolean(), fc.constantFrom('-', '_', '.')), { minLength: 40, maxLength: 40 }),
    )
    .map(([name, choices]) =>
      Array.from(name)
        .map((char, at) => (char === '-' ? choices[at]![1] : choices[at]![0] ? char.toUpperCase() : char))
        .join(''),
    )
  const header = fc.tuple(spoofed, fc.constantFrom('admin', 'user:root', '', key0(), 'a, b'))
  const connection = fc.oneof(
    fc.constant('close'),
    fc
      .subarray([...ours, 'X-Acme-Agent', 'host', 'x-request-id', 'x-forwarded-for'])
      .map((names) => ['close', ...names].join(', ')),
  )

  test.each([
    ['on a route with a key', '/x'],
    ['on a public route', '/public/x'],
  ])('%s', async (_name, path) => {
    await fc.assert(
      fc.asyncProperty(fc.array(header, { maxLength: 6 }), connection, async (headers, connectionValue) => {
        upstream.received.length = 0
        const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
        const text = await exchangeRaw(
          gateway.port,
          `GET ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: ${connectionValue}\r\n${fields}\r\n`,
        )
        if (upstream.received.length === 0) {
          // Only a Connection that names what is judged by is refused.
          expect(connectionValue).toContain('host')
          expect(readAnswer(text).status).toBe(400)
          return
        }
        const { rawHeaders } = upstream.received[0]!
        const named = rawHeaders.flatMap((name, at) =>
          at % 2 === 0 && /^x[^a-z0-9](acme[^a-z0-9]agent|postern[^a-z0-9])/i.test(name)
            ? [[name, rawHeaders[at + 1]]]
            : [],
        )
        expect(named).toEqual(
          path === '/x'
            ? [
                ['x-acme-agent', key.serviceUserId],
                ['x-postern-principal', `service:${key.serviceUserId}`],
                ['x-postern-assertion', expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]{86}$/)],
              ]
            : [],
        )
        expect(valuesOf(rawHeaders, 'authorization')).toEqual([])
        expect(valuesOf(rawHeaders, 'x-request-id')).toHaveLength(1)
        expect(valuesOf(rawHeaders, 'x-forwarded-for')).toEqual(['127.0.0.1'])
      }),
      { numRuns: 150 },
    )
  })

  test('what Connection names goes no further, and no later hop is told to drop what is ours', async () => {
    await exchangeRaw(
      gateway.port,
      `GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close, X-Own, x-acme-agent\r\nX-Own: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\r\n`,
    )
    const { rawHeaders } = upstream.received[0]!
    expect(valuesOf(rawHeaders, 'connection')).toEqual(['keep-alive'])
    for (const name of ['x-own', 'keep-alive', 'te']) expect(valuesOf(rawHeaders, name)).toEqual([])
    expect(valuesOf(rawHeaders, 'x-acme-agent')).toEqual([key.serviceUserId])
  })

  test('the credential never goes upstream, whichever kind it is', async () => {
    for (const authorization of [`Bearer ${key.token}`, 'Basic eDp5', `Bearer ${newToken('pst')}`]) {
      await fetch(`${gateway.url}/public/x`, {
        headers: { authorization, 'proxy-authorization': authorization },
      })
    }
    await fetch(`${gateway.url}/x`, { headers: { ...bearer(key), 'proxy-authorization': 'Basic eDp5' } })
    expect(upstream.received).toHaveLength(4)
    for (const { rawHeaders } of upstream.received) {
      expect(valuesOf(rawHeaders, 'authorization')).toEqual([])
      expect(valuesOf(rawHeaders, 'proxy-authorization')).toEqual([])
      expect(rawHeaders.join('\n')).not.toContain(key.token)
    }
  })

  test('a client learns nothing of it from the backend that echoes it', async () => {
    upstream.answer((received, response) => {
      response.writeHead(200, {
        'x-acme-agent': valuesOf(received.rawHeaders, 'x-acme-agent'),
        X_Postern_Principal: 'service:x',
        'x-own': 'kept',
        'set-cookie': ['a=1', 'b=2'],
      })
      response.end()
    })
    const response = await fetch(`${gateway.url}/x`, { headers: bearer(key) })
    expect([...response.headers.keys()].filter((name) => /acme|postern/.test(name))).toEqual([])
    expect(response.headers.get('x-own')).toBe('kept')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })
})

describe('a refused credential', () => {
  test.each(['POST', 'GET', 'DELETE'])(
    'is answered 401 with its challenge, to %s as well',
    async (method) => {
      for (const [headers, challenge] of [
        [{}, 'Bearer realm="postern"'],
        [{ authorization: 'Bearer wrong' }, 'Bearer realm="postern", error="invalid_token"'],
        [bearer({ token: newToken('pst') }), 'Bearer realm="postern", error="invalid_token"'],
      ] as const) {
        const response = await fetch(`${gateway.url}/mcp`, {
          method,
          headers: { ...mcpHeaders, ...headers },
          ...(method === 'POST' ? { body: callOf('t') } : {}),
        })
        expect(response.status).toBe(401)
        expect(response.headers.get('www-authenticate')).toBe(challenge)
        expect(response.headers.get('www-authenticate')).not.toContain('resource_metadata')
        expect(response.headers.get('cache-control')).toBe('no-store')
        const { error } = (await response.json()) as { error: { code: number } }
        expect(error.code).toBe(challenge.includes('error') ? 40101 : 40100)
      }
      expect(upstream.received).toEqual([])
    },
  )

  test.each(['/mcp', '/x'])(
    'looks the same for every reason outside, and differs in the trail (%s)',
    async (path) => {
      const expired = await gateway.issueExpiredKey()
      const revoked = await gateway.issueKey()
      await gateway.postern.keys.revoke(revoked.id, 'left', 'the test')
      const reasons = {
        malformed_key: 'Bearer pst_x',
        unknown_key: `Bearer ${newToken('pst')}`,
        expired_key: `Bearer ${expired.token}`,
        revoked_key: `Bearer ${revoked.token}`,
        wrong_credential_kind: 'Bearer a.b.c',
      }
      const seen = new Set<string>()
      for (const authorization of Object.values(reasons)) {
        const text = await exchangeRaw(
          gateway.port,
          `GET ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\nConnection: close\r\n\r\n`,
        )
        seen.add(
          text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/\r\nDate: [^\r]*/, ''),
        )
      }
      expect([...seen]).toHaveLength(1)
      const rows = await rowsOf(gateway, 5)
      expect(rows.map(({ reason }) => reason)).toEqual(Object.keys(reasons))
      expect(rows.map(({ keyId }) => keyId)).toEqual([null, null, expired.id, revoked.id, null])
      expect(upstream.received).toEqual([])
    },
  )

  test('the request id of the answer is the one in the trail', async () => {
    const response = await fetch(`${gateway.url}/x`)
    const [row] = await rowsOf(gateway, 1)
    expect(response.headers.get('x-request-id')).toBe(row?.requestId)
  })
})

test.each([
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/mcp',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/mcp',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/mcp',
  '/mcp/.well-known/openid-configuration',
  '/mcp/.well-known/oauth-protected-resource',
])('%s of routes that take keys only is a true 404, with a key and without', async (path) => {
  for (const headers of [{}, bearer(key)]) {
    const response = await fetch(gateway.url + path, { headers })
    expect(response.status).toBe(404)
    expect(response.headers.get('www-authenticate')).toBe(null)
  }
  expect(upstream.received).toEqual([])
})

function key0(): string {
  return `service:${'0'.repeat(8)}`
}
