import { describe, expect, it } from 'vitest'
import { createTokenScanner } from '../../src/domain/service-key.ts'
import type { CredentialKind, Reason } from '../../src/domain/verdict.ts'
import { createKeyCache } from '../../src/verify/key-cache.ts'
import { createKeyReader } from '../../src/verify/key-reader.ts'
import { createLease } from '../../src/verify/lease.ts'
import { createIssuer } from '../../src/verify/issuer.ts'
import { createJwtAuthenticator } from '../../src/verify/jwt-authenticator.ts'
import { createKeySet } from '../../src/verify/jwks.ts'
import { createServiceKeyAuthenticator } from '../../src/verify/service-key-authenticator.ts'
import { createSessionAuthenticator } from '../../src/verify/session-authenticator.ts'
import { createVerify } from '../../src/verify/verify.ts'
import { createFakeClock } from './fake-clock.ts'
import { answerOf, issuer, plain, publicJwk, rsa, sign } from './jwt-world.ts'
import { allUnknown, createKeyWorld } from './key-world.ts'

const clock = createFakeClock()
const pair = rsa()
const jwks = { keys: [await publicJwk(pair.publicKey)] }
const world = createKeyWorld()
const key = world.create()
const jwt = await sign(pair.privateKey, clock)
const expired = await sign(pair.privateKey, clock, { exp: 1 })

function createAll() {
  const cache = createKeyCache(clock)
  const lease = createLease({
    lookups: world,
    clock,
    onChanges: (changes) => cache.apply(changes),
    onRefusing: () => {},
    onPollFailed: () => {},
  })
  const readKey = createKeyReader({ lookups: world, cache, lease, unknownKeys: allUnknown })
  const keys = createKeySet({
    url: plain.jwksUrl,
    send: () => Promise.resolve(answerOf(jwks)),
    clock,
    maxAgeMs: plain.jwksMaxAgeMs,
    onFailure: () => {},
  })
  const sessions = {
    ownsCookie: () => true,
    read: ({ headers }: { headers: { get(name: string): string | null } }) => {
      const cookie = headers.get('cookie') ?? ''
      if (cookie.includes('sid=bad')) throw new Error('bad')
      return cookie.includes('sid=') ? { id: 'u1' } : null
    },
  }
  return createVerify({
    authenticators: [
      createServiceKeyAuthenticator({ prefixes: ['pst'], readKey, lease, clock }),
      createJwtAuthenticator(new Map([[issuer, createIssuer(plain, keys, clock)]])),
      createSessionAuthenticator({ sessions, clock, onFailure: () => {} }),
    ],
    looksLikeToken: createTokenScanner(['pst']).found,
  })
}

type Outcome = CredentialKind | Reason
type Row = [accepts: string, ...outcomes: Outcome[]]

const bearers = {
  none: null,
  key: `Bearer ${key.token}`,
  'bad key': 'Bearer pst_x',
  jwt: `Bearer ${jwt}`,
  'bad jwt': `Bearer ${expired}`,
  basic: 'Basic eDp5',
}
const cookies = { none: null, other: 'theme=dark', session: 'sid=1', 'bad session': 'sid=bad' }

const wrong = 'wrong_credential_kind'
const missing = 'missing_credential'
const twice = 'ambiguous_credentials'

/** In the order of `bearers`; the cookie says which table. */
const tables: Record<keyof typeof cookies, Row[]> = {
  none: [
    ['service-key', missing, 'service-key', 'malformed_key', wrong, wrong, missing],
    ['jwt', missing, wrong, wrong, 'jwt', 'invalid_jwt', missing],
    ['session', missing, wrong, wrong, wrong, wrong, missing],
    ['service-key jwt', missing, 'service-key', 'malformed_key', 'jwt', 'invalid_jwt', missing],
    ['service-key session', missing, 'service-key', 'malformed_key', wrong, wrong, missing],
    ['jwt session', missing, wrong, wrong, 'jwt', 'invalid_jwt', missing],
    ['service-key jwt session', missing, 'service-key', 'malformed_key', 'jwt', 'invalid_jwt', missing],
  ],
  other: [
    ['service-key', missing, 'service-key', 'malformed_key', wrong, wrong, missing],
    ['session', missing, wrong, wrong, wrong, wrong, missing],
    ['service-key jwt session', missing, 'service-key', 'malformed_key', 'jwt', 'invalid_jwt', missing],
  ],
  session: [
    ['service-key', missing, 'service-key', 'malformed_key', wrong, wrong, missing],
    ['jwt', missing, wrong, wrong, 'jwt', 'invalid_jwt', missing],
    ['session', 'session', 'session', 'session', 'session', 'session', 'session'],
    ['service-key jwt', missing, 'service-key', 'malformed_key', 'jwt', 'invalid_jwt', missing],
    ['service-key session', 'session', twice, twice, 'session', 'session', 'session'],
    ['jwt session', 'session', 'session', 'session', twice, twice, 'session'],
    ['service-key jwt session', 'session', twice, twice, twice, twice, 'session'],
  ],
  'bad session': [
    ['service-key', missing, 'service-key', 'malformed_key', wrong, wrong, missing],
    ['jwt', missing, wrong, wrong, 'jwt', 'invalid_jwt', missing],
    ['session', ...Array.from({ length: 6 }, () => 'invalid_session' as const)],
    [
      'service-key session',
      'invalid_session',
      twice,
      twice,
      'invalid_session',
      'invalid_session',
      'invalid_session',
    ],
    ['service-key jwt session', 'invalid_session', twice, twice, twice, twice, 'invalid_session'],
  ],
}

describe.each(Object.entries(tables))('with a cookie: %s', (cookieName, rows) => {
  const cookie = cookies[cookieName as keyof typeof cookies]
  it.each(rows)(
    'a route for %s lets in its own kinds only, and one of them at a time (T7)',
    async (accepts, ...outcomes) => {
      const verify = createAll()
      const found: Record<string, Outcome> = {}
      for (const [name, authorization] of Object.entries(bearers)) {
        const kinds = accepts.split(' ') as CredentialKind[]
        const verdict = await verify({ authorization, cookie, query: '' }, kinds)
        found[name] = verdict.allowed ? verdict.credentialKind : verdict.reason
        // The order in which a route names its kinds says nothing.
        const again = await verify({ authorization, cookie, query: '' }, kinds.toReversed())
        expect(again.allowed ? again.credentialKind : again.reason).toBe(found[name])
      }
      expect(found).toEqual(Object.fromEntries(Object.keys(bearers).map((name, at) => [name, outcomes[at]])))
    },
  )
})

it('a key in the query is refused on every kind of route, whatever else is there', async () => {
  const verify = createAll()
  for (const kinds of [['service-key'], ['jwt'], ['session']] as CredentialKind[][])
    expect(
      await verify({ authorization: `Bearer ${jwt}`, cookie: 'sid=1', query: `k=${key.token}` }, kinds),
    ).toMatchObject({ reason: 'credential_in_query' })
})
