import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AssertionRefused, verifyAssertion } from '../../src/identity/verify-assertion.ts'
import type { VerifiedAssertion, VerifyAssertionOptions } from '../../src/identity/verify-assertion.ts'
import { bearer, callOf, mcpHeaders, openGateway } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { exchangeRaw, openRaw } from './raw.ts'
import { onStage } from './stage.ts'
import { valuesOf } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

const accepts = ['service-key' as const]
const jwksPath = '/.well-known/postern/jwks.json'

onStage(
  (origin) => ({
    routes: [
      { path: '/mcp', mcp: true, accepts, upstream: `${origin}/api/mcp` },
      { path: '/bound/mcp', mcp: true, accepts, assertion: 'request', upstream: `${origin}/api/mcp` },
      { path: '/bound/*', accepts, assertion: 'request', bodyLimitBytes: 1000, upstream: origin },
      { path: '/public/*', public: true, upstream: origin },
      { path: '/*', accepts, upstream: origin },
    ],
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)

/** The one assertion that the backend got with its last request. */
function received(): string {
  const values = valuesOf(upstream.received.at(-1)?.rawHeaders ?? [], 'x-postern-assertion')
  expect(values).toHaveLength(1)
  return values[0] ?? ''
}

function check(token: string, options: Partial<VerifyAssertionOptions> = {}): Promise<VerifiedAssertion> {
  return verifyAssertion(token, { jwks: gateway.url + jwksPath, audience: '/*', ...options })
}

async function codeOf(work: Promise<VerifiedAssertion>): Promise<string> {
  const error: unknown = await work.catch((error: unknown) => error)
  return error instanceof AssertionRefused ? error.code : 'accepted'
}

async function get(path: string, token = key.token): Promise<Response> {
  for (;;) {
    const response = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${token}` } })
    // The lease ends with a jump of the clock, and a busy machine may need a moment for the next.
    if (response.status !== 503) return response
  }
}

async function epochMoves(change: () => Promise<unknown>): Promise<void> {
  const before = gateway.postern.lease.epoch()
  await change()
  await expect.poll(() => gateway.postern.lease.epoch()).toBeGreaterThan(before)
}

describe('a backend gets one assertion, ours, and can check it', () => {
  test('on a route for anything', async () => {
    expect((await get('/x?y=1')).status).toBe(200)
    expect(await check(received())).toMatchObject({
      principal: { kind: 'service', id: key.serviceUserId, customer: null },
      keyId: key.id,
      audience: '/*',
      binding: null,
    })
    expect(await codeOf(check(received(), { audience: '/mcp' }))).toBe('wrong_audience')
  })

  test('on an MCP route, whose name it carries and not the backend’s path', async () => {
    await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { ...mcpHeaders, ...bearer(key) },
      body: callOf('t'),
    })
    expect(await check(received(), { audience: '/mcp' })).toMatchObject({ keyId: key.id, audience: '/mcp' })
    expect(await codeOf(check(received(), { audience: '/api/mcp' }))).toBe('wrong_audience')
  })

  test('whatever copies and look-alikes a client sends', async () => {
    await get('/x')
    const stolen = received()
    const other = await gateway.issueKey()
    const names = ['X-Postern-Assertion', 'x_postern_assertion', 'x-postern_assertion', 'X.Postern.Assertion']
    const fields = names.map((name) => `${name}: ${stolen}\r\n`).join('')
    for (const [path, count] of [
      ['/x', 1],
      ['/public/x', 0],
    ] as const) {
      await exchangeRaw(
        gateway.port,
        `GET ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${other.token}\r\nConnection: close, x-postern-assertion\r\n${fields}\r\n`,
      )
      const { rawHeaders = [] } = upstream.received.at(-1) ?? {}
      const named = rawHeaders.filter((name, at) => at % 2 === 0 && /postern.assertion/i.test(name))
      expect(named).toHaveLength(count)
      expect(rawHeaders).not.toContain(stolen)
    }
    await get('/x', other.token)
    expect((await check(received())).keyId).toBe(other.id)
  })

  test('and none reaches the client back', async () => {
    upstream.answer(({ rawHeaders }, response) => {
      response.writeHead(200, { 'x-postern-assertion': valuesOf(rawHeaders, 'x-postern-assertion') })
      response.end()
    })
    expect((await get('/x')).headers.get('x-postern-assertion')).toBeNull()
  })
})

describe('a shared assertion', () => {
  test('is the same for the calls of one key on one route, and another for other keys and routes', async () => {
    const other = await gateway.issueKey()
    await epochMoves(() => gateway.issueKey())
    await get('/x')
    const first = received()
    await get('/y')
    expect(received()).toBe(first)
    await get('/x', other.token)
    expect(received()).not.toBe(first)
    await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { ...mcpHeaders, ...bearer(key) },
      body: callOf('t'),
    })
    expect(received()).not.toBe(first)
  })

  test('is made anew once the epoch moved, and a revoked key gets none', async () => {
    let dying = key
    await epochMoves(async () => {
      dying = await gateway.issueKey()
    })
    await get('/x', dying.token)
    const before = await check(received())
    gateway.shiftClock(2000)
    try {
      await get('/x', dying.token)
      expect(await check(received())).toEqual(before)
      await epochMoves(() => gateway.issueKey())
      await get('/x', dying.token)
      expect((await check(received())).issuedAt).toBeGreaterThan(before.issuedAt)
      await epochMoves(() => gateway.postern.keys.revoke(dying.id, 'left', 'the test'))
      upstream.received.length = 0
      expect((await get('/x', dying.token)).status).toBe(401)
      expect(upstream.received).toEqual([])
    } finally {
      gateway.shiftClock(-2000)
    }
  })

  test('never outlives its key', async () => {
    const { key: issued, token } = await gateway.postern.keys.issue(
      { serviceUser: key.serviceUserId, expires: '1m' },
      'the test',
    )
    gateway.shiftClock(30_000)
    try {
      await get('/x', token)
      const { exp } = JSON.parse(Buffer.from(received().split('.')[1] ?? '', 'base64url').toString()) as {
        exp: number
      }
      expect(exp).toBe(Math.floor(issued.key.expiresAt / 1000))
    } finally {
      gateway.shiftClock(-30_000)
    }
  })
})

describe('an assertion that is bound to its request', () => {
  const options = { audience: ['/bound/mcp', '/bound/*'], requireBinding: true }

  test('names the call as the backend sees it, and is good for no other', async () => {
    const body = callOf('t')
    for (let i = 0; i < 2; i++) {
      await fetch(`${gateway.url}/bound/mcp`, {
        method: 'POST',
        headers: { ...mcpHeaders, ...bearer(key) },
        body,
      })
    }
    const request = { method: 'POST', path: '/api/mcp', body: Buffer.from(body) }
    const verified = await check(received(), { ...options, request })
    expect(verified.keyId).toBe(key.id)
    const other = Buffer.from(callOf('u'))
    expect(await codeOf(check(received(), { ...options, request: { ...request, body: other } }))).toBe(
      'wrong_request',
    )
    const [first] = valuesOf(upstream.received[0]?.rawHeaders ?? [], 'x-postern-assertion')
    expect(first).not.toBe(received())
  })

  test.each([
    ['a body of said length', 'Content-Length: 5\r\n\r\nhello'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    ['a body that waits to be asked for', 'Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello'],
    ['no body', '\r\n'],
  ])('covers %s outside MCP, which is read whole for it', async (_, rest) => {
    await exchangeRaw(
      gateway.port,
      `POST /bound/x?q HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\n${rest}`,
    )
    const body = rest === '\r\n' ? Buffer.alloc(0) : Buffer.from('hello')
    expect(upstream.received.at(-1)?.body).toEqual(body)
    const request = { method: 'POST', path: '/bound/x', body }
    expect(await codeOf(check(received(), { ...options, request }))).toBe('accepted')
    expect(await codeOf(check(received(), { ...options, request: { ...request, path: '/bound/y' } }))).toBe(
      'wrong_request',
    )
  })

  test('is not made for a body over the limit', async () => {
    const connection = await openRaw(gateway.port)
    connection.send(
      `POST /bound/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`,
    )
    expect(await connection.closed).toContain(' 413 ')
    expect(upstream.received).toEqual([])
  })
})

describe('the public keys', () => {
  test('are there for anyone, though a route would take the path, and hold no private half', async () => {
    const response = await fetch(gateway.url + jwksPath)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/jwk-set+json')
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    const { keys } = (await response.json()) as { keys: object[] }
    expect(keys.map((each) => Object.keys(each).toSorted())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
    ])
    expect(upstream.received).toEqual([])
    expect(await gateway.rows()).toEqual([])
  })

  test('are told by HEAD, and to no other method', async () => {
    const head = await fetch(gateway.url + jwksPath, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(100)
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(gateway.url + jwksPath, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('GET, HEAD')
      expect(await response.json()).toMatchObject({ code: 'method_refused' })
    }
    expect(upstream.received).toEqual([])
  })

  test('leave the connection open for the next call, unless a body follows that nobody reads', async () => {
    const text = await exchangeRaw(
      gateway.port,
      `GET ${jwksPath} HTTP/1.1\r\nHost: h\r\n\r\nGET /public/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
    )
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(2)
    const cut = await exchangeRaw(
      gateway.port,
      `GET ${jwksPath} HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\nGET /public/x HTTP/1.1\r\nHost: h\r\n\r\n`,
    )
    expect(cut.match(/HTTP\/1.1 200/g)).toHaveLength(1)
    expect(cut).toMatch(/connection: close/i)
  })
})

test('the signing key is in the data directory for nobody but its owner', () => {
  expect(statSync(join(gateway.dataDir, 'signing-key.pem')).mode & 0o777).toBe(0o600)
})

test('a signing key from the settings is used in place of one in the data directory', async () => {
  const signingKey = `${Buffer.alloc(32, 1).toString('base64')},${Buffer.alloc(32, 2).toString('base64')}`
  const other = await openGateway({
    routes: [{ path: '/*', accepts, upstream: upstream.origin }],
    settings: { signingKey },
  })
  try {
    const issued = await other.issueKey()
    await fetch(`${other.url}/x`, { headers: bearer(issued) })
    const jwks = `${other.url}${jwksPath}`
    expect(await check(received(), { jwks })).toMatchObject({ keyId: issued.id })
    const { keys } = (await (await fetch(jwks)).json()) as { keys: unknown[] }
    expect(keys).toHaveLength(2)
    expect(() => statSync(join(other.dataDir, 'signing-key.pem'))).toThrow('ENOENT')
    // One deployment's assertions open nothing in another.
    expect(await codeOf(check(received()))).toBe('unknown_key')
  } finally {
    await other.close()
  }
})
