import { createHash, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import * as fc from 'fast-check'
import type { JWTHeaderParameters } from 'jose'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Verdict } from '../../src/domain/verdict.ts'
import { judgeAgain } from '../../src/verify/authorize.ts'
import type { ClerkSettings } from '../../src/verify/clerk.ts'
import { clerk } from '../../src/verify/clerk.ts'
import { createSessionAuthenticator } from '../../src/verify/session-authenticator.ts'
import { createVerify } from '../../src/verify/verify.ts'
import type { FakeClock } from './fake-clock.ts'
import { createFakeClock } from './fake-clock.ts'
import { rsa } from './jwt-world.ts'

const own = rsa()
const other = rsa()
const pem = own.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const app = 'https://app.example.com'
const issuer = 'https://clerk.example.com'
const settings: ClerkSettings = { jwtKey: pem, issuer, authorizedParties: [app] }

let clock: FakeClock
let failures: unknown[]
beforeEach(() => {
  clock = createFakeClock()
  failures = []
  // The library has no clock of its own to give.
  vi.spyOn(Date, 'now').mockImplementation(() => clock.now())
})
afterEach(() => {
  vi.restoreAllMocks()
})

const seconds = (by: number) => Math.floor(clock.now() / 1000) + by

function sign(
  claims: Record<string, unknown> = {},
  header: Partial<JWTHeaderParameters> = {},
  key: KeyObject | Uint8Array = own.privateKey,
): Promise<string> {
  const all = {
    ...{ iss: issuer, azp: app, sub: 'user_1', sid: 'sess_1', sts: 'active', v: 2 },
    ...{ exp: seconds(60), nbf: seconds(-10), iat: seconds(0) },
    ...claims,
  }
  return new SignJWT(all).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'ins_1', ...header }).sign(key)
}

/** The whole way: a `Cookie` header on a route for sessions. */
function ask(cookie: string | null, parts: Partial<ClerkSettings> = {}): Promise<Verdict> | Verdict {
  const sessions = clerk({ ...settings, ...parts })
  const onFailure = (error: unknown) => failures.push(error)
  const verify = createVerify({
    authenticators: [createSessionAuthenticator({ sessions, clock, onFailure })],
    looksLikeToken: () => false,
  })
  return verify({ authorization: null, cookie, query: '' }, ['session'])
}
const inCookie = async (token: Promise<string>) => ask(`a=b; __session=${await token}; c=d`)
const refused = { allowed: false, reason: 'invalid_session' }

describe("a session of Clerk's", () => {
  it('that is good names a user, and ends with the token', async () => {
    expect(await inCookie(sign())).toMatchObject({
      allowed: true,
      principal: { kind: 'user', id: 'user_1', customer: null },
      credentialKind: 'session',
      keyId: null,
      endsAt: (seconds(60) + 5) * 1000,
    })
    expect(failures).toEqual([])
  })

  it.each<[string, Record<string, unknown>, string | null]>([
    ['the second version', { o: { id: 'org_2', rol: 'admin' } }, 'org_2'],
    ['the first version', { v: undefined, org_id: 'org_1' }, 'org_1'],
    ['neither', {}, null],
  ])('names its organisation as the customer, in a token of %s', async (_name, claims, customer) => {
    expect(await inCookie(sign(claims))).toMatchObject({ allowed: true, principal: { customer } })
  })

  it.each<[string, Record<string, unknown>, boolean]>([
    ['of another party', { azp: 'https://evil.example' }, false],
    ['of a party that begins alike', { azp: `${app}.evil.example` }, false],
    ['of no party', { azp: undefined }, false],
    ['of an empty party', { azp: '' }, false],
    ['of another issuer', { iss: 'https://clerk.evil.example' }, false],
    ['of no issuer', { iss: undefined }, false],
    ['that is pending', { sts: 'pending' }, false],
    ['of a status that is not known', { sts: 'paused' }, false],
    ['without a status, as in the first version', { sts: undefined }, true],
    ['that expired 4 s ago', { exp: -4 }, true],
    ['that expired 5 s ago', { exp: -5 }, false],
    ['without an end', { exp: undefined }, false],
    ['that begins in 5 s', { nbf: 5 }, true],
    ['that begins in 6 s', { nbf: 6 }, false],
    ['without a subject', { sub: undefined }, false],
    ['with a subject that breaks the line', { sub: 'a\nb' }, false],
    ['of a template, which is no session', { sid: undefined }, false],
    ['with an organisation that is no text', { org_id: 7 }, false],
    ['with an organisation that breaks the line', { o: { id: 'a\nb' } }, false],
  ])('%s', async (_name, claims, isAllowed) => {
    for (const name of ['exp', 'nbf'])
      if (typeof claims[name] === 'number') claims = { ...claims, [name]: seconds(claims[name]) }
    const verdict = await inCookie(sign(claims))
    if (isAllowed) expect(verdict.allowed).toBe(true)
    else expect(verdict).toEqual(refused)
  })

  it.each<[string, () => Promise<string>]>([
    ['by another key', () => sign({}, {}, other.privateKey)],
    ['by the public key as a secret', () => sign({}, { alg: 'HS256' }, Buffer.from(pem))],
    ['by RS512', () => sign({}, { alg: 'RS512' })],
    ['by PS256', () => sign({}, { alg: 'PS256' })],
    ['with something critical to understand', () => sign({}, { crit: ['b64'], b64: true })],
    ['as another type', () => sign({}, { typ: 'at+jwt' })],
    ["as a machine's token", () => sign({}, { cat: 'cl_B7d4PD333AAA' })],
    [
      'by nobody: alg none',
      async () => {
        const [, payload = ''] = (await sign()).split('.')
        const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
        return `${header}.${payload}.`
      },
    ],
    [
      'by nobody, with a signature',
      async () => {
        const [, payload = '', signature = ''] = (await sign()).split('.')
        const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
        return `${header}.${payload}.${signature}`
      },
    ],
  ])('signed %s is refused', async (_name, token) => {
    expect(await inCookie(token())).toEqual(refused)
  })

  it('is judged again by its end right before dispatch', async () => {
    const verdict = await inCookie(sign({ exp: seconds(10) }))
    if (!verdict.allowed) throw new Error(verdict.reason)
    clock.advance(14_999)
    expect(await judgeAgain(verdict)).toBeNull()
    clock.advance(1)
    expect(await judgeAgain(verdict)).toBe('invalid_session')
  })
})

describe('the cookie', () => {
  const publishableKey = 'pk_test_Y2xlcmsuZXhhbXBsZS5jb20k'
  const suffix = createHash('sha1')
    .update(publishableKey)
    .digest('base64')
    .slice(0, 8)
    .replaceAll('+', '-')
    .replaceAll('/', '_')

  it("is the instance's own where its publishable key is known", async () => {
    const [mine, yours] = [await sign(), await sign({ sub: 'user_2' })]
    for (const cookie of [
      `__session_${suffix}=${mine}`,
      `__session=${yours}; __session_${suffix}=${mine}`,
      `__session_AAAAAAAA=${yours}; __session=${mine}`,
    ])
      expect(await ask(cookie, { publishableKey })).toMatchObject({ principal: { id: 'user_1' } })
    const stale = await sign({ exp: seconds(-60) })
    expect(await ask(`__session=${mine}; __session_${suffix}=${stale}`, { publishableKey })).toEqual(refused)
  })

  it("of another instance alone is nobody's", async () => {
    expect(await ask(`__session_AAAAAAAA=${await sign()}`, { publishableKey })).toEqual({
      allowed: false,
      reason: 'missing_credential',
    })
  })

  it('with a suffix that cannot be known is refused', async () => {
    expect(await ask(`__session_${suffix}=${await sign()}`)).toEqual(refused)
  })

  it('that is there twice is refused, unless it says the same', async () => {
    const [one, two] = [await sign(), await sign({ sub: 'user_2' })]
    expect(await ask(`__session=${one}; __session=${two}`)).toEqual(refused)
    expect(await ask(`__session=${one}; __session=${one}`)).toMatchObject({ allowed: true })
  })

  it.each<[string, (token: string) => string]>([
    ['empty', () => '__session='],
    ['without a value', () => '__session'],
    ['quoted', (token) => `__session="${token}"`],
    ['with a quoted name', (token) => `"__session"=${token}`],
    ['with a space before the value', (token) => `__session= ${token}`],
    ['with a space behind the name', (token) => `__session =${token}`],
    ['with a comma before it', (token) => `a=b,__session=${token}`],
    ['with something behind', (token) => `__session=${token},x`],
    ['percent-encoded', (token) => `__session=${token.replaceAll('.', '%2E')}`],
    ['with a part more', (token) => `__session=${token}.e30`],
    ['with a part less', (token) => `__session=${token.split('.').slice(0, 2).join('.')}`],
    ['with a tab inside', (token) => `__session=${token.replace('.', '.\t')}`],
    ['with padding behind', (token) => `__session=${token}==`],
    ['in plain base64', () => '__session=e30=.e30=.AA=='],
  ])('%s is refused, never taken for nobody', async (_name, write) => {
    expect(await ask(write(await sign()))).toEqual(refused)
  })

  it('however it is broken opens nothing, and is never taken for nobody', async () => {
    const token = await sign()
    const parts = token.split('.').map((part) => Buffer.from(part, 'base64url'))
    const turned = fc
      .tuple(fc.nat(2), fc.nat(2000), fc.nat(7))
      .map(([which, at, bit]) => {
        const changed = parts.map((part) => Buffer.from(part))
        const part = changed[which]!
        part[at % part.length]! ^= 1 << bit
        return changed.map((bytes) => bytes.toString('base64url')).join('.')
      })
      .filter((text) => text !== token)
    const value = fc.oneof(
      fc.string({ unit: 'binary-ascii' }).map((text) => text.replaceAll(';', '')),
      fc.array(fc.base64String(), { minLength: 1, maxLength: 5 }).map((all) => all.join('.')),
      fc
        .array(fc.jsonValue(), { minLength: 2, maxLength: 3 })
        .map((all) => all.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')),
      fc.nat(token.length - 1).map((length) => token.slice(0, length)),
      turned,
    )
    const around = fc.constantFrom('', 'a=b; ', '; ', ';;', 'x; ')
    await fc.assert(
      fc.asyncProperty(around, value, around, async (before, text, after) => {
        expect(await ask(`${before}__session=${text};${after}`)).toEqual(refused)
      }),
      { numRuns: 500 },
    )
    expect(failures).toEqual([])
  })

  it('that is not there, or is not ours, is nobody', async () => {
    for (const cookie of [null, '', 'a=b', '__sessions=x', 'my__session=x', '__client_uat=1'])
      expect(await ask(cookie)).toEqual({ allowed: false, reason: 'missing_credential' })
  })
})

describe('its settings stop the start', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const write = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString()
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['without parties', { authorizedParties: undefined }, /authorizedParties is required/],
    ['with no party', { authorizedParties: [] }, /authorizedParties is required/],
    [
      'with a party that is no origin',
      { authorizedParties: [`${app}/`] },
      /authorizedParties must be origins/,
    ],
    ['with a wildcard', { authorizedParties: ['*'] }, /authorizedParties must be origins/],
    ['with an empty party', { authorizedParties: [''] }, /authorizedParties must be origins/],
    ['without a key', { jwtKey: undefined }, /jwtKey must be the PEM/],
    ['with a secret in its place', { jwtKey: 'sk_test_x' }, /jwtKey must be the PEM/],
    ['with a key that is too small', { jwtKey: write(small) }, /jwtKey must be the PEM/],
    ['with a key of a curve', { jwtKey: write(curve) }, /jwtKey must be the PEM/],
    ['without an issuer', { issuer: undefined }, /issuer must be an origin/],
    ['with an issuer that has a path', { issuer: `${issuer}/` }, /issuer must be an origin/],
    [
      'with a secret key as the publishable one',
      { publishableKey: 'sk_test_x' },
      /publishableKey must begin/,
    ],
  ])('%s', (_name, parts, message) => {
    expect(() => clerk({ ...settings, ...parts })).toThrow(message)
  })

  it('but a key whose lines were joined, or escaped, is understood', async () => {
    const cookie = `__session=${await sign()}`
    for (const jwtKey of [pem.replaceAll('\n', ''), pem.replaceAll('\n', '\\n'), ` ${pem}\r\n`])
      expect(await ask(cookie, { jwtKey })).toMatchObject({ allowed: true })
  })
})
