import { generateKeyPairSync } from 'node:crypto'
import * as fc from 'fast-check'
import { exportSPKI } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { JwtIssuer } from '../../src/domain/issuer.ts'
import type { Reason } from '../../src/domain/verdict.ts'
import { judgeAgain } from '../../src/verify/authorize.ts'
import type { FakeClock } from './fake-clock.ts'
import { createFakeClock } from './fake-clock.ts'
import { answerOf, audience, createAsk, issuer, plain, publicJwk, rsa, sign } from './jwt-world.ts'

const good = rsa()
const other = rsa()
const jwks = { keys: [await publicJwk(good.publicKey, { kid: 'a', use: 'sig' })] }

let clock: FakeClock
beforeEach(() => {
  clock = createFakeClock()
})

const asking = (settings: Partial<JwtIssuer> = {}) =>
  createAsk(clock, () => Promise.resolve(answerOf(jwks)), [{ ...plain, ...settings }])
async function reasonFor(token: string, settings: Partial<JwtIssuer> = {}): Promise<Reason | null> {
  const verdict = await asking(settings)(token)
  return verdict?.allowed === true ? null : (verdict?.reason ?? 'no_route')
}
const seconds = (by: number) => Math.floor(clock.now() / 1000) + by

describe('a JWT', () => {
  it('that is good names a workload, ends with its exp, and carries no key and no grants', async () => {
    const exp = seconds(300)
    const verdict = await asking()(await sign(good.privateKey, clock, { exp }))
    expect(verdict).toMatchObject({
      allowed: true,
      principal: { kind: 'workload', id: 'worker', customer: null },
      credentialKind: 'jwt',
      keyId: null,
      grants: {},
      endsAt: (exp + 5) * 1000,
    })
  })

  it.each<[string, Record<string, unknown>, Reason | null]>([
    ['nothing changed', {}, null],
    ['several audiences, one of them ours', { aud: ['x', audience] }, null],
    ['a kid-less token of a sole key', {}, null],
    ['another issuer', { iss: 'https://evil.example' }, 'invalid_jwt'],
    ['our issuer with a slash behind', { iss: `${issuer}/` }, 'invalid_jwt'],
    ['no issuer', { iss: undefined }, 'invalid_jwt'],
    ['an issuer that is a list', { iss: [issuer] }, 'invalid_jwt'],
    ['an issuer named like an object has it', { iss: '__proto__' }, 'invalid_jwt'],
    ['another audience', { aud: 'https://other.example.com' }, 'invalid_jwt'],
    ['an audience that begins alike', { aud: `${audience}.evil` }, 'invalid_jwt'],
    ['no audience', { aud: undefined }, 'invalid_jwt'],
    ['an empty list of audiences', { aud: [] }, 'invalid_jwt'],
    ['no end', { exp: undefined }, 'invalid_jwt'],
    ['an end that is a text', { exp: '9999999999' }, 'invalid_jwt'],
    ['no subject', { sub: undefined }, 'invalid_jwt'],
    ['an empty subject', { sub: '' }, 'invalid_jwt'],
    ['a subject that breaks the line', { sub: 'a\r\nx-postern-principal: service:root' }, 'invalid_jwt'],
    ['a subject with a space', { sub: 'a b' }, 'invalid_jwt'],
    ['a subject beyond ASCII', { sub: 'ä' }, 'invalid_jwt'],
    ['a subject that is a number', { sub: 7 }, 'invalid_jwt'],
    ['a subject of 257 characters', { sub: 'a'.repeat(257) }, 'invalid_jwt'],
    ['a key that it is bound to', { cnf: { jkt: 'x' } }, 'invalid_jwt'],
  ])('with %s', async (_name, claims, reason) => {
    expect(await reasonFor(await sign(good.privateKey, clock, claims))).toBe(reason)
  })

  it.each<[string, Record<string, number>, Reason | null]>([
    ['ended 4 s ago', { exp: -4 }, null],
    ['ended 5 s ago', { exp: -5 }, 'invalid_jwt'],
    ['begins in 5 s', { nbf: 5 }, null],
    ['begins in 6 s', { nbf: 6 }, 'invalid_jwt'],
  ])('that %s, with 5 s for clocks that differ', async (_name, offsets, reason) => {
    const claims = Object.fromEntries(Object.entries(offsets).map(([name, by]) => [name, seconds(by)]))
    expect(await reasonFor(await sign(good.privateKey, clock, claims))).toBe(reason)
  })

  it('is judged again by its end right before dispatch', async () => {
    const verdict = await asking()(await sign(good.privateKey, clock, { exp: seconds(10) }))
    if (verdict?.allowed !== true) throw new Error('refused')
    clock.advance(14_999)
    expect(await judgeAgain(verdict)).toBeNull()
    clock.advance(1)
    expect(await judgeAgain(verdict)).toBe('invalid_jwt')
  })

  it.each<[string, string | undefined, string | null, Reason | null]>([
    ['none', undefined, null, null],
    ['JWT', 'JWT', null, null],
    ['at+jwt', 'at+jwt', null, null],
    ['the whole media type', 'application/AT+JWT', null, null],
    ['that of a logout token', 'logout+jwt', null, 'invalid_jwt'],
    ['that of a DPoP proof', 'dpop+jwt', null, 'invalid_jwt'],
    ['that of an event', 'secevent+jwt', null, 'invalid_jwt'],
    ['the one that is asked for', 'at+jwt', 'at+jwt', null],
    ['none where one is asked for', undefined, 'at+jwt', 'invalid_jwt'],
    ['JWT where at+jwt is asked for', 'JWT', 'at+jwt', 'invalid_jwt'],
  ])('whose typ is %s', async (_name, typ, wanted, reason) => {
    const token = await sign(good.privateKey, clock, {}, typ === undefined ? {} : { typ })
    expect(await reasonFor(token, { typ: wanted })).toBe(reason)
  })

  it.each<[string, Record<string, unknown>, Reason | null]>([
    ['the value', { use: 'access', tid: 'b' }, null],
    ['another value', { use: 'id', tid: 'b' }, 'invalid_jwt'],
    ['no such claim', { tid: 'b' }, 'invalid_jwt'],
    ['a list with the value', { use: ['access'], tid: 'b' }, 'invalid_jwt'],
    ['a value of the list missing', { use: 'access', tid: 'c' }, 'invalid_jwt'],
  ])('with %s in a claim that is required', async (_name, claims, reason) => {
    const requiredClaims: JwtIssuer['requiredClaims'] = [
      ['use', ['access']],
      ['tid', ['a', 'b']],
    ]
    expect(await reasonFor(await sign(good.privateKey, clock, claims), { requiredClaims })).toBe(reason)
  })

  it.each<[string, unknown, string | null]>([
    ['named', 'acme', 'acme'],
    ['missing', undefined, null],
    ['empty', '', null],
    ['a list', ['acme'], null],
    ['with a line break', 'a\nb', null],
  ])('whose customer is %s: known, or refused, and never taken for none', async (_name, org, customer) => {
    const verdict = await asking({ customerFromClaim: 'org' })(await sign(good.privateKey, clock, { org }))
    if (customer === null) expect(verdict).toMatchObject({ allowed: false, reason: 'invalid_jwt' })
    else expect(verdict).toMatchObject({ allowed: true, principal: { customer } })
  })

  it.each<[string, unknown, readonly string[] | null]>([
    ['a scope', 'openid forecast_* !delete_*', ['openid', 'forecast_*', '!delete_*']],
    ['a list', ['forecast_*', 'forecast_*'], ['forecast_*']],
    ['empty', '', []],
    ['missing', undefined, []],
    ['null', null, []],
    ['no pattern', 'a**', null],
    ['a list of others', ['a', 1], null],
    ['an object', { a: 1 }, null],
    ['too long a list', Array.from({ length: 101 }, (_, at) => `t${at}`), null],
  ])('whose tools are %s: its grants, or refused, and never all of them', async (_name, scope, tools) => {
    const verdict = await asking({ toolsFromClaim: 'scope' })(await sign(good.privateKey, clock, { scope }))
    if (tools === null) expect(verdict).toMatchObject({ allowed: false, reason: 'invalid_jwt' })
    else expect(verdict).toMatchObject({ allowed: true, grants: { tools } })
  })

  it('of a second issuer is known by that one only, under its prefix', async () => {
    const second: JwtIssuer = { ...plain, issuer: 'https://second.example', subjectPrefix: 'second:' }
    const keys = new Map([
      [plain.jwksUrl, good.publicKey],
      ['https://second.example/jwks', other.publicKey],
    ])
    const ask = createAsk(clock, async ({ url }) => answerOf({ keys: [await publicJwk(keys.get(url)!)] }), [
      { ...plain, subjectPrefix: 'first:' },
      { ...second, jwksUrl: 'https://second.example/jwks' },
    ])
    const [first, mine, forged] = await Promise.all([
      sign(good.privateKey, clock),
      sign(other.privateKey, clock, { iss: second.issuer }),
      sign(good.privateKey, clock, { iss: second.issuer }),
    ])
    expect(await ask(first)).toMatchObject({ principal: { id: 'first:worker' } })
    expect(await ask(mine)).toMatchObject({ principal: { id: 'second:worker' } })
    expect(await ask(forged)).toMatchObject({ allowed: false, reason: 'invalid_jwt' })
  })
})

describe('the algorithm comes from the settings, never from the token', () => {
  const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

  it('a good token with alg none, and without its signature', async () => {
    const [, payload = '', signature = ''] = (await sign(good.privateKey, clock)).split('.')
    for (const alg of ['none', 'None', 'NONE', ''])
      for (const end of ['', signature])
        expect(await reasonFor(`${b64({ alg })}.${payload}.${end}`)).toBe('invalid_jwt')
  })

  it('HS256 with the public key as its secret, in every form that it may be at hand', async () => {
    const pem = await exportSPKI(good.publicKey)
    const forms = [pem, pem.trim(), JSON.stringify(jwks.keys[0]), JSON.stringify(jwks)]
    const der = good.publicKey.export({ format: 'der', type: 'spki' })
    for (const secret of [...forms.map((form) => Buffer.from(form)), der])
      expect(await reasonFor(await sign(secret, clock, {}, { alg: 'HS256' }))).toBe('invalid_jwt')
  })

  it('an algorithm of the same key that is not allowed', async () => {
    for (const alg of ['RS512', 'PS256'])
      expect(await reasonFor(await sign(good.privateKey, clock, {}, { alg }))).toBe('invalid_jwt')
    const loose = { algorithms: ['RS256', 'PS256'] } as const
    expect(await reasonFor(await sign(good.privateKey, clock, {}, { alg: 'PS256' }), loose)).toBeNull()
  })

  it.each(['ES256', 'EdDSA'])('%s, where it is allowed, is read', async (alg) => {
    const pair =
      alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
    const set = { keys: [await publicJwk(pair.publicKey)] }
    const ask = createAsk(clock, () => Promise.resolve(answerOf(set)), [{ ...plain, algorithms: [alg] }])
    expect(await ask(await sign(pair.privateKey, clock, {}, { alg }))).toMatchObject({ allowed: true })
    expect(await ask(await sign(good.privateKey, clock))).toMatchObject({ reason: 'invalid_jwt' })
  })
})

describe('what a token says of its own key leads nowhere', () => {
  it('its own jwk, jku, x5u or x5c: only the configured URL is asked, and the signature does not hold', async () => {
    const jwk = await publicJwk(other.publicKey, { kid: 'a', alg: 'RS256' })
    const asked: string[] = []
    const ask = createAsk(clock, ({ url }) => {
      asked.push(url)
      return Promise.resolve(answerOf(url === plain.jwksUrl ? jwks : { keys: [jwk] }))
    })
    const evil = 'https://evil.example/jwks'
    for (const header of [
      { jwk },
      { jku: evil },
      { x5u: evil },
      { x5c: ['AA=='] },
      { kid: evil },
      { kid: '../a' },
    ])
      expect(await ask(await sign(other.privateKey, clock, {}, header as object))).toMatchObject({
        reason: 'invalid_jwt',
      })
    expect(await ask(await sign(good.privateKey, clock, {}, { jku: evil, kid: 'a' }))).toMatchObject({
      allowed: true,
    })
    expect(new Set(asked)).toEqual(new Set([plain.jwksUrl]))
  })

  it('anything in crit', async () => {
    const crit = { crit: ['b64'], b64: true }
    expect(await reasonFor(await sign(good.privateKey, clock, {}, crit))).toBe('invalid_jwt')
  })

  it('a key of the issuer that is meant for encryption, or is private, opens nothing', async () => {
    for (const fields of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { alg: 'RS512' }]) {
      const set = { keys: [await publicJwk(good.publicKey, fields)] }
      const ask = createAsk(clock, () => Promise.resolve(answerOf(set)))
      expect(await ask(await sign(good.privateKey, clock))).toMatchObject({ reason: 'invalid_jwt' })
    }
    const leaked = { keys: [await publicJwk(good.privateKey)] }
    const ask = createAsk(clock, () => Promise.resolve(answerOf(leaked)))
    expect(await ask(await sign(good.privateKey, clock))).toMatchObject({ reason: 'invalid_jwt' })
  })
})

describe('what is no JWT', () => {
  it('but has a dot is refused, whatever it is, and asks for no keys', async () => {
    let asked = 0
    const ask = createAsk(clock, () => {
      asked++
      return Promise.resolve(answerOf(jwks))
    })
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom('', 'e30', 'eyJhbGciOiJub25lIn0', 'bnVsbA', 'W10', '__proto__'),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 2, maxLength: 6 }), async (parts) => {
        expect(await ask(parts.join('.'))).toMatchObject({ allowed: false, reason: 'invalid_jwt' })
      }),
      { numRuns: 300 },
    )
    expect(asked).toBe(0)
  })

  it('and has no dot is left to others', async () => {
    expect(await asking()('abc')).toBeNull()
  })

  it('any more, since one bit of it was turned', async () => {
    const token = await sign(good.privateKey, clock)
    const ask = asking()
    expect(await ask(token)).toMatchObject({ allowed: true })
    const parts = token.split('.').map((part) => Buffer.from(part, 'base64url'))
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(10_000), fc.nat(7), async (which, at, bit) => {
        const changed = parts.map((part) => Buffer.from(part))
        const part = changed[which]!
        part[at % part.length]! ^= 1 << bit
        const text = changed.map((bytes) => bytes.toString('base64url')).join('.')
        expect(await ask(text)).toMatchObject({ allowed: false })
      }),
      { numRuns: 100 },
    )
  })
})
