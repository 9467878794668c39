import { generateKeyPairSync } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSigningKeys } from '../../src/domain/signing-key.ts'
import { bodyHash, type AssertionClaims } from '../../src/identity/assertion-form.ts'
import { createAssertions, type Asserted } from '../../src/identity/assertions.ts'
import { vectorNowMs, vectors } from './assertion-vectors.ts'

function world(options: { keptPerRoute?: number } = {}) {
  const state = { nowMs: vectorNowMs, epoch: 1, asked: 0 }
  const assertions = createAssertions({
    keys: () => {
      state.asked++
      return parseSigningKeys(vectors.seed) ?? []
    },
    clock: { now: () => state.nowMs },
    epoch: () => state.epoch,
    ...options,
  })
  return { state, assertions }
}

const partOf = (token: string, at: number): unknown =>
  JSON.parse(Buffer.from(token.split('.')[at] ?? '', 'base64url').toString())
const claimsOf = (token: string) => partOf(token, 1) as AssertionClaims

const key: Asserted = {
  principal: { kind: 'service', id: 'su-1', customer: null },
  keyId: 'key-1',
  grants: {},
  endsAt: vectorNowMs + 86_400_000,
}

describe('what is asserted', () => {
  test.each(vectors.issued)('$why', ({ asserted, audience, nowMs, claims, token }) => {
    const { assertions, state } = world()
    state.nowMs = nowMs
    const made = assertions.shared(asserted, audience)
    expect(claimsOf(made)).toEqual(claims)
    expect(made).toBe(token)
    expect(partOf(made, 0)).toEqual({
      alg: 'EdDSA',
      typ: 'postern-assertion+jwt',
      kid: vectors.jwks.keys[0]?.['kid'],
    })
  })

  test('the keys are published without their private halves, and read once', () => {
    const { assertions, state } = world()
    assertions.shared(key, '/mcp')
    expect(JSON.parse(assertions.jwks())).toEqual(vectors.jwks)
    expect(state.asked).toBe(1)
  })

  test('of several keys the first signs and all are published', () => {
    const keys = [generateKeyPairSync('ed25519').privateKey, ...(parseSigningKeys(vectors.seed) ?? [])]
    const assertions = createAssertions({ keys: () => keys, clock: { now: () => 0 }, epoch: () => 0 })
    const { keys: published } = JSON.parse(assertions.jwks()) as { keys: { kid: string }[] }
    expect(published).toHaveLength(2)
    expect(published[1]).toEqual(vectors.jwks.keys[0])
    expect(partOf(assertions.shared(key, '/mcp'), 0)).toMatchObject({ kid: published[0]?.kid })
  })

  test('it never outlives the credential, nor a minute, and says nothing but what it is told', () => {
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.constantFrom('service' as const, 'user' as const, 'workload' as const),
          id: fc.string({ minLength: 1 }),
          customer: fc.option(fc.string()),
          keyId: fc.option(fc.uuid()),
          leftMs: fc.option(fc.integer({ min: 1, max: 200_000 })),
          nowMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
          audience: fc.string({ minLength: 1 }),
        }),
        ({ kind, id, customer, keyId, leftMs, nowMs, audience }) => {
          const { assertions, state } = world()
          state.nowMs = nowMs
          const endsAt = leftMs === null ? null : nowMs + leftMs
          const claims = claimsOf(
            assertions.shared({ principal: { kind, id, customer }, keyId, grants: {}, endsAt }, audience),
          )
          expect(claims.exp * 1000).toBeLessThanOrEqual(endsAt ?? Infinity)
          expect(claims.exp - claims.iat).toBeLessThanOrEqual(60)
          expect(claims.iat).toBe(Math.floor(nowMs / 1000))
          expect(claims).toEqual({
            sub: id,
            kind,
            aud: audience,
            grants: claims.grants,
            iat: claims.iat,
            exp: claims.exp,
            ...(customer === null ? {} : { customer }),
            ...(keyId === null ? {} : { key: keyId }),
          })
        },
      ),
    )
  })
})

describe('a shared assertion', () => {
  test('is made once for half a minute, for each key and route', () => {
    const { assertions, state } = world()
    const first = assertions.shared(key, '/mcp')
    state.nowMs += 29_999
    expect(assertions.shared(key, '/mcp')).toBe(first)
    expect(assertions.shared({ ...key, principal: { ...key.principal } }, '/mcp')).toBe(first)
    expect(claimsOf(assertions.shared(key, '/other')).aud).toBe('/other')
    expect(claimsOf(assertions.shared({ ...key, keyId: 'key-2' }, '/mcp')).key).toBe('key-2')
    state.nowMs += 1
    expect(claimsOf(assertions.shared(key, '/mcp')).iat).toBe(claimsOf(first).iat + 30)
  })

  test('is dropped when the epoch moves', () => {
    const { assertions, state } = world()
    const first = assertions.shared(key, '/mcp')
    state.nowMs += 2000
    state.epoch++
    const second = assertions.shared(key, '/mcp')
    expect(second).not.toBe(first)
    expect(assertions.shared(key, '/mcp')).toBe(second)
  })

  test('is made again after the clock was set back, which leaves none from the future', () => {
    const { assertions, state } = world()
    assertions.shared(key, '/mcp')
    state.nowMs -= 60_000
    expect(claimsOf(assertions.shared(key, '/mcp')).iat * 1000).toBe(state.nowMs)
  })

  test.each<[string, Partial<Asserted>]>([
    ['an earlier end', { endsAt: vectorNowMs + 5000 }],
    ['no end', { endsAt: null }],
    ['another customer', { principal: { ...key.principal, customer: 'acme' } }],
    ['another principal', { principal: { ...key.principal, id: 'su-2' } }],
    ['another kind', { principal: { ...key.principal, kind: 'user' } }],
    ['other grants', { grants: { selfRotate: true } }],
  ])('is never handed out for a verdict that says %s', (_, other) => {
    const { assertions, state } = world()
    const first = assertions.shared(key, '/mcp')
    state.nowMs += 2000
    const second = assertions.shared({ ...key, ...other }, '/mcp')
    expect(second).not.toBe(first)
    const { exp, ...claims } = claimsOf(second)
    expect(claims.sub).toBe((other.principal ?? key.principal).id)
    expect(claims.customer).toBe((other.principal ?? key.principal).customer ?? undefined)
    expect(exp * 1000).toBeLessThanOrEqual(other.endsAt ?? Infinity)
  })

  test('subjects without keys never get each other’s, whatever their ids hold', () => {
    const { assertions } = world()
    const one = (kind: 'user' | 'workload', id: string, endsAt: number | null) =>
      claimsOf(
        assertions.shared({ principal: { kind, id, customer: null }, keyId: null, grants: {}, endsAt }, '/*'),
      )
    for (const id of ['a', 'null a', 'user null a', '1800000005000 a']) {
      for (const endsAt of [null, vectorNowMs + 5000]) {
        for (const kind of ['user', 'workload'] as const)
          expect(one(kind, id, endsAt)).toMatchObject({ sub: id, kind })
      }
    }
  })

  test('more than are kept push out the oldest, and are right all the same', () => {
    const { assertions } = world({ keptPerRoute: 2 })
    const of = (keyId: string) => assertions.shared({ ...key, keyId }, '/mcp')
    const made = ['a', 'b', 'c', 'a', 'b', 'c'].map((keyId) => claimsOf(of(keyId)).key)
    expect(made).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })
})

describe('a bound assertion', () => {
  test('names one request, and no two are alike', () => {
    const { assertions } = world()
    const request = { method: 'POST', path: '/api/mcp', body: Buffer.from('{"a":1}') }
    const [one, two] = [0, 1].map(() => claimsOf(assertions.bound(key, '/mcp', request)))
    expect(one).toMatchObject({
      sub: 'su-1',
      aud: '/mcp',
      htm: 'POST',
      htu: '/api/mcp',
      bh: bodyHash(request.body),
    })
    expect(one?.jti).not.toBe(two?.jti)
  })

  test('of a request without a body names the hash of no bytes', () => {
    const { assertions } = world()
    const { bh } = claimsOf(assertions.bound(key, '/x', { method: 'GET', path: '/x', body: null }))
    expect(bh).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU')
  })
})
