import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  createTokenFetch,
  ResourceNotListed,
  tokenFetchOf,
  TokenUnavailable,
} from '../../src/client/token-fetch.ts'
import type { TokenFetchOptions } from '../../src/client/token-fetch.ts'
import { createFakeClock } from '../verify/fake-clock.ts'
import type { FakeClock } from '../verify/fake-clock.ts'
import { sendJson, startServer } from './servers.ts'
import type { TestServer } from './servers.ts'

const secret = 'Canary secret+/&=%:ü'
let issuer: TestServer
let resource: TestServer
let other: TestServer
let clock: FakeClock
/** Tokens that the resource takes. */
let good: Set<string>
let issued: string[]

beforeEach(async () => {
  ;[issuer, resource, other] = await Promise.all([startServer(), startServer(), startServer()])
  clock = createFakeClock()
  good = new Set()
  issued = []
  issuer.answer((_, response) => grant(response))
  resource.answer(({ headers }, response) => {
    const isGood = good.has((headers.authorization ?? '').replace('Bearer ', ''))
    if (!isGood) response.setHeader('www-authenticate', 'Bearer realm="x", error="invalid_token"')
    sendJson(response, isGood ? 200 : 401, { isGood })
  })
})
afterEach(() => Promise.all([issuer, resource, other].map((server) => server.close())))

function grant(response: Parameters<typeof sendJson>[0], more: object = {}): void {
  const token = `CanaryToken${issued.length + 1}`
  issued.push(token)
  good.add(token)
  sendJson(response, 200, { access_token: token, token_type: 'Bearer', expires_in: 3600, ...more })
}

function open(options: Partial<TokenFetchOptions> = {}): typeof fetch {
  const where = options.issuer === undefined ? { tokenUrl: `${issuer.origin}/token` } : {}
  const all = {
    ...where,
    clientId: 'the client',
    clientSecret: secret,
    resources: [resource.origin],
    ...options,
  }
  return tokenFetchOf(all, clock, () => 0.5)
}

const bearers = (server: TestServer) => server.asked.map(({ headers }) => headers.authorization)

describe('one token request', () => {
  test('serves 100 callers who come at once, and all who come later', async () => {
    const call = open()
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(`${resource.origin}/x`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    await call(`${resource.origin}/x`)
    expect(issuer.asked).toHaveLength(1)
    expect(new Set(bearers(resource))).toEqual(new Set(['Bearer CanaryToken1']))
  })

  test('renews for 100 callers, who go on with the old token meanwhile', async () => {
    const call = open()
    await call(`${resource.origin}/x`)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    issuer.answer(async (_, response) => {
      await held
      grant(response)
    })
    clock.advance(3_600_000 * 0.85)
    await Promise.all(Array.from({ length: 100 }, () => call(`${resource.origin}/x`)))
    expect(new Set(bearers(resource))).toEqual(new Set(['Bearer CanaryToken1']))
    release()
    await expect.poll(() => issued.length).toBe(2)
    await expect
      .poll(async () => {
        await call(`${resource.origin}/x`)
        return bearers(resource).at(-1)
      })
      .toBe('Bearer CanaryToken2')
    expect(issuer.asked).toHaveLength(2)
  })

  test('is made anew for 100 callers after the token ended', async () => {
    const call = open()
    await call(`${resource.origin}/x`)
    clock.sleep(3_600_000)
    await Promise.all(Array.from({ length: 100 }, () => call(`${resource.origin}/x`)))
    expect(issuer.asked).toHaveLength(2)
    expect(
      bearers(resource)
        .slice(1)
        .every((bearer) => bearer === 'Bearer CanaryToken2'),
    ).toBe(true)
  })

  test('goes on for the others when the caller that began it gives up', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    issuer.answer(async (_, response) => {
      await held
      grant(response)
    })
    const call = open()
    const giving = new AbortController()
    const [first, second] = [
      call(`${resource.origin}/x`, { signal: giving.signal }),
      call(`${resource.origin}/x`),
    ]
    giving.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    release()
    expect((await second).status).toBe(200)
    expect(issuer.asked).toHaveLength(1)
  })
})

describe('the token request', () => {
  test('bears id and secret as Basic, each encoded as a form, and says what the token is for', async () => {
    await open({ scope: 'a b', resource: 'https://api.example.com/x', audience: 'api' })(resource.origin)
    const [asked] = issuer.asked
    const encoded = Buffer.from(
      (asked?.headers.authorization ?? '').replace('Basic ', ''),
      'base64',
    ).toString()
    expect(encoded.split(':').map((part) => new URLSearchParams(`v=${part}`).get('v'))).toEqual([
      'the client',
      secret,
    ])
    expect(asked?.method).toBe('POST')
    expect(asked?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      resource: 'https://api.example.com/x',
      audience: 'api',
    })
  })

  test('or in its form', async () => {
    await open({ authentication: 'client_secret_post' })(resource.origin)
    const [asked] = issuer.asked
    expect(asked?.headers.authorization).toBeUndefined()
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'the client',
      client_secret: secret,
    })
  })

  test.each([
    ['/.well-known/oauth-authorization-server', ''],
    ['/.well-known/openid-configuration', ''],
    ['/.well-known/oauth-authorization-server/tenant', '/tenant'],
    ['/tenant/.well-known/openid-configuration', '/tenant'],
  ])('goes where %s says', async (document, path) => {
    issuer.answer(({ url }, response) => {
      if (url === '/own/token') grant(response)
      else if (url !== document) sendJson(response, 404, {})
      else
        sendJson(response, 200, {
          issuer: issuer.origin + path,
          token_endpoint: `${issuer.origin}/own/token`,
        })
    })
    const call = open({ issuer: issuer.origin + path })
    expect((await call(resource.origin)).status).toBe(200)
    clock.advance(3_600_000)
    expect((await call(resource.origin)).status).toBe(200)
    expect(issuer.asked.filter(({ url }) => url === document)).toHaveLength(1)
    expect(issuer.asked.filter(({ url }) => url === '/own/token')).toHaveLength(2)
  })

  test.each<[string, (origin: string) => unknown]>([
    ['of another issuer', (origin) => ({ issuer: 'https://evil.example', token_endpoint: `${origin}/t` })],
    ['of nobody', (origin) => ({ token_endpoint: `${origin}/t` })],
    ['without a token endpoint', (origin) => ({ issuer: origin })],
    ['with one that is not https', (origin) => ({ issuer: origin, token_endpoint: 'http://evil.example/t' })],
    ['that are no JSON', () => 'hello'],
  ])('goes nowhere by metadata %s', async (_, metadata) => {
    issuer.answer((_asked, response) => sendJson(response, 200, metadata(issuer.origin)))
    await expect(open({ issuer: issuer.origin })(resource.origin)).rejects.toThrow(TokenUnavailable)
    expect(issuer.asked.every(({ method }) => method === 'GET')).toBe(true)
    expect(resource.asked).toEqual([])
  })
})

describe('an answer without a token that can be used', () => {
  const token = { access_token: 'CanaryToken', token_type: 'Bearer', expires_in: 60 }
  test.each<[string, number, unknown, string]>([
    ['none', 200, { ...token, access_token: undefined }, 'invalid_answer'],
    ['one that is no text', 200, { ...token, access_token: 1 }, 'invalid_answer'],
    ['one that is empty', 200, { ...token, access_token: '' }, 'invalid_answer'],
    ['one that would end its line', 200, { ...token, access_token: 'CanaryToken\r\nx: y' }, 'invalid_answer'],
    ['one of another type', 200, { ...token, token_type: 'DPoP' }, 'invalid_answer'],
    ['one of no type', 200, { ...token, token_type: undefined }, 'invalid_answer'],
    ['one without a life', 200, { ...token, expires_in: 0 }, 'invalid_answer'],
    ['one with a life that is no number', 200, { ...token, expires_in: 'soon' }, 'invalid_answer'],
    ['no JSON', 200, 'CanaryToken', 'invalid_answer'],
    ['a list', 200, [token], 'invalid_answer'],
    ['too much', 200, { ...token, x: 'x'.repeat(70_000) }, 'invalid_answer'],
    ['a refusal', 401, { error: 'invalid_client', error_description: secret }, 'refused'],
    ['a refusal of our request', 400, { error: 'invalid_scope' }, 'refused'],
    ['a refusal that echoes', 400, { error: secret, error_uri: secret }, 'refused'],
    ['a refusal without words', 403, '', 'refused'],
    ['too many', 429, { error: 'invalid_request' }, 'failed'],
    ['a failure', 500, secret, 'failed'],
    ['another success', 201, token, 'failed'],
  ])('%s', async (_, status, body, failure) => {
    issuer.answer((_asked, response) => sendJson(response, status, body))
    const error: unknown = await open()(resource.origin).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'TokenUnavailable', code: 'token_unavailable', failure })
    expect((error as Error).cause).toBeUndefined()
    expectNoSecret(error)
    expect(resource.asked).toEqual([])
  })

  test('a redirect, which is not followed', async () => {
    issuer.answer((_asked, response) => {
      response.writeHead(307, { location: `${other.origin}/token` })
      response.end()
    })
    await expect(open()(resource.origin)).rejects.toMatchObject({ failure: 'failed' })
    expect(other.asked).toEqual([])
  })

  test('none at all', async () => {
    await issuer.close()
    const error: unknown = await open()(resource.origin).catch((error: unknown) => error)
    expect(error).toMatchObject({ failure: 'unreachable', message: expect.stringContaining('ECONNREFUSED') })
    expectNoSecret(error)
    issuer = await startServer()
  })

  test('none in time', async () => {
    const slow = vi.fn<typeof fetch>(() => Promise.reject(new DOMException(secret, 'TimeoutError')))
    const error: unknown = await open({ fetch: slow })(resource.origin).catch((error: unknown) => error)
    expect(error).toMatchObject({ failure: 'timeout' })
    expectNoSecret(error)
    expect(slow.mock.calls[0]?.[1]?.signal).toBeInstanceOf(AbortSignal)
  })

  test('one whose life is said as text, or not at all, is used', async () => {
    for (const life of ['60', undefined]) {
      issuer.answer((_asked, response) => grant(response, { expires_in: life }))
      expect((await open()(resource.origin)).status).toBe(200)
    }
  })
})

describe('while the token endpoint is down', () => {
  test('the token at hand is used until it ends; then calls fail clearly, without a stampede', async () => {
    const call = open()
    await call(resource.origin)
    issuer.answer((_, response) => sendJson(response, 503, {}))
    clock.advance(3_600_000 * 0.9)
    await Promise.all(Array.from({ length: 20 }, () => call(resource.origin)))
    await expect.poll(() => issuer.asked.length).toBe(2)
    clock.advance(3_600_000 * 0.1)
    const count = resource.asked.length
    const failed = await Promise.allSettled(Array.from({ length: 100 }, () => call(resource.origin)))
    expect(failed.every(({ status }) => status === 'rejected')).toBe(true)
    expect(issuer.asked).toHaveLength(3)
    expect(resource.asked).toHaveLength(count)
    issuer.answer((_, response) => grant(response))
    clock.advance(30_000)
    expect((await call(resource.origin)).status).toBe(200)
  })
})

describe('a token that the resource refuses', () => {
  const bodies: [string, () => NonNullable<RequestInit['body']> | null][] = [
    ['none', () => null],
    ['a text', () => 'hello'],
    ['bytes', () => Buffer.from('hello')],
    ['a form', () => new URLSearchParams({ a: 'b' })],
    ['a blob', () => new Blob(['hello'])],
  ]
  test.each(bodies)('is replaced and its request repeated once: body %s', async (_, body) => {
    const call = open()
    await call(resource.origin)
    good.clear()
    const given = body()
    const response = await call(`${resource.origin}/x`, {
      method: 'POST',
      ...(given === null ? {} : { body: given }),
    })
    expect(response.status).toBe(200)
    expect(bearers(resource)).toEqual(['Bearer CanaryToken1', 'Bearer CanaryToken1', 'Bearer CanaryToken2'])
    expect(resource.asked[2]?.body).toBe(resource.asked[1]?.body)
  })

  test.each<[string, () => Promise<Response>]>([
    [
      'a stream',
      () =>
        call(`${resource.origin}/x`, {
          method: 'POST',
          body: Readable.toWeb(Readable.from([Buffer.from('hello')])) as ReadableStream,
          duplex: 'half',
        }),
    ],
    [
      'a request that holds one',
      () => call(new Request(`${resource.origin}/x`, { method: 'POST', body: 'hello' })),
    ],
  ])('is replaced for the next call where the body can’t be sent twice: %s', async (_, send) => {
    call = open()
    await call(resource.origin)
    good.clear()
    expect((await send()).status).toBe(401)
    expect(resource.asked).toHaveLength(2)
    expect(resource.asked[1]?.body).toBe('hello')
    expect((await call(resource.origin)).status).toBe(200)
    expect(issuer.asked).toHaveLength(2)
  })
  let call: typeof fetch

  test('is not asked for again and again where all are refused', async () => {
    resource.answer((_, response) => {
      response.setHeader('www-authenticate', 'Bearer error="invalid_token"')
      sendJson(response, 401, {})
    })
    call = open()
    for (let i = 0; i < 10; i++) expect((await call(resource.origin)).status).toBe(401)
    expect(issuer.asked).toHaveLength(2)
    expect(resource.asked).toHaveLength(11)
  })

  test('is replaced by one request for 100 callers', async () => {
    call = open()
    await call(resource.origin)
    good.clear()
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(resource.origin)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(issuer.asked).toHaveLength(2)
  })

  test.each([
    [401, 'Bearer realm="x"'],
    [401, 'Basic realm="invalid_token"'],
    [403, 'Bearer error="insufficient_scope"'],
    [403, 'Bearer error="invalid_token"'],
    [500, 'Bearer error="invalid_token"'],
  ])('is kept at %s %s', async (status, challenge) => {
    resource.answer((_, response) => {
      response.setHeader('www-authenticate', challenge)
      sendJson(response, status, {})
    })
    expect((await open()(resource.origin)).status).toBe(status)
    expect(issuer.asked).toHaveLength(1)
    expect(resource.asked).toHaveLength(1)
  })
})

describe('the token goes to the resources that were named, and nowhere else', () => {
  test.each([
    ['another origin', () => `${other.origin}/x`],
    ['another port', () => resource.origin.replace(/\d+$/, '1')],
    ['another scheme', () => resource.origin.replace('http:', 'https:')],
    ['another name for it', () => resource.origin.replace('127.0.0.1', 'localhost')],
  ])('%s', async (_, url) => {
    const call = open()
    for (const input of [url(), new URL(url()), new Request(url())])
      await expect(call(input)).rejects.toThrow(ResourceNotListed)
    expect([...issuer.asked, ...resource.asked, ...other.asked]).toEqual([])
  })

  test('not along a redirect to another origin, whose refusal changes nothing', async () => {
    resource.answer((_, response) => {
      response.writeHead(307, { location: `${other.origin}/x` })
      response.end()
    })
    other.answer((_, response) => {
      response.setHeader('www-authenticate', 'Bearer error="invalid_token"')
      sendJson(response, 401, {})
    })
    expect((await open()(resource.origin)).status).toBe(401)
    expect(bearers(other)).toEqual([undefined])
    expect(issuer.asked).toHaveLength(1)
  })

  test('but along one within its origin', async () => {
    resource.answer(({ url }, response) => {
      if (url !== '/y') response.writeHead(307, { location: '/y' })
      response.end()
    })
    await open()(`${resource.origin}/x`)
    expect(bearers(resource)).toEqual(['Bearer CanaryToken1', 'Bearer CanaryToken1'])
  })

  test('in place of what the caller set, and beside its other headers', async () => {
    const request = new Request(resource.origin, { headers: { authorization: 'Bearer own', 'x-own': '1' } })
    await open()(request)
    await open()(resource.origin, { headers: [['x-own', '2']] })
    expect(bearers(resource)).toEqual(['Bearer CanaryToken1', 'Bearer CanaryToken2'])
    expect(resource.asked.map(({ headers }) => headers['x-own'])).toEqual(['1', '2'])
  })
})

describe('options that can’t be used are refused, and not shown', () => {
  const usable = {
    tokenUrl: 'https://issuer.example/token',
    clientId: 'id',
    clientSecret: secret,
    resources: ['https://api.example'],
  }
  test.each<[string, Partial<TokenFetchOptions>]>([
    ['a token endpoint over http', { tokenUrl: 'http://issuer.example/token' }],
    ['one that looks like loopback', { tokenUrl: 'http://127.0.0.1.example/token' }],
    ['one that is local in name', { tokenUrl: 'http://localhost.example/token' }],
    ['one with a password', { tokenUrl: `https://id:${encodeURIComponent(secret)}@issuer.example` }],
    ['one that is no URL', { tokenUrl: secret }],
    ['a file', { tokenUrl: 'file:///token' }],
    ['a resource over http', { resources: ['http://api.example'] }],
    ['no resource', { resources: [] }],
    ['no secret', { clientSecret: '' }],
    ['no client', { clientId: '' }],
    ['an issuer besides the token endpoint', { issuer: 'https://issuer.example' }],
  ])('%s', (_, wrong) => {
    let error: unknown
    try {
      createTokenFetch({ ...usable, ...wrong })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(TypeError)
    expectNoSecret(error)
  })

  test('neither endpoint nor issuer', () => {
    const { tokenUrl: _, ...rest } = usable
    expect(() => createTokenFetch(rest)).toThrow(TypeError)
  })

  test.each(['http://127.0.0.1:1/t', 'http://localhost/t', 'http://[::1]/t', 'https://issuer.example'])(
    '%s will do',
    (tokenUrl) => {
      expect(() => createTokenFetch({ ...usable, tokenUrl })).not.toThrow()
    },
  )
})

test('nothing that can be looked at shows token or secret', async () => {
  const call = open()
  await call(resource.origin)
  expectNoSecret(call)
  await resource.close()
  const error: unknown = await call(resource.origin).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(TypeError)
  expectNoSecret(error)
  resource = await startServer()
})

function expectNoSecret(value: unknown): void {
  const shown = [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String(value)].join()
  const basic = Buffer.from(`the+client:${new URLSearchParams([['', secret]]).toString().slice(1)}`)
  for (const each of [
    'CanaryToken',
    secret,
    'Canary+secret',
    encodeURIComponent(secret),
    basic.toString('base64'),
  ])
    expect(shown).not.toContain(each)
}
