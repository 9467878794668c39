import { beforeEach, expect, test } from 'vitest'
import { createPeople, type People } from '../../../src/admin/sign-in/people.ts'
import { createSignIn, type SignIn } from '../../../src/admin/sign-in/sign-in.ts'
import { StoreUnavailable } from '../../../src/domain/ports.ts'
import { createLog } from '../../../src/log.ts'
import { createMemoryPeople, type MemoryPeople } from './memory-people.ts'

const origin = 'http://127.0.0.1:4243'
const mount = '/admin/api-keys'
const password = 'correct horse battery'
let world: MemoryPeople
let people: People
let signIn: SignIn
let nowMs: number

async function build(at = origin): Promise<void> {
  world = createMemoryPeople()
  nowMs = Date.now()
  const clock = { now: () => nowMs, monotonic: () => nowMs }
  people = createPeople({ store: world.people, clock, pageUrl: () => at + mount })
  signIn = await createSignIn({
    people,
    records: world.records,
    clock,
    log: createLog({ level: 'silent', prefixes: ['pst'] }),
    origin: at,
    secret: 'a secret of this test alone, and long enough',
    signInMaxAgeMs: 3_600_000,
    identityProviders: [],
  })
}
beforeEach(() => build())

const same = { 'sec-fetch-site': 'same-origin', origin }

async function ask(
  path: string,
  init: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
) {
  const { body, headers = same, method = body === undefined ? 'GET' : 'POST' } = init
  const request = new Request(origin + mount + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const response = await signIn.answer(request, path, '192.0.2.1')
  if (response === null) throw new Error('not about signing in')
  const text = await response.text()
  const cookies = response.headers.getSetCookie()
  return {
    status: response.status,
    json: text === '' ? null : (JSON.parse(text) as Record<string, unknown>),
    text,
    cookies,
    cookie: cookies.map((each) => each.split(';')[0]).join('; '),
    headers: response.headers,
  }
}

const tokenOf = (url: string) => url.slice(url.indexOf('#') + 1)

async function setUp() {
  const { url } = await people.setupLink()
  return ask('/api/setup', {
    body: { token: tokenOf(url), email: 'Ada@Example.com', name: 'Ada', password },
  })
}

const accessBy = (cookie: string, headers: Record<string, string> = {}) =>
  signIn.accessOf(new Request(`${origin}${mount}/api/v1/me`, { headers: { cookie, ...headers } }))

test('a setup link makes an administrator, who is signed in at once', async () => {
  const { url } = await people.setupLink()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:4243\/admin\/api-keys\/setup#[\w-]{43}$/)
  const answered = await setUp()
  expect([answered.status, answered.json]).toEqual([200, {}])
  expect(await accessBy(answered.cookie)).toEqual({
    actor: 'ada@example.com',
    via: 'person',
    role: 'admin',
    email: 'ada@example.com',
    signedInAt: expect.any(Number),
  })
})

test('over https the cookie belongs to this very host, and never goes in the clear', async () => {
  await build('https://keys.example.com')
  const answered = await setUp()
  expect(answered.cookies).toHaveLength(1)
  const [cookie = ''] = answered.cookies
  expect(cookie).toMatch(/^__Host-postern\.session_token=/)
  for (const attribute of ['Secure', 'HttpOnly', 'SameSite=Lax', 'Path=/'])
    expect(cookie).toContain(attribute)
  expect(cookie).not.toMatch(/domain=/i)
  expect(await accessBy(answered.cookie)).toMatchObject({ role: 'admin' })
})

test('a cookie that another secret signed is nobody, even with a token that is kept', async () => {
  await setUp()
  const token = String(world.kept.session[0]?.['token'])
  for (const forged of [token, `${token}.${'A'.repeat(43)}=`, encodeURIComponent(`${token}.x`)])
    expect(await accessBy(`postern.session_token=${forged}`)).toBeNull()
})

test('of a password only a slow hash is kept, and of a link nothing', async () => {
  const { url } = await people.setupLink()
  await ask('/api/setup', { body: { token: tokenOf(url), email: 'ada@example.com', name: 'Ada', password } })
  const kept = JSON.stringify(world.kept)
  expect(kept).not.toContain(password)
  expect(kept).not.toContain(tokenOf(url))
  expect(String(world.kept.account[0]?.['password'])).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/)
})

test('a session ends after seven days, however it is used', async () => {
  const { cookie } = await setUp()
  const [session] = world.kept.session
  const at = (field: string) => Number(session?.[field])
  expect(Math.round((at('expiresAt') - at('createdAt')) / 1000)).toBe(7 * 86_400)
  await accessBy(cookie)
  expect(world.kept.session[0]?.['expiresAt']).toEqual(session?.['expiresAt'])
  if (session !== undefined) session['expiresAt'] = new Date(Date.now() - 1)
  expect(await accessBy(cookie)).toBeNull()
})

test('a new password takes the old one, ends the other sessions when asked, and follows the policy', async () => {
  const { cookie } = await setUp()
  const change = (newPassword: string, currentPassword = password) =>
    ask('/api/auth/change-password', {
      body: { newPassword, currentPassword, revokeOtherSessions: true },
      headers: { ...same, cookie },
    })
  expect(await change('short')).toMatchObject({
    status: 400,
    json: { code: 'password_too_short', field: 'newPassword' },
  })
  expect((await change('another horse battery', 'not the password')).json).toMatchObject({
    code: 'invalid_password',
  })
  const changed = await change('another horse battery')
  expect([changed.status, changed.json]).toEqual([200, {}])
  const signedIn = (secret: string) =>
    ask('/api/auth/sign-in/email', { body: { email: 'ada@example.com', password: secret } })
  expect((await signedIn(password)).status).toBe(401)
  expect((await signedIn('another horse battery')).status).toBe(200)
  expect(await accessBy(cookie)).toBeNull()
})

test('a new password ends the other sessions, whatever the body says of them', async () => {
  const { cookie } = await setUp()
  const body = { email: 'ada@example.com', password }
  const elsewhere = (await ask('/api/auth/sign-in/email', { body })).cookie
  expect(await accessBy(elsewhere)).not.toBeNull()
  const changed = await ask('/api/auth/change-password', {
    body: { newPassword: 'another horse battery', currentPassword: password, revokeOtherSessions: false },
    headers: { ...same, cookie },
  })
  expect(changed.status).toBe(200)
  expect([await accessBy(elsewhere), await accessBy(cookie)]).toEqual([null, null])
  expect(await accessBy(changed.cookie)).toMatchObject({ actor: 'ada@example.com' })
})

test('whoever has a session guesses its password as slowly as at the door', async () => {
  const { cookie } = await setUp()
  const change = async (currentPassword: string) =>
    await ask('/api/auth/change-password', {
      body: { newPassword: 'another horse battery', currentPassword },
      headers: { ...same, cookie },
    })
  for (let at = 0; at < 10; at++)
    expect((await change(`guess number ${at}`)).json).toMatchObject({ code: 'invalid_password' })
  const refused = await change(password)
  expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_attempts' } })
  expect(refused.headers.get('retry-after')).toBe('300')
  const body = { email: 'ada@example.com', password }
  expect((await ask('/api/auth/sign-in/email', { body })).status).toBe(429)
  nowMs += 5 * 60_000
  expect((await change(password)).status).toBe(200)
})

test('while the database is away, signing in says so, and is not taken for a wrong password', async () => {
  const { cookie } = await setUp()
  const away = async () => {
    throw new StoreUnavailable('away')
  }
  Object.assign(world.records, { findOne: away, findMany: away })
  const body = { email: 'ada@example.com', password }
  for (let at = 0; at < 12; at++)
    expect(await ask('/api/auth/sign-in/email', { body })).toMatchObject({
      status: 503,
      json: { code: 'store_unavailable' },
    })
  await expect(accessBy(cookie)).rejects.toMatchObject({ code: 'store_unavailable' })
  expect(await accessBy('postern.session_token=x.y')).toBeNull()
})

test('what is asked in an odd form is refused in ours', async () => {
  for (const [path, text, status, code] of [
    ['/api/auth/sign-in/email', '{', 400, 'body_malformed'],
    ['/api/auth/sign-in/email', '[]', 400, 'body_malformed'],
    ['/api/auth/sign-in/email', '{"email":["a"],"password":"x"}', 400, 'field_invalid'],
    ['/api/auth/sign-in/email', '{"__proto__":{"email":"a"}}', 400, 'field_invalid'],
    ['/api/auth/sign-in/social', '{"provider":"constructor"}', 404, 'provider_not_found'],
    ['/api/setup', '{"token":"x"}', 400, 'field_invalid'],
    ['/api/auth/../setup', '{}', 404, 'no_route'],
  ] as const) {
    const request = new Request(origin + mount, {
      method: 'POST',
      headers: { ...same, 'content-type': 'application/json' },
      body: text,
    })
    const response = await signIn.answer(request, path, null)
    const problem = (await response?.json()) as { code: string }
    expect([path, text, response?.status, problem.code]).toEqual([path, text, status, code])
    expect(response?.headers.get('content-type')).toBe('application/problem+json')
  }
  const form = new Request(origin + mount, {
    method: 'POST',
    headers: { ...same, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'email=ada@example.com&password=x',
  })
  expect((await signIn.answer(form, '/api/auth/sign-in/email', null))?.status).toBe(415)
})

test('guesses that come all at once are counted as those that come one by one', async () => {
  await setUp()
  const guesses = Array.from({ length: 14 }, (_, at) =>
    ask('/api/auth/sign-in/email', {
      body: { email: 'ada@example.com', password: `a wrong password ${at}` },
    }),
  )
  const statuses = (await Promise.all(guesses)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 401)).toHaveLength(10)
  expect(statuses.filter((status) => status === 429)).toHaveLength(4)
})
