import { describe, expect, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'

const upstream = 'http://127.0.0.1:3000'
const issuer = {
  issuer: 'https://login.example.com',
  jwksUrl: 'https://login.example.com/jwks',
  audience: 'https://api.example.com',
  algorithms: ['RS256'],
}
const route = { path: '/api/*', accepts: ['jwt'], upstream }
const issuerOf = (parts: object) => ({ issuers: [{ ...issuer, ...parts }], routes: [route] })

function problemsOf(input: unknown): readonly string[] {
  try {
    parseConfig(input, {}, '/srv/app')
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems
    throw error
  }
  return []
}

describe('an issuer', () => {
  test('that names the least', () => {
    expect(parseConfig(issuerOf({}), {}, '/').issuers).toEqual([
      {
        issuer: 'https://login.example.com',
        jwksUrl: 'https://login.example.com/jwks',
        audience: ['https://api.example.com'],
        algorithms: ['RS256'],
        typ: null,
        subjectPrefix: '',
        customerFromClaim: null,
        toolsFromClaim: null,
        requiredClaims: [],
        jwksMaxAgeMs: 86_400_000,
        allowAddresses: [],
      },
    ])
  })

  test('that names everything', () => {
    const all = {
      audience: ['a', 'b'],
      algorithms: ['ES256', 'EdDSA'],
      typ: 'AT+jwt',
      subjectPrefix: 'partners:',
      customerFromClaim: 'https://example.com/org',
      toolsFromClaim: 'scope',
      requiredClaims: { token_use: 'access', tid: ['a', 'b'], verified: true },
      jwksMaxAge: '1h',
      allowAddresses: ['10.0.0.0/8'],
    }
    expect(parseConfig(issuerOf(all), {}, '/').issuers[0]).toMatchObject({
      audience: ['a', 'b'],
      algorithms: ['ES256', 'EdDSA'],
      typ: 'at+jwt',
      subjectPrefix: 'partners:',
      customerFromClaim: 'https://example.com/org',
      toolsFromClaim: 'scope',
      requiredClaims: [
        ['token_use', ['access']],
        ['tid', ['a', 'b']],
        ['verified', [true]],
      ],
      jwksMaxAgeMs: 3_600_000,
      allowAddresses: ['10.0.0.0/8'],
    })
  })

  test.each([
    'http://127.0.0.1:9000/jwks',
    'http://localhost/jwks',
    'https://127.8.9.1/jwks',
    'http://[::1]:9/jwks',
  ])('on loopback (%s) may be plain http, and is meant', (jwksUrl) => {
    expect(parseConfig(issuerOf({ jwksUrl }), {}, '/').issuers[0]?.allowAddresses).toEqual([
      '127.0.0.0/8',
      '::1/128',
    ])
  })

  test.each<[object, string, string?]>([
    [{ issuer: undefined }, 'issuers[0].issuer is missing'],
    [{ issuer: 'login.example.com' }, 'issuers[0].issuer is "login.example.com"', 'https URL'],
    [{ issuer: 'http://login.example.com' }, 'issuers[0].issuer is', 'https URL'],
    [{ jwksUrl: undefined }, 'issuers[0].jwksUrl is missing'],
    [{ jwksUrl: 'http://login.example.com/jwks' }, 'issuers[0].jwksUrl is', 'https URL'],
    [{ jwksUrl: 'http://127.0.0.1.evil.example/jwks' }, 'issuers[0].jwksUrl is', 'https URL'],
    [{ jwksUrl: 'http://localhost.evil.example/jwks' }, 'issuers[0].jwksUrl is', 'https URL'],
    [{ jwksUrl: 'https://u:p@login.example.com/jwks' }, 'issuers[0].jwksUrl is', 'without user'],
    [{ jwksUrl: 'https://login.example.com/jwks#x' }, 'issuers[0].jwksUrl is', 'fragment'],
    [{ jwksUrl: 'file:///etc/passwd' }, 'issuers[0].jwksUrl is', 'https URL'],
    [{ audience: undefined }, 'issuers[0].audience is missing'],
    [{ audience: '' }, 'issuers[0].audience is ""', "the tokens' aud"],
    [{ audience: [] }, 'issuers[0].audience', "the tokens' aud"],
    [{ algorithms: undefined }, 'issuers[0].algorithms is missing', 'at least one'],
    [{ algorithms: [] }, 'issuers[0].algorithms', 'at least one'],
    ...['none', 'HS256', 'HS512', 'rs256', 'RSA-OAEP', 'dir'].map((name): [object, string, string] => [
      { algorithms: ['RS256', name] },
      `issuers[0].algorithms[1] is "${name}"`,
      'never accepted',
    ]),
    [{ typ: 'application/at+jwt' }, 'issuers[0].typ is', 'without "application/"'],
    [{ subjectPrefix: 'a' }, 'issuers[0].subjectPrefix is "a"', 'colon'],
    [{ subjectPrefix: 'a:b:' }, 'issuers[0].subjectPrefix is "a:b:"', 'colon'],
    [{ customerFromClaim: '' }, 'issuers[0].customerFromClaim is ""', 'name of a claim'],
    [{ requiredClaims: ['a'] }, 'issuers[0].requiredClaims', 'the values that they must have'],
    [{ requiredClaims: { a: {} } }, 'issuers[0].requiredClaims', 'the values that they must have'],
    [{ requiredClaims: { a: [] } }, 'issuers[0].requiredClaims', 'the values that they must have'],
    [{ requiredClaims: { a: null } }, 'issuers[0].requiredClaims', 'the values that they must have'],
    [{ requiredClaims: null }, 'issuers[0].requiredClaims', 'the values that they must have'],
    [{ jwksMaxAge: '0s' }, 'issuers[0].jwksMaxAge is "0s"', 'duration'],
    [{ allowAddresses: ['0.0.0.0/0'] }, 'issuers[0].allowAddresses[0] is "0.0.0.0/0"'],
    [{ clientSecret: 'x' }, 'issuers[0].clientSecret is no setting'],
    [{ toolsFromClaim: '' }, 'issuers[0].toolsFromClaim is "": must be the name of a claim'],
  ])('%j stops the start', (parts, ...expected) => {
    const problems = problemsOf(issuerOf(parts))
    expect(problems).toHaveLength(1)
    for (const part of expected) expect(problems[0]).toContain(part)
  })

  test('that is there twice, or could be taken for another by its subjects, stops the start', () => {
    const other = { ...issuer, issuer: 'https://other.example.com' }
    const both = (one: object, two: object) => problemsOf({ issuers: [one, two] })
    expect(both({ ...issuer, subjectPrefix: 'a:' }, { ...issuer, subjectPrefix: 'b:' })).toEqual([
      expect.stringContaining('issuers[1].issuer is "https://login.example.com": is there twice'),
    ])
    expect(both(issuer, { ...other, subjectPrefix: 'b:' })).toEqual([
      expect.stringContaining('issuers[0].subjectPrefix is missing'),
    ])
    expect(both({ ...issuer, subjectPrefix: 'a:' }, { ...other, subjectPrefix: 'a:' })).toEqual([
      expect.stringContaining('issuers[1].subjectPrefix is "a:"'),
    ])
    expect(both({ ...issuer, subjectPrefix: 'a:' }, { ...other, subjectPrefix: 'b:' })).toEqual([])
  })
})

describe('a route', () => {
  const issuers = [issuer]
  const sessions = () => null
  test.each<[object, string | null]>([
    [{ accepts: ['jwt'], forwardCredential: true }, null],
    [{ accepts: ['session', 'jwt'], forwardCredential: true }, null],
    [{ accepts: ['jwt', 'service-key'] }, null],
    [{ accepts: ['jwt'], mcp: true }, null],
    [{ accepts: ['jwt', 'session'], mcp: true }, null],
    [{ accepts: ['jwt', 'service-key'], mcp: true }, 'routes[0].accepts names both'],
    [{ accepts: ['service-key', 'session', 'jwt'], mcp: true }, 'routes[0].accepts names both'],
    [
      { accepts: ['jwt'], mcp: true, forwardCredential: true },
      'routes[0].forwardCredential is true: must be left out on an MCP',
    ],
    [
      { accepts: ['jwt', 'service-key'], forwardCredential: true },
      'routes[0].forwardCredential is true: must be left out',
    ],
  ])('%j', (parts, start) => {
    const problems = problemsOf({ issuers, sessions, routes: [{ path: '/a', upstream, ...parts }] })
    expect(problems).toEqual(start === null ? [] : [expect.stringContaining(start)])
  })
})
