import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIssuer, type TestIssuer } from '../e2e/issuer.ts'
import { buildApp, type RunningApp, startApp } from './next-app.ts'
import { type Agent, createAgent, runsOf, trailOf } from './scene.ts'

/** The credentials of outside issuers, through the real fixture: JWTs of an OIDC provider, sessions as Clerk makes them. */

const audience = 'https://api.example.com'
const clerkIssuer = 'https://clerk.example.com'
const party = 'https://app.example.com'
const clerkKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const otherKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })

let app: RunningApp
let issuer: TestIssuer
let agent: Agent
let jwt: string

beforeAll(buildApp, 600_000)
beforeAll(async () => {
  issuer = await startIssuer()
  app = await startApp('next start', {
    JWT_ISSUER: issuer.issuer,
    CLERK_JWT_KEY: clerkKeys.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  })
  await fetch(`${app.url}/api/health`)
  agent = await createAgent(app)
  jwt = await issuer.token(audience)
})
afterAll(async () => {
  await app?.stop('SIGKILL')
  await issuer?.close()
})

const now = () => Math.floor(Date.now() / 1000)

function session(
  claims: Record<string, unknown> = {},
  key: KeyObject | Uint8Array = clerkKeys.privateKey,
  alg = 'RS256',
): Promise<string> {
  const all = {
    ...{ iss: clerkIssuer, azp: party, sub: 'user_1', sid: 'sess_1', sts: 'active', v: 2 },
    ...{ exp: now() + 60, nbf: now() - 10, iat: now() },
    ...claims,
  }
  return new SignJWT(all).setProtectedHeader({ alg, typ: 'JWT', kid: 'ins_1' }).sign(key)
}

async function unsigned(token: string): Promise<string> {
  const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
  return `${header}.${token.split('.')[1]}.`
}

type Headers = Record<string, string>
const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })
const cookie = (token: string): Headers => ({ cookie: `__session=${token}` })
const get = (path: string, headers: Headers = {}) => fetch(app.url + path, { headers, redirect: 'manual' })

const routes = {
  key: ['/api/who', '/api/wrapped/plain', '/pages/report'],
  jwt: ['/api/jobs', '/api/wrapped/jobs'],
  session: ['/api/people', '/api/wrapped/people', '/people/home'],
}
const kinds: Record<keyof typeof routes, () => Headers | Promise<Headers>> = {
  key: () => agent.bearer,
  jwt: () => bearer(jwt),
  session: async () => cookie(await session()),
}

describe.each(Object.entries(routes))('a route for a %s', (accepted, paths) => {
  it.each(Object.entries(kinds))('answers a %s only where that is its kind', async (kind, make) => {
    const before = await runsOf(app)
    for (const path of paths)
      expect([path, (await get(path, await make())).status]).toEqual([path, kind === accepted ? 200 : 401])
    if (kind !== accepted) expect(await runsOf(app)).toEqual(before)
  })
})

describe('a JWT', () => {
  it('names a workload to handler and trail, and goes no further', async () => {
    for (const path of routes.jwt)
      expect(await (await get(path, bearer(jwt))).json()).toMatchObject({
        kind: 'workload',
        id: 'worker',
        authorization: null,
      })
    const rows = (await trailOf(app)).filter((row) => row.path === '/api/wrapped/jobs')
    expect(rows[0]).toMatchObject({ outcome: 'succeeded', credentialKind: 'jwt', keyId: null })
  })

  it('is asked for by a challenge that says where to learn whose', async () => {
    const answer = await get('/api/jobs')
    expect(answer.status).toBe(401)
    const url = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '')?.[1] ?? ''
    const metadata = await get(new URL(url).pathname)
    expect(await metadata.json()).toMatchObject({ authorization_servers: [issuer.issuer] })
  })

  it.each<[string, () => Promise<string>]>([
    ['for another audience', () => issuer.token('https://other.example.com')],
    ['of another key', () => own(otherKeys.privateKey)],
    ['with a changed signature', async () => `${jwt.slice(0, -8)}AAAAAAAA`],
    ['without a signature', () => unsigned(jwt)],
    ['that is half a token', async () => jwt.slice(0, jwt.length / 2)],
  ])('%s runs nothing', async (_, make) => {
    const before = await runsOf(app)
    const token = await make()
    for (const path of Object.values(routes).flat())
      expect([path, (await get(path, bearer(token))).status]).toEqual([path, 401])
    expect(await runsOf(app)).toEqual(before)
  })

  function own(key: KeyObject): Promise<string> {
    const claims = { iss: issuer.issuer, aud: audience, sub: 'worker', exp: now() + 60 }
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'test' }).sign(key)
  }
})

describe("a session of Clerk's", () => {
  it('names its person to handler, page and trail, whatever another proxy rewrites', async () => {
    const headers = cookie(await session())
    for (const path of ['/api/people', '/api/wrapped/people'])
      expect(await (await get(path, headers)).json()).toMatchObject({ kind: 'user', id: 'user_1' })
    const page = await get('/people/home?a=b', headers)
    expect(page.status).toBe(200)
    expect(page.headers.get('x-other-answer')).toBe('yes')
    expect(await page.text()).toMatch(/user.*user_1.*was here/)
    const rows = (await trailOf(app)).filter((row) => row.path === '/people/home')
    expect(rows[0]).toMatchObject({ outcome: 'passed', credentialKind: 'session' })
  })

  it.each<[string, () => Promise<string>]>([
    ['for another party', () => session({ azp: 'https://evil.example.com' })],
    ['for no party', () => session({ azp: undefined })],
    ['that has expired', () => session({ exp: now() - 60, iat: now() - 120, nbf: now() - 120 })],
    ['that is not begun', () => session({ nbf: now() + 60 })],
    ['of another instance', () => session({ iss: 'https://other.example.com' })],
    ['that is pending', () => session({ sts: 'pending' })],
    ['of another key', () => session({}, otherKeys.privateKey)],
    ['without a signature', async () => unsigned(await session())],
    ['signed by the public key as a secret', () => session({}, publicKeyAsSecret(), 'HS256')],
    ['that is no token', async () => 'a.b.c'],
    ['that is empty', async () => ''],
    [
      'with a second one beside it',
      async () => `${await session()}; __session=${await session({ sub: 'eve' })}`,
    ],
    ['in quotes', async () => `"${await session()}"`],
    ['with more behind it', async () => `${await session()}.x`],
  ])('%s runs nothing', async (_, make) => {
    const before = await runsOf(app)
    const headers = cookie(await make())
    for (const path of Object.values(routes).flat())
      expect([path, (await get(path, headers)).status]).toEqual([path, 401])
    expect(await runsOf(app)).toEqual(before)
  })

  function publicKeyAsSecret(): Uint8Array {
    return Buffer.from(clerkKeys.publicKey.export({ format: 'pem', type: 'spki' }))
  }
})
