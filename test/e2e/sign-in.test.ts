import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway } from './gateway.ts'
import {
  administrator,
  openAdministrator,
  openInvited,
  openVisitor,
  password,
  tokenOf,
  type Visitor,
} from './visitor.ts'

let gateway: TestGateway
let admin: Visitor

const open = () => openGateway({ routes: [{ path: '/x', public: true, upstream: 'http://127.0.0.1:1' }] })
let count = 0
const address = () => `person-${++count}@example.com`

/** What the socket's API answers. */
async function local(method: string, path: string, json?: unknown) {
  const response = await gateway.postern.admin(
    new Request(`http://localhost/admin/api-keys/api/v1${path}`, {
      method,
      ...(json === undefined
        ? {}
        : { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
    }),
  )
  const text = await response.text()
  return { status: response.status, json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
}

async function historyOf(subject: string): Promise<{ what: string; actor: string }[]> {
  const { json } = await local('GET', `/changes?subject=${subject}`)
  return json['data'] as { what: string; actor: string }[]
}

async function idOf(email: string): Promise<string> {
  const { json } = await admin.send('GET', '/api/v1/people?limit=200')
  const found = (json['data'] as { id: string; email: string }[]).find((each) => each.email === email)
  return found?.id ?? ''
}

describe('the first administrator', () => {
  beforeAll(async () => {
    gateway = await open()
  })
  afterAll(() => gateway.close())

  const use = async (visitor: Visitor, url: string, more: object = {}) =>
    visitor.send('POST', '/api/setup', {
      json: { token: tokenOf(url), email: administrator, name: 'Ada', password, ...more },
    })

  test('a link that is unknown, or whose time is over, makes nobody', async () => {
    const visitor = await openVisitor(gateway)
    expect(await use(visitor, '#nothing')).toMatchObject({ status: 410, code: 'link_invalid' })
    const url = (await gateway.setupUrl()) ?? ''
    gateway.shiftClock(30 * 60_000)
    expect(await use(visitor, url)).toMatchObject({ status: 410, code: 'link_invalid' })
    gateway.shiftClock(-30 * 60_000)
    expect(visitor.cookies.size).toBe(0)
  })

  test.each<[string, object, string, string]>([
    ['a password of 11 characters', { password: 'x'.repeat(11) }, 'password_too_short', 'password'],
    ['a password of 129 characters', { password: 'x'.repeat(129) }, 'password_too_long', 'password'],
    ['no address', { email: 'ada' }, 'email_invalid', 'email'],
    ['two addresses', { email: 'a@b.c, d@e.f' }, 'email_invalid', 'email'],
    ['a name that turns the reading direction', { name: 'a\u202eb' }, 'name_invalid', 'name'],
    ['an empty name', { name: ' ' }, 'name_invalid', 'name'],
    ['a field too many', { role: 'admin' }, 'field_invalid', ''],
  ])('%s is refused beside its field, and the link still works', async (_name, more, code, field) => {
    const visitor = await openVisitor(gateway)
    const url = (await gateway.setupUrl()) ?? ''
    const refused = await use(visitor, url, more)
    expect(refused).toMatchObject({ status: 400, code })
    expect(refused.field ?? '').toBe(field)
    expect(await gateway.setupUrl()).not.toBeNull()
  })

  test('from another site, or from nowhere that shows, a link can not be used (T18)', async () => {
    const url = (await gateway.setupUrl()) ?? ''
    const visitor = await openVisitor(gateway)
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
    ]) {
      const json = { token: tokenOf(url), email: administrator, name: 'Ada', password }
      const refused = await visitor.send('POST', '/api/setup', { json, headers })
      expect(refused).toMatchObject({ status: 403, code: 'origin_refused' })
    }
  })

  test('of many at once, with links old and new, one becomes administrator; then no link is left', async () => {
    const urls = [await gateway.setupUrl(), await gateway.setupUrl(), await gateway.setupUrl()]
    const visitors = await Promise.all(Array.from({ length: 9 }, () => openVisitor(gateway)))
    const answers = await Promise.all(
      visitors.map((visitor, at) => use(visitor, urls[at % 3] ?? '', { email: `ada-${at}@example.com` })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status, code } of answers)
      if (status !== 200) expect(['link_invalid', 'administrator_exists']).toContain(code)
    const signedIn = await Promise.all(visitors.map((each) => each.send('GET', '/api/v1/me')))
    expect(signedIn.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await gateway.setupUrl()).toBeNull()
    const methods = await visitors[0]?.send('GET', '/api/sign-in-methods')
    expect(methods?.json).toMatchObject({ setupNeeded: false, password: true, hosted: false })
  })

  test('what signs sessions is made once, in a file that is closed to others', () => {
    const path = join(gateway.dataDir, 'admin-secret')
    expect(statSync(path).mode & 0o177).toBe(0)
    expect(existsSync(`${path}.new`)).toBe(false)
    expect(readFileSync(path, 'utf8').trim().length).toBeGreaterThanOrEqual(32)
  })
})

describe('people', () => {
  beforeAll(async () => {
    gateway = await open()
    admin = await openAdministrator(gateway)
  })
  afterAll(() => gateway.close())

  test('whoever signs in has a cookie that no script and no other site can use, and no token in any answer', async () => {
    const visitor = await openVisitor(gateway)
    const answered = await visitor.signIn('ADA@example.com')
    expect([answered.status, answered.json]).toEqual([200, {}])
    const [cookie = '', ...more] = answered.headers.getSetCookie()
    expect(more).toEqual([])
    expect(cookie).toMatch(/^postern\.session_token=[^;]+;/)
    for (const attribute of ['HttpOnly', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(attribute)
    expect(cookie).not.toMatch(/Domain=/i)
    expect((await visitor.send('GET', '/api/v1/me')).json).toMatchObject({
      actor: administrator,
      via: 'person',
      role: 'admin',
      email: administrator,
    })
    await visitor.send('POST', '/api/auth/sign-out', { json: {} })
    expect((await visitor.send('GET', '/api/v1/me')).status).toBe(401)
  })

  test('signing out ends the session itself: the cookie is worth nothing afterwards', async () => {
    const visitor = await openVisitor(gateway)
    await visitor.signIn(administrator)
    const { headers } = visitor
    await visitor.send('POST', '/api/auth/sign-out', { json: {} })
    const again = await fetch(`${gateway.adminUrl}/admin/api-keys/api/v1/me`, { headers })
    expect(again.status).toBe(401)
  })

  test('a cookie that was changed, or stands beside a bearer token, is nobody', async () => {
    const visitor = await openVisitor(gateway)
    await visitor.signIn(administrator)
    const bearer = { authorization: 'Bearer x' }
    expect((await visitor.send('GET', '/api/v1/me', { headers: bearer })).status).toBe(401)
    const [name = '', value = ''] = [...visitor.cookies][0] ?? []
    for (const changed of [value.slice(0, -3), value.split('.')[0] ?? '', `x${value}`, '']) {
      visitor.cookies.set(name, changed)
      expect((await visitor.send('GET', '/api/v1/me')).status).toBe(401)
    }
  })

  test('an address that nobody has and a wrong password look the same, and sign-up is closed', async () => {
    const visitor = await openVisitor(gateway)
    const wrong = await visitor.signIn(administrator, 'not the password at all')
    const nobody = await visitor.signIn('nobody@example.com')
    expect([wrong.status, wrong.text]).toEqual([401, nobody.text])
    expect(wrong.code).toBe('invalid_email_or_password')
    for (const path of [
      'sign-up/email',
      'delete-user',
      'update-user',
      'list-sessions',
      'request-password-reset',
    ])
      expect(await visitor.send('POST', `/api/auth/${path}`, { json: {} })).toMatchObject({ status: 404 })
    expect(await visitor.send('GET', '/api/auth/get-session')).toMatchObject({ status: 404 })
  })

  test('T18: nothing is changed or read for another site, whatever cookies its visitors have', async () => {
    const invitation = { json: { email: 'eve@example.com', role: 'admin' } }
    for (const site of ['cross-site', 'same-site', 'none', '']) {
      const headers = { 'sec-fetch-site': site }
      const changed = await admin.send('POST', '/api/v1/people/invitations', { ...invitation, headers })
      expect([site, changed.status, changed.code]).toEqual([site, 403, 'origin_refused'])
    }
    const read = await admin.send('GET', '/api/v1/people', { headers: { 'sec-fetch-site': 'cross-site' } })
    expect([read.status, read.code]).toEqual([403, 'origin_refused'])
    // An older browser says its origin only.
    for (const [origin, status] of [
      ['http://evil.example', 403],
      ['null', 403],
      [gateway.adminUrl.replace('127.0.0.1', 'localhost'), 403],
      [gateway.adminUrl, 400],
    ] as const) {
      const { cookie = '' } = admin.headers
      const response = await fetch(`${gateway.adminUrl}/admin/api-keys/api/v1/people/invitations`, {
        method: 'POST',
        headers: { cookie, origin, 'content-type': 'application/json' },
        body: '{}',
      })
      expect([origin, response.status]).toEqual([origin, status])
    }
    const signIn = await (
      await openVisitor(gateway)
    ).send('POST', '/api/auth/sign-in/email', {
      json: { email: administrator, password },
      headers: { 'sec-fetch-site': 'cross-site' },
    })
    expect([signIn.status, signIn.headers.getSetCookie()]).toEqual([403, []])
    const { json } = await admin.send('GET', '/api/v1/people')
    expect(json['invitations']).toEqual([])
  })

  test('an invitation works once, for its address and role, and both are in the history', async () => {
    const email = address()
    const invited = await admin.send('POST', '/api/v1/people/invitations', {
      json: { email: email.toUpperCase(), role: 'owner' },
    })
    expect(invited).toMatchObject({ status: 201, json: { email, role: 'owner', invitedBy: administrator } })
    const url = String(invited.json['url'])
    expect(url).toMatch(new RegExp(`^${gateway.adminUrl}/admin/api-keys/invitation#[\\w-]{43}$`))
    const visitors = await Promise.all(Array.from({ length: 5 }, () => openVisitor(gateway)))
    const answers = await Promise.all(
      visitors.map((each) =>
        each.send('POST', '/api/invitations/accept', {
          json: { token: tokenOf(url), name: 'Grace', password },
        }),
      ),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 410, 410, 410, 410])
    const winner = visitors[answers.findIndex(({ status }) => status === 200)]
    expect((await winner?.send('GET', '/api/v1/me'))?.json).toMatchObject({ role: 'owner', email })
    expect(
      (await historyOf(String(invited.json['id']))).map(({ what, actor }) => [what, actor]),
    ).toContainEqual(['invited', administrator])
    expect((await historyOf(await idOf(email))).length).toBeGreaterThan(0)
  })

  test('an invitation ends after seven days, when it is withdrawn, and when another takes its place', async () => {
    const invite = async (email: string) =>
      (await admin.send('POST', '/api/v1/people/invitations', { json: { email, role: 'auditor' } })).json
    const accept = async (url: unknown) =>
      (await openVisitor(gateway)).send('POST', '/api/invitations/accept', {
        json: { token: tokenOf(String(url)), name: 'Grace', password },
      })
    const withdrawn = await invite(address())
    expect((await admin.send('DELETE', `/api/v1/people/invitations/${String(withdrawn['id'])}`)).status).toBe(
      204,
    )
    expect((await accept(withdrawn['url'])).code).toBe('link_invalid')
    const email = address()
    const replaced = await invite(email)
    const current = await invite(email)
    expect((await accept(replaced['url'])).code).toBe('link_invalid')
    gateway.shiftClock(7 * 86_400_000)
    expect((await accept(current['url'])).code).toBe('link_invalid')
    gateway.shiftClock(-7 * 86_400_000)
    expect((await accept(current['url'])).status).toBe(200)
  })

  test.each(['owner', 'auditor'])('someone of the role %s appoints nobody', async (role) => {
    const visitor = await openInvited(gateway, admin, address(), role)
    const id = await idOf(administrator)
    for (const [method, path, json] of [
      ['POST', '/people/invitations', { email: 'eve@example.com', role: 'admin' }],
      ['PATCH', `/people/${id}`, { role: 'auditor' }],
      ['DELETE', `/people/${id}`, undefined],
      ['POST', `/people/${id}/sign-out-everywhere`, undefined],
      ['DELETE', `/people/invitations/${id}`, undefined],
      ['POST', '/setup-links', {}],
    ] as const) {
      const refused = await visitor.send(method, `/api/v1${path}`, json === undefined ? {} : { json })
      expect([path, refused.status, refused.code]).toEqual([path, 403, 'role_refused'])
    }
  })

  test('the last administrator is neither removed nor made less', async () => {
    const id = await idOf(administrator)
    const refused = { status: 409, code: 'last_administrator' }
    expect(await admin.send('DELETE', `/api/v1/people/${id}`)).toMatchObject(refused)
    expect(await admin.send('PATCH', `/api/v1/people/${id}`, { json: { role: 'owner' } })).toMatchObject(
      refused,
    )
  })

  test('who is removed, signed out everywhere or given another role is so at once, and it is in the history', async () => {
    const email = address()
    const visitor = await openInvited(gateway, admin, email, 'admin')
    const id = await idOf(email)
    const me = async () => (await visitor.send('GET', '/api/v1/me')).json['role']
    expect(await me()).toBe('admin')
    await admin.send('PATCH', `/api/v1/people/${id}`, { json: { role: 'auditor' } })
    expect(await me()).toBe('auditor')
    expect((await admin.send('POST', `/api/v1/people/${id}/sign-out-everywhere`)).status).toBe(204)
    expect(await me()).toBeUndefined()
    expect((await visitor.signIn(email)).status).toBe(200)
    expect(await me()).toBe('auditor')
    expect((await admin.send('DELETE', `/api/v1/people/${id}`)).status).toBe(204)
    expect(await me()).toBeUndefined()
    expect((await visitor.signIn(email)).code).toBe('invalid_email_or_password')
    expect((await admin.send('DELETE', `/api/v1/people/${id}`)).status).toBe(404)
    const whats = (await historyOf(id)).map(({ what }) => what)
    expect(whats.slice(0, 3)).toEqual(['removed', 'signed-out', 'edited'])
    // Whoever was removed may be asked back.
    await openInvited(gateway, admin, email, 'owner')
  })

  test('an old sign-in neither makes secrets nor appoints, until one signs in again', async () => {
    const visitor = await openVisitor(gateway)
    await visitor.signIn(administrator)
    gateway.shiftClock(12 * 3_600_000 + 1000)
    try {
      expect((await visitor.send('GET', '/api/v1/people')).status).toBe(200)
      const json = { email: address(), role: 'owner' }
      expect(await visitor.send('POST', '/api/v1/people/invitations', { json })).toMatchObject({
        status: 403,
        code: 'sign_in_too_old',
      })
    } finally {
      gateway.shiftClock(-12 * 3_600_000 - 1000)
    }
  })

  test('who guesses passwords has to wait, and nobody else has', async () => {
    const victim = address()
    const person = await openInvited(gateway, admin, victim, 'auditor')
    const guesser = await openVisitor(gateway)
    const statuses: number[] = []
    for (let at = 0; at < 12; at++)
      statuses.push((await guesser.signIn(victim, `a wrong password ${at}`)).status)
    expect(statuses.at(-1)).toBe(429)
    const refused = await guesser.signIn(victim)
    expect([refused.code, Number(refused.headers.get('retry-after')) > 0]).toEqual([
      'too_many_attempts',
      true,
    ])
    expect((await person.send('GET', '/api/v1/me')).status).toBe(200)
  })

  test('over the socket another link is made, for someone by name now that there is an administrator', async () => {
    expect(await local('POST', '/setup-links', {})).toMatchObject({
      status: 400,
      json: { code: 'email_missing', field: 'email' },
    })
    const email = address()
    const made = await local('POST', '/setup-links', { email })
    expect(made).toMatchObject({ status: 201, json: { url: expect.stringContaining('/invitation#') } })
    const visitor = await openVisitor(gateway)
    const token = tokenOf(String(made.json['url']))
    await visitor.send('POST', '/api/invitations/accept', { json: { token, name: 'Second', password } })
    expect((await visitor.send('GET', '/api/v1/me')).json).toMatchObject({ role: 'admin', email })
    expect(await admin.send('POST', '/api/v1/setup-links', { json: {} })).toMatchObject({
      code: 'role_refused',
    })
  })

  test('passkeys are offered where a browser has them: not for a bare address', async () => {
    const path = '/admin/api-keys/api/sign-in-methods'
    const at = async (origin: string) =>
      ((await (await fetch(origin + path)).json()) as { passkey: boolean }).passkey
    expect(await at(gateway.adminUrl)).toBe(false)
    expect(await at(gateway.adminUrl.replace('127.0.0.1', 'localhost'))).toBe(true)
    const options = await admin.send('GET', '/api/auth/passkey/generate-register-options')
    expect(options).toMatchObject({
      status: 200,
      json: { rp: { id: 'localhost' }, authenticatorSelection: { userVerification: 'required' } },
    })
    const visitor = await openVisitor(gateway)
    const nobody = await visitor.send('GET', '/api/auth/passkey/generate-register-options')
    expect(nobody.status).toBe(401)
    const asked = await visitor.send('GET', '/api/auth/passkey/generate-authenticate-options')
    expect(asked.json).toMatchObject({ rpId: 'localhost', userVerification: 'required' })
  })

  test('whatever people are called stays as it is, or is refused; the page breaks at none of it', async () => {
    const names = [
      "<script>alert('x')</script>",
      '=cmd|1',
      '"; DROP TABLE people;--',
      '🏳️‍🌈',
      '__proto__',
      'null',
    ]
    for (const name of names) {
      const email = address()
      const invited = await admin.send('POST', '/api/v1/people/invitations', {
        json: { email, role: 'owner' },
      })
      const token = tokenOf(String(invited.json['url']))
      const visitor = await openVisitor(gateway)
      const answered = await visitor.send('POST', '/api/invitations/accept', {
        json: { token, name, password },
      })
      const { json, headers } = await admin.send('GET', '/api/v1/people?limit=200')
      const found = (json['data'] as { email: string; name: string }[]).find((each) => each.email === email)
      if (answered.status === 200) expect(found?.name).toBe(name.normalize('NFC'))
      else expect([name, answered.code]).toEqual([name, 'name_invalid'])
      expect(headers.get('content-type')).toContain('application/json')
    }
  })
})
