import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clerk } from '../../src/verify/clerk.ts'
import { bearer, callOf, mcpHeaders, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { clientId, startIssuer } from './issuer.ts'
import type { TestIssuer } from './issuer.ts'
import { startUpstream, valuesOf } from './upstream.ts'
import type { Upstream } from './upstream.ts'

const audience = 'https://api.example.com'
const app = 'https://app.example.com'
const clerkIssuer = 'https://clerk.example.com'
const deadIssuer = 'https://dead.example.com'
const clerkKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const otherKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })

let upstream: Upstream
let issuer: TestIssuer
let gateway: TestGateway
let key: TestKey
let jwt: string

beforeAll(async () => {
  upstream = await startUpstream()
  issuer = await startIssuer()
  const { origin } = upstream
  gateway = await openGateway({
    settings: {
      sessions: clerk({
        jwtKey: clerkKeys.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
        issuer: clerkIssuer,
        authorizedParties: [app],
      }),
      issuers: [
        {
          issuer: issuer.issuer,
          jwksUrl: `${issuer.issuer}/jwks`,
          audience,
          algorithms: ['RS256'],
          subjectPrefix: 'local:',
        },
        // Nobody listens there.
        {
          issuer: deadIssuer,
          jwksUrl: 'http://127.0.0.1:1/jwks',
          audience,
          algorithms: ['RS256'],
          subjectPrefix: 'dead:',
        },
      ],
    },
    routes: [
      { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` },
      { path: '/oauth/mcp', mcp: true, accepts: ['jwt'], upstream: `${origin}/mcp` },
      { path: '/keys/*', accepts: ['service-key'], upstream: origin },
      { path: '/jwts/*', accepts: ['jwt'], upstream: origin },
      { path: '/people/*', accepts: ['session'], upstream: origin },
      { path: '/machines/*', accepts: ['jwt', 'service-key'], upstream: origin },
      { path: '/all/*', accepts: ['jwt', 'service-key', 'session'], upstream: origin },
      { path: '/on/*', accepts: ['jwt', 'session'], forwardCredential: true, upstream: origin },
      { path: '/public/*', public: true, upstream: origin },
    ],
  })
  key = await gateway.issueKey()
  jwt = await issuer.token(audience)
})
afterAll(async () => {
  await gateway.close()
  await issuer.close()
  await upstream.close()
})
beforeEach(async () => {
  await gateway.mark()
  upstream.reset()
})

function session(claims: Record<string, unknown> = {}, signer: KeyObject = clerkKeys.privateKey) {
  const now = Math.floor(Date.now() / 1000)
  const good = { iss: clerkIssuer, azp: app, sub: 'user_1', sid: 'sess_1', sts: 'active', iat: now }
  return new SignJWT({ ...good, nbf: now, exp: now + 60, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .sign(signer)
}
const get = (path: string, headers: Record<string, string> = {}) => fetch(gateway.url + path, { headers })
const principalOf = () => valuesOf(upstream.received[0]?.rawHeaders ?? [], 'x-postern-principal')

describe('three kinds of credential on each kind of route', () => {
  const who = {
    key: () => `service:${key.serviceUserId}`,
    jwt: () => `workload:local:${clientId}`,
    session: () => 'user:user_1',
  }
  type Kind = keyof typeof who
  type Way = 'nothing' | Kind | 'key and session' | 'jwt and session'
  type Headers = Record<string, string>
  const headersFor: Record<Way, () => Headers | Promise<Headers>> = {
    nothing: () => ({}),
    key: () => bearer(key),
    jwt: () => ({ authorization: `Bearer ${jwt}` }),
    session: async () => ({ cookie: `__session=${await session()}` }),
    'key and session': async () => ({ ...bearer(key), cookie: `__session=${await session()}` }),
    'jwt and session': async () => ({
      authorization: `Bearer ${jwt}`,
      cookie: `__session=${await session()}`,
    }),
  }
  test.each<[string, Record<Way, Kind | number>]>([
    [
      '/keys/a',
      { nothing: 401, key: 'key', jwt: 401, session: 401, 'key and session': 'key', 'jwt and session': 401 },
    ],
    [
      '/jwts/a',
      { nothing: 401, key: 401, jwt: 'jwt', session: 401, 'key and session': 401, 'jwt and session': 'jwt' },
    ],
    [
      '/people/a',
      {
        nothing: 401,
        key: 401,
        jwt: 401,
        session: 'session',
        'key and session': 'session',
        'jwt and session': 'session',
      },
    ],
    [
      '/machines/a',
      {
        nothing: 401,
        key: 'key',
        jwt: 'jwt',
        session: 401,
        'key and session': 'key',
        'jwt and session': 'jwt',
      },
    ],
    [
      '/all/a',
      {
        nothing: 401,
        key: 'key',
        jwt: 'jwt',
        session: 'session',
        'key and session': 400,
        'jwt and session': 400,
      },
    ],
  ])('%s lets in what it accepts, names who it is, and sends no credential on', async (path, expected) => {
    const found: Record<string, Kind | number> = {}
    for (const [name, headers] of Object.entries(headersFor)) {
      upstream.reset()
      const { status } = await get(path, await headers())
      const [named] = principalOf()
      const kinds = Object.entries(who).filter(([, principal]) => principal() === named)
      found[name] = status === 200 ? (kinds[0]?.[0] as Kind) : status
      const sent = upstream.received.flatMap(({ rawHeaders }) => rawHeaders).join('\n')
      expect(sent).not.toContain(key.token)
      expect(sent).not.toContain(jwt)
      expect(sent).not.toContain('__session')
      expect(valuesOf(upstream.received[0]?.rawHeaders ?? [], 'x-postern-service-user')).toEqual(
        found[name] === 'key' ? [key.serviceUserId] : [],
      )
      if (status !== 200) expect(upstream.received).toEqual([])
    }
    expect(found).toEqual(expected)
  })

  test('the trail says which kind it was, and that of a refusal why', async () => {
    await get('/jwts/a', { authorization: `Bearer ${jwt}` })
    await get('/people/a', { cookie: `__session=${await session()}` })
    await get('/people/a', { cookie: '__session=x' })
    const rows = await rowsOf(gateway, 3)
    expect(rows.map(({ credentialKind, reason }) => [credentialKind, reason])).toEqual([
      ['jwt', null],
      ['session', null],
      [null, 'invalid_session'],
    ])
  })
})

describe('a session that is not good', () => {
  test.each<[string, () => Promise<string>]>([
    ['pending', () => session({ sts: 'pending' })],
    ['of another party', () => session({ azp: 'https://evil.example' })],
    ['of no party', () => session({ azp: undefined })],
    ['of another issuer', () => session({ iss: 'https://evil.example' })],
    ['expired', () => session({ exp: 1 })],
    ['signed by another key', () => session({}, otherKeys.privateKey)],
    ['that is a JWT of another issuer', () => Promise.resolve(jwt)],
    ['no JWT', () => Promise.resolve('anonymous')],
    ['empty', () => Promise.resolve('')],
  ])('because it is %s reaches no backend', async (_name, token) => {
    for (const path of ['/people/a', '/all/a'])
      expect((await get(path, { cookie: `a=b; __session=${await token()}` })).status).toBe(401)
    expect(upstream.received).toEqual([])
  })
})

describe('what goes upstream', () => {
  test("of cookies: all but the session's, on every route", async () => {
    const token = await session()
    const cookie = `theme=dark; __session=${token}; __session_abc=${token}; __refresh_abc=r; lang=en`
    const ways: [string, Record<string, string>][] = [
      ['/people/a', {}],
      ['/keys/a', bearer(key)],
      ['/public/a', {}],
    ]
    for (const [path, headers] of ways) {
      upstream.reset()
      expect((await get(path, { ...headers, cookie })).status).toBe(200)
      expect(valuesOf(upstream.received[0]?.rawHeaders ?? [], 'cookie')).toEqual(['theme=dark; lang=en'])
    }
    upstream.reset()
    await get('/people/a', { cookie: `__session=${token}` })
    expect(valuesOf(upstream.received[0]?.rawHeaders ?? [], 'cookie')).toEqual([])
  })

  test('where a route says so: the credential that let the request in, and no other', async () => {
    const cookie = `__session=${await session()}; lang=en`
    await get('/on/a', { cookie, ...bearer(key) })
    await get('/on/a', { cookie: 'lang=en', authorization: `Bearer ${jwt}` })
    const sent = upstream.received.map(({ rawHeaders }) => [
      valuesOf(rawHeaders, 'authorization'),
      valuesOf(rawHeaders, 'cookie'),
    ])
    expect(sent).toEqual([
      [[], [cookie]],
      [[`Bearer ${jwt}`], ['lang=en']],
    ])
  })
})

describe('a route for JWTs speaks OAuth', () => {
  const post = (path: string, headers: Record<string, string> = {}) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { ...mcpHeaders, ...headers },
      body: callOf('t', {}, 7),
    })

  test('its challenge leads a client to its metadata, and that to the issuer', async () => {
    const response = await post('/oauth/mcp')
    expect(response.status).toBe(401)
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(response)
    expect(resourceMetadataUrl?.href).toBe(`${gateway.url}/.well-known/oauth-protected-resource/oauth/mcp`)
    const metadata = await discoverOAuthProtectedResourceMetadata(`${gateway.url}/oauth/mcp`, {
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    })
    expect(metadata).toMatchObject({
      resource: `${gateway.url}/oauth/mcp`,
      authorization_servers: [issuer.issuer, deadIssuer],
      bearer_methods_supported: ['header'],
    })
    const [server = ''] = metadata.authorization_servers ?? []
    expect((await fetch(`${server}/.well-known/openid-configuration`)).status).toBe(200)
    expect(upstream.received).toEqual([])
  })

  test('the challenge for a token that is not good says so', async () => {
    const response = await post('/oauth/mcp', {
      authorization: `Bearer ${await issuer.token('https://x.example')}`,
    })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="postern", error="invalid_token", resource_metadata="${gateway.url}/.well-known/oauth-protected-resource/oauth/mcp"`,
    )
    expect(await response.json()).toMatchObject({ id: null, error: { code: 40101 } })
  })

  test('below a route for many paths each is a resource of its own, as its client calls it', async () => {
    const response = await get('/jwts/a/b?c=d')
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(response)
    const metadata = await (await fetch(resourceMetadataUrl ?? '')).json()
    expect(metadata).toMatchObject({ resource: `${gateway.url}/jwts/a/b` })
  })

  test.each([
    ['/mcp', '/.well-known/oauth-protected-resource/mcp'],
    ['/keys/a', '/.well-known/oauth-protected-resource/keys/a'],
    ['/people/a', '/.well-known/oauth-protected-resource/people/a'],
    ['/keys/a', '/.well-known/oauth-protected-resource'],
    ['/mcp', '/mcp/.well-known/oauth-protected-resource'],
  ])('and one that takes none shows no trace of it: %s', async (path, metadataPath) => {
    const response = await get(path)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="postern"')
    expect((await get(metadataPath)).status).toBe(404)
  })

  test('a call with a token goes through, and a good token of a key opens nothing there', async () => {
    expect((await post('/oauth/mcp', { authorization: `Bearer ${jwt}` })).status).toBe(200)
    expect((await post('/oauth/mcp', bearer(key))).status).toBe(401)
    expect((await post('/mcp', { authorization: `Bearer ${jwt}` })).status).toBe(401)
    expect(upstream.received).toHaveLength(1)
  })
})

describe('an issuer that is down', () => {
  test('is a 503 that says which issuer, and no more', async () => {
    const token = await new SignJWT({ sub: 'x' })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(deadIssuer)
      .setAudience(audience)
      .setExpirationTime('1m')
      .sign(otherKeys.privateKey)
    const response = await get('/jwts/a', { authorization: `Bearer ${token}` })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    const body = (await response.json()) as object
    expect(body).toMatchObject({ code: 'issuer_unavailable', issuer: deadIssuer })
    expect(Object.keys(body).sort()).toEqual(['code', 'issuer', 'requestId', 'status', 'title', 'type'])
    expect(await rowsOf(gateway, 1)).toMatchObject([{ reason: 'issuer_unavailable', status: 503 }])
    expect((await get('/jwts/a', { authorization: `Bearer ${jwt}` })).status).toBe(200)
  })
})

test('a token that ends while its body is on the way opens nothing', async () => {
  gateway.beforeDispatch(async () => {
    gateway.shiftClock(600_000)
    await Promise.resolve()
  })
  const response = await fetch(`${gateway.url}/jwts/a`, {
    method: 'POST',
    headers: { authorization: `Bearer ${jwt}`, 'content-type': 'text/plain' },
    body: 'x',
  })
  gateway.shiftClock(-600_000)
  expect(response.status).toBe(401)
  expect(upstream.received).toEqual([])
  expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'denied', reason: 'invalid_jwt' }])
})
