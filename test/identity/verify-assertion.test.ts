import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createAssertions } from '../../src/identity/assertions.ts'
import { AssertionRefused, verifyAssertion } from '../../src/identity/verify-assertion.ts'
import type { RequestLike, VerifyAssertionOptions } from '../../src/identity/verify-assertion.ts'
import { optionsOf, vectorNowMs, vectors } from './assertion-vectors.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: vectorNowMs })
})
afterEach(() => vi.useRealTimers())

async function codeOf(source: RequestLike | string, options: VerifyAssertionOptions): Promise<string> {
  try {
    await verifyAssertion(source, options)
    return 'accepted'
  } catch (error) {
    if (error instanceof AssertionRefused) return error.code
    throw error
  }
}

const options = { jwks: vectors.jwks, audience: '/mcp' }
const good = vectors.accepted[0]?.token ?? ''
const bound = vectors.accepted.find(({ requireBinding }) => requireBinding)?.token ?? ''

describe('what is accepted and what is not', () => {
  test.each(vectors.accepted)('accepted: $why', async (vector) => {
    vi.setSystemTime(vector.nowMs ?? vectorNowMs)
    expect(await codeOf(vector.token, optionsOf(vector))).toBe('accepted')
  })

  test.each(vectors.refused)('refused: $why', async (vector) => {
    vi.setSystemTime(vector.nowMs ?? vectorNowMs)
    expect(await codeOf(vector.token, optionsOf(vector))).toBe(vector.code)
  })

  test('what was issued is read back as it was said', async () => {
    for (const { asserted, audience, nowMs, token, claims } of vectors.issued) {
      vi.setSystemTime(nowMs)
      const { exp, iat, grants } = claims as { exp: number; iat: number; grants: string }
      expect(await verifyAssertion(token, { jwks: vectors.jwks, audience })).toEqual({
        principal: asserted.principal,
        keyId: asserted.keyId,
        audience,
        grantsDigest: grants,
        issuedAt: iat * 1000,
        expiresAt: exp * 1000,
        binding: null,
      })
    }
  })

  test('no change of any character is accepted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.constantFrom(...Array.from('aAzZ09-_.= ')),
        async (at, character) => {
          const changed = good.slice(0, at) + character + good.slice(at + 1)
          // The last character carries two bits that no byte takes.
          fc.pre(changed !== good && at !== good.length - 1)
          expect(await codeOf(changed, options)).not.toBe('accepted')
        },
      ),
      { numRuns: 300 },
    )
  })

  test('no text is accepted, or makes it throw anything else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...Array.from('.ey-_A1')) })),
        async (text) => {
          expect(await codeOf(text, options)).not.toBe('accepted')
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a refusal shows nothing of the assertion', async () => {
    const error: unknown = await verifyAssertion(good, { ...options, audience: '/x' }).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({ name: 'AssertionRefused', code: 'wrong_audience' })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/ey[JI]|0192f0c1/)
  })
})

describe('the assertion of a request', () => {
  const header = { 'x-postern-assertion': good }
  test.each<[string, RequestLike, string]>([
    ['of fetch', new Request('http://h/x', { headers: header }), 'accepted'],
    ['of node:http', { headers: { host: 'h', ...header } }, 'accepted'],
    ['in an array of one', { headers: { 'x-postern-assertion': [good] } }, 'accepted'],
    ['that is missing', { headers: {} }, 'missing'],
    ['that is missing, of fetch', new Request('http://h/x'), 'missing'],
    ['that is empty', { headers: { 'x-postern-assertion': '' } }, 'missing'],
    ['that is there twice', { headers: { 'x-postern-assertion': [good, good] } }, 'malformed'],
    ['that is there twice, joined', { headers: { 'x-postern-assertion': `${good}, ${good}` } }, 'malformed'],
    [
      'that is there twice, of fetch',
      new Request('http://h/x', {
        headers: [
          ['x-postern-assertion', good],
          ['X-Postern-Assertion', good],
        ],
      }),
      'malformed',
    ],
  ])('%s', async (_, request, expected) => {
    expect(await codeOf(request, options)).toBe(expected)
  })

  const headers = { 'x-postern-assertion': bound }
  test.each<[string, RequestLike, string]>([
    ['its own', { headers, method: 'POST', url: '/api/mcp' }, 'accepted'],
    ['its own, with a query', { headers, method: 'POST', url: '/api/mcp?a=/b' }, 'accepted'],
    ['its own, of fetch', new Request('http://h:1/api/mcp?x#y', { method: 'POST', headers }), 'accepted'],
    ['its own, under a mount', { headers, method: 'POST', url: '/', originalUrl: '/api/mcp' }, 'accepted'],
    ['one by another method', { headers, method: 'PUT', url: '/api/mcp' }, 'wrong_request'],
    ['one to another path', { headers, method: 'POST', url: '/api/mcp2' }, 'wrong_request'],
    ['one with the path in its query', { headers, method: 'POST', url: '/x?/api/mcp' }, 'wrong_request'],
    ['one that says nothing of itself', { headers }, 'wrong_request'],
  ])('that is bound is good for no request but %s', async (_, request, expected) => {
    expect(await codeOf(request, options)).toBe(expected)
  })

  test('that is bound tells its id and the hash of its body', async () => {
    const { binding } = await verifyAssertion({ headers, method: 'POST', url: '/api/mcp' }, options)
    expect(binding).toEqual({
      id: '0192f0c1-2b3c-7d4e-8f5a-00000000000a',
      method: 'POST',
      path: '/api/mcp',
      bodyHash: expect.stringMatching(/^[\w-]{43}$/),
    })
  })
})

describe('keys that are fetched', () => {
  let server: Server
  let asked: number
  let answer: { status: number; body: string; location?: string }
  let url: string

  beforeEach(async () => {
    asked = 0
    answer = { status: 200, body: JSON.stringify(vectors.jwks) }
    server = createServer((_request, response) => {
      asked++
      const { location } = answer
      response.writeHead(answer.status, { ...(location === undefined ? {} : { location }) })
      response.end(answer.body)
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server does not listen')
    url = `http://127.0.0.1:${address.port}/.well-known/postern/jwks.json`
  })
  afterEach(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  )

  const rotated = () => {
    const key = generateKeyPairSync('ed25519').privateKey
    const assertions = createAssertions({ keys: () => [key], clock: { now: Date.now }, epoch: () => 0 })
    const token = assertions.shared(
      { principal: { kind: 'service', id: 'a', customer: null }, keyId: 'k', grants: {}, endsAt: null },
      '/mcp',
    )
    return { token, jwks: assertions.jwks() }
  }

  test('are fetched once, however many ask', async () => {
    const checks = Array.from({ length: 20 }, () => codeOf(good, { jwks: url, audience: '/mcp' }))
    expect(new Set(await Promise.all(checks))).toEqual(new Set(['accepted']))
    expect(await codeOf(good, { jwks: new URL(url), audience: '/mcp' })).toBe('accepted')
    expect(asked).toBe(1)
  })

  test('are fetched again for a key that is new, and not more often than every ten seconds', async () => {
    expect(await codeOf(good, { jwks: url, audience: '/mcp' })).toBe('accepted')
    const next = rotated()
    answer.body = next.jwks
    for (let i = 0; i < 5; i++)
      expect(await codeOf(next.token, { jwks: url, audience: '/mcp' })).toBe('unknown_key')
    expect(asked).toBe(1)
    vi.setSystemTime(vectorNowMs + 10_001)
    expect(await codeOf(next.token, { jwks: url, audience: '/mcp' })).toBe('accepted')
    expect(asked).toBe(2)
    expect(await codeOf(good, { jwks: url, audience: '/mcp' })).toBe('unknown_key')
  })

  test('one that was published before it was used is known at once', async () => {
    const next = rotated()
    const both = [vectors.jwks, JSON.parse(next.jwks) as typeof vectors.jwks].flatMap(({ keys }) => keys)
    answer.body = JSON.stringify({ keys: both })
    for (const token of [good, next.token, good]) {
      expect(await codeOf(token, { jwks: url, audience: '/mcp' })).toBe('accepted')
    }
    expect(asked).toBe(1)
  })

  test('are used for ten minutes while their server is away, and no longer', async () => {
    expect(await codeOf(good, { jwks: url, audience: '/mcp' })).toBe('accepted')
    answer = { status: 500, body: '' }
    expect(await codeOf(good, { jwks: url, audience: '/mcp' })).toBe('accepted')
    vi.setSystemTime(vectorNowMs + 600_001)
    expect(await codeOf(good, { jwks: url, audience: '/mcp' })).toBe('keys_unavailable')
  })

  test.each<[string, Partial<typeof answer>]>([
    ['an error', { status: 500 }],
    ['a redirect', { status: 302, body: '', location: '/elsewhere' }],
    ['no JSON', { body: '<html>' }],
    ['JSON that is no key set', { body: '{"keys":1}' }],
  ])('that come as %s are none, and nothing is accepted', async (_, given) => {
    answer = { ...answer, ...given }
    expect(await codeOf(good, { jwks: url, audience: '/mcp' })).toBe('keys_unavailable')
    expect(asked).toBe(1)
  })
})
