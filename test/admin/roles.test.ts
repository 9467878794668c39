import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Access } from '../../src/admin/access.ts'
import { createAdminApi } from '../../src/admin/api.ts'
import { peopleRoutes } from '../../src/admin/sign-in/routes-people.ts'
import { apiBase, asking, callAt, openAdminWorld, socket, type AdminWorld } from './admin-world.ts'

const now = Date.parse('2026-11-23T12:00:00Z')

/** Who asks. `stale`: an administrator whose sign-in is older than secrets may be made with. */
const askers = {
  socket,
  admin: person('admin', 'ann@example.com'),
  stale: { ...person('admin', 'ann@example.com'), signedInAt: 0 },
  owner: person('owner', 'Olive@Example.com'),
  /** Owns nothing by anything that is verified. */
  unverified: { ...person('owner', 'olive@example.com'), email: null },
  auditor: person('auditor', 'aude@example.com'),
  key: { ...socket, actor: 'management-key:k (pmk_abcd)', via: 'management-key' },
  keyAuditor: { ...socket, actor: 'management-key:l (pmk_abce)', via: 'management-key', role: 'auditor' },
  nobody: null,
} satisfies Record<string, Access | null>

type Asker = keyof typeof askers
const names = Object.keys(askers) as Asker[]

function person(role: Access['role'], email: string): Access {
  return { actor: `person:${email}`, via: 'person', role, email, signedInAt: now - 60_000 }
}

/** `yes`: let in. `role`, `old`: 403 with that code. Whoever is nobody is refused with 401 everywhere. */
type Cell = 'yes' | 'role' | 'old'

/** Each route, with who may: T19. The columns are those of `askers`, without the last. */
const rows: Record<string, string> = {
  //                                          socket admin stale owner unverified auditor key keyAuditor
  'get /me': '                                yes    yes   yes   yes   role       yes     yes yes',
  'get /settings': '                          yes    yes   yes   role  role       yes     yes yes',
  'get /service-users': '                     yes    yes   yes   yes   role       yes     yes yes',
  'post /service-users': '                    yes    yes   yes   yes   role       role    yes role',
  'get /service-users/{id}': '                yes    yes   yes   yes   role       yes     yes yes',
  'patch /service-users/{id}': '              yes    yes   yes   yes   role       role    yes role',
  'post /service-users/{id}/disable': '       yes    yes   yes   yes   role       role    yes role',
  'post /service-users/{id}/enable': '        yes    yes   yes   yes   role       role    yes role',
  'get /keys': '                              yes    yes   yes   yes   role       yes     yes yes',
  'post /keys': '                             yes    yes   old   yes   role       role    yes role',
  'get /keys/{id}': '                         yes    yes   yes   yes   role       yes     yes yes',
  'patch /keys/{id}': '                       yes    yes   yes   yes   role       role    yes role',
  'post /keys/{id}/revoke': '                 yes    yes   yes   yes   role       role    yes role',
  'post /keys/{id}/rotate': '                 yes    yes   old   yes   role       role    yes role',
  'get /keys/{id}/rotation': '                yes    yes   yes   yes   role       yes     yes yes',
  'post /keys/{id}/rotation/end': '           yes    yes   yes   yes   role       role    yes role',
  'post /keys/{id}/rotation/extend': '        yes    yes   yes   yes   role       role    yes role',
  'post /keys/{id}/rotation/undo': '          yes    yes   yes   yes   role       role    yes role',
  'get /keys/{id}/usage': '                   yes    yes   yes   yes   role       yes     yes yes',
  'get /keys/{id}/tools': '                   yes    yes   yes   yes   role       yes     yes yes',
  'get /keys/{id}/access': '                  yes    yes   yes   yes   role       yes     yes yes',
  'get /tools': '                             yes    yes   yes   yes   role       yes     yes yes',
  'get /audit': '                             yes    yes   yes   yes   role       yes     yes yes',
  'get /audit/export': '                      yes    yes   yes   yes   role       yes     yes yes',
  'get /audit/live': '                        yes    yes   yes   yes   role       yes     yes yes',
  'get /changes': '                           yes    yes   yes   yes   role       yes     yes yes',
  'get /notices': '                           yes    yes   yes   yes   role       yes     yes yes',
  'post /notices/test': '                     yes    yes   yes   role  role       role    yes role',
  'post /notices/{id}/acknowledge': '         yes    yes   yes   yes   role       role    yes role',
  'get /nodes': '                             yes    yes   yes   role  role       yes     yes yes',
  'get /audit/upkeep': '                       yes    yes   yes   role  role       yes     yes yes',
  'get /audit/sealed': '                       yes    yes   yes   role  role       yes     yes yes',
  'get /trail-gaps': '                        yes    yes   yes   role  role       yes     yes yes',
  'post /restore-acknowledgements': '         yes    yes   yes   role  role       role    yes role',
  'post /tick': '                             yes    yes   yes   role  role       role    yes role',
  'get /management-keys': '                   yes    yes   yes   role  role       yes     yes yes',
  'post /management-keys': '                  yes    yes   old   role  role       role    role role',
  'post /management-keys/{id}/revoke': '      yes    yes   yes   role  role       role    yes role',
  'get /people': '                            yes    yes   yes   role  role       yes     yes yes',
  'post /people/invitations': '               yes    yes   old   role  role       role    role role',
  'delete /people/invitations/{id}': '        yes    yes   old   role  role       role    role role',
  'patch /people/{id}': '                     yes    yes   old   role  role       role    role role',
  'delete /people/{id}': '                    yes    yes   old   role  role       role    role role',
  'post /people/{id}/sign-out-everywhere': '  yes    yes   old   role  role       role    role role',
  'post /setup-links': '                      yes    role  old   role  role       role    role role',
}

const bodies: Record<string, object> = {
  'post /service-users': { name: 'made', owner: 'olive@example.com' },
  'patch /service-users/{id}': { name: 'other name' },
  'post /service-users/{id}/disable': { reason: 'x' },
  'post /keys': { serviceUser: 'own' },
  'patch /keys/{id}': { name: 'x' },
  'post /keys/{id}/revoke': { reason: 'x' },
  'post /keys/{id}/rotation/extend': { for: '20d' },
  'post /restore-acknowledgements': { reason: 'x' },
  'post /management-keys': { name: 'x', role: 'auditor' },
  'post /people/invitations': { email: 'x@example.com', role: 'auditor' },
  'patch /people/{id}': { role: 'auditor' },
}

const conditional = new Set(['patch /service-users/{id}', 'patch /keys/{id}'])

const queries: Record<string, string> = { 'get /audit/export': '?format=csv' }

let world: AdminWorld
/** Two service users and a key, a notice and a call of each: `own` is the owner's, `other` isn't. */
const own = { user: '', key: '', notice: '' }
const other = { user: '', key: '', notice: '' }
let spare = ''

beforeAll(async () => {
  world = await openAdminWorld()
  const { keys, store } = world
  const calls = []
  for (const [name, owner, ids] of [
    ['own', 'olive@example.com', own],
    ['other', 'someone@example.com', other],
  ] as const) {
    ids.user = (await keys.createServiceUser({ name, owner }, 'test')).id
    ids.key = (await keys.issue({ serviceUser: name }, 'test')).key.key.id
    ids.notice = (await store.notices.list({ keyId: ids.key, limit: 1 })).data[0]?.notice.id ?? ''
    calls.push(
      callAt(now, calls.length + 1, { keyId: ids.key, serviceUserId: ids.user, tool: `${name}_tool` }),
    )
  }
  await store.trail.append({ calls, ends: [], lastUsed: new Map() })
  spare = (await world.managementKeys.create({ name: 'spare', role: 'admin' }, 'test')).key.id
})
afterAll(() => world.close())

/** Asks as someone; nothing that goes on for long outlives the request. */
async function ask(asker: Asker, route: string, of = own, version = 0) {
  const [method = '', path = ''] = route.split(' ')
  const id = path.startsWith('/keys')
    ? of.key
    : path.startsWith('/notices')
      ? of.notice
      : path.startsWith('/management-keys')
        ? spare
        : of.user
  const query = queries[route] ?? (path === '/changes' ? `?subject=${of.key}` : '')
  const body = bodies[route]
  const handle = createAdminApi({
    ...world.parts,
    accessOf: async () => askers[asker],
    extend: (api) => peopleRoutes(api, () => null),
  })
  const request = new Request(apiBase + path.replace('{id}', id) + query, {
    method: method.toUpperCase(),
    headers: {
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
      // Of no version at all, unless told: whoever is let in changes nothing.
      ...(conditional.has(route) ? { 'if-match': `"${version}"` } : {}),
    },
    ...(method === 'get' || method === 'delete' ? {} : { body: JSON.stringify(body ?? {}) }),
    signal: AbortSignal.abort(),
  })
  const response = await handle(request)
  const text = await response.text()
  const code = /"code":"([a-z_]+)"/.exec(text)?.[1] ?? null
  return { status: response.status, text, code }
}

function cellsOf(row: string): Cell[] {
  return row.trim().split(/\s+/) as Cell[]
}

describe('the table names every route that there is', () => {
  test('as the OpenAPI document has them', async () => {
    const handle = createAdminApi({
      ...world.parts,
      accessOf: async () => null,
      extend: (api) => peopleRoutes(api, () => null),
    })
    const { text } = await asking(handle)('GET', 'http://postern/admin/api-keys/api/openapi.json')
    const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, unknown>> }
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replace('/admin/api-keys/api/v1', '')}`),
    )
    expect(routes.toSorted()).toEqual(Object.keys(rows).toSorted())
  })

  test('and every route in the sources says what it needs, so that the document has it', () => {
    const folder = join(import.meta.dirname, '../../src/admin')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /routes-[^/]*\.ts$/.test(file),
    )
    let routes = 0
    for (const file of files) {
      const text = readFileSync(join(folder, file), 'utf8')
      const mounted = text.match(/\bapi\.\w+\(/g) ?? []
      const guarded = text.match(/\bapi\.(?:get|post|patch|delete)\(\s*'[^']+',\s*describe\(\{/g) ?? []
      expect([file, guarded.length]).toEqual([file, mounted.length])
      routes += guarded.length
    }
    expect(routes).toBe(Object.keys(rows).length)
  })

  test('one without a guard finds nobody in its context, and nothing to answer from', async () => {
    const api = asking(
      createAdminApi({
        ...world.parts,
        accessOf: async () => socket,
        extend: (app) => app.get('/open', async (c) => c.json(await c.get('rooms').keys.list({ limit: 1 }))),
      }),
    )
    expect(await api('GET', '/open')).toMatchObject({ status: 500, body: { code: 'internal_error' } })
  })
})

describe('each route lets in whom the table says, and nobody else', () => {
  test.each(Object.entries(rows))('%s', async (route, row) => {
    const cells = cellsOf(row)
    expect(cells).toHaveLength(names.length - 1)
    for (const [index, asker] of names.entries()) {
      const cell = cells[index]
      // The requests that are let in change what the next ones find: one after the other.
      // oxlint-disable-next-line no-await-in-loop
      const { status, code } = await ask(asker, route)
      const found = { asker, status: status === 401 || status === 403 ? status : 'let in', code }
      if (asker === 'nobody') expect(found).toEqual({ asker, status: 401, code: 'sign_in_required' })
      else if (cell === 'role') expect(found).toEqual({ asker, status: 403, code: 'role_refused' })
      else if (cell === 'old') expect(found).toEqual({ asker, status: 403, code: 'sign_in_too_old' })
      else expect(found).toMatchObject({ asker, status: 'let in' })
    }
  })
})

describe("an owner meets other people's service users nowhere", () => {
  const byId = Object.keys(rows).filter(
    (route) => /^\w+ \/(?:keys|service-users|notices)\/\{id\}/.test(route) || route === 'get /changes',
  )

  test.each(byId)('%s answers as if there were none', async (route) => {
    const before = await world.store.keys.history(other.key)
    const current = route.includes('/keys')
      ? world.keys.show(other.key)
      : world.keys.findServiceUser(other.user)
    const theirs = await ask('owner', route, other, (await current).version)
    const missing = await ask('owner', route, {
      user: '00000000-0000-7000-8000-000000000000',
      key: '00000000-0000-7000-8000-000000000000',
      notice: '00000000-0000-7000-8000-000000000000',
    })
    expect(theirs).toEqual(missing)
    expect(theirs).toMatchObject({ status: 404, code: 'not_found' })
    expect(await world.store.keys.history(other.key)).toEqual(before)
    const users = [other.user, 'other']
    for (const user of users)
      expect(await world.keys.findServiceUser(user)).toMatchObject({ disabledAt: null, customer: null })
  })

  test.each(['/keys', '/service-users', '/audit', '/audit/export?format=jsonl', '/notices'])(
    '%s lists their own only',
    async (path) => {
      const { text } = await world.apiFor(askers.owner)('GET', path)
      const all = await world.apiFor(askers.admin)('GET', path)
      for (const id of [other.user, other.key]) expect(text).not.toContain(id)
      expect(text).toContain(own.user)
      expect(all.text).toContain(other.user)
    },
  )

  test('neither by name in a filter', async () => {
    const api = world.apiFor(askers.owner)
    for (const path of ['/keys', '/audit', '/notices', '/audit/export', '/audit/live']) {
      const format = path.endsWith('export') ? 'format=csv&' : ''
      expect(await api('GET', `${path}?${format}serviceUser=other`)).toMatchObject({ status: 404 })
    }
    expect(await api('GET', `/audit?key=${other.key}`)).toMatchObject({ status: 200, body: { data: [] } })
    expect(await api('GET', '/keys?owner=someone@example.com')).toMatchObject({ body: { data: [] } })
  })

  test('and makes none for someone else, nor gives one away', async () => {
    const api = world.apiFor(askers.owner)
    const refused = { status: 403, body: { code: 'owner_not_yours', field: 'owner' } }
    const mine = { name: 'x', owner: 'someone@example.com' }
    expect(await api('POST', '/service-users', mine, fromPage)).toMatchObject(refused)
    const { version } = await world.keys.findServiceUser(own.user)
    const edit = (body: object) =>
      api('PATCH', `/service-users/${own.user}`, body, { ...fromPage, 'if-match': `"${version}"` })
    expect(await edit({ owner: 'someone@example.com' })).toMatchObject(refused)
    expect(await world.keys.findServiceUser(own.user)).toMatchObject({ owner: 'olive@example.com' })
    const kept = { owner: 'someone@example.com', backupOwner: 'OLIVE@example.com' }
    expect(await edit(kept)).toMatchObject({ status: 200, body: kept })
    expect((await api('GET', `/keys/${own.key}`)).status).toBe(200)
  })
})

test('an owner chooses no customer: neither for a new service user nor for one that is there', async () => {
  const api = world.apiFor(askers.owner)
  const refused = { status: 403, body: { code: 'customer_not_yours', field: 'customer' } }
  const bot = { name: 'mine', owner: 'olive@example.com' }
  expect(await api('POST', '/service-users', { ...bot, customer: 'Acme' }, fromPage)).toMatchObject(refused)
  const { id } = await world.keys.createServiceUser({ ...bot, customer: 'Acme' }, 'test')
  const edit = async (body: object) => {
    const { version } = await world.keys.findServiceUser(id)
    return await api('PATCH', `/service-users/${id}`, body, { ...fromPage, 'if-match': `"${version}"` })
  }
  for (const customer of ['Globex', null, 'acme']) {
    expect(await edit({ customer })).toMatchObject(refused)
    expect(await world.keys.findServiceUser(id)).toMatchObject({ customer: 'Acme' })
  }
  expect(await edit({ name: 'renamed', customer: ' Acme' })).toMatchObject({
    status: 200,
    body: { name: 'renamed', customer: 'Acme' },
  })
})

const fromPage = { 'sec-fetch-site': 'same-origin' }

test('the actor of a change is who asked, whatever the body says', async () => {
  const api = world.apiFor(askers.admin)
  const user = { name: 'by whom', owner: 'a@example.com' }
  expect((await api('POST', '/service-users', user, fromPage)).body).toMatchObject({
    createdBy: 'person:ann@example.com',
  })
  const asked = { serviceUser: 'by whom' }
  expect(await api('POST', '/keys', { ...asked, createdBy: 'someone else' }, fromPage)).toMatchObject({
    status: 400,
    body: { code: 'field_unknown' },
  })
  expect((await api('POST', '/keys', asked, fromPage)).body).toMatchObject({
    createdBy: 'person:ann@example.com',
  })
})

describe('a browser asks from the page itself, or not at all', () => {
  test.each<[string, Asker, string, Record<string, string>, number]>([
    ['another site', 'admin', 'POST', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a neighbour', 'admin', 'POST', { 'sec-fetch-site': 'same-site' }, 403],
    ['another origin', 'admin', 'POST', { origin: 'https://evil.example' }, 403],
    ['nothing', 'admin', 'POST', {}, 403],
    ['the page', 'admin', 'POST', { 'sec-fetch-site': 'same-origin' }, 400],
    ['the page, of old', 'admin', 'POST', { origin: 'http://postern', host: 'postern' }, 400],
    ['reading from another site', 'admin', 'GET', { 'sec-fetch-site': 'cross-site' }, 403],
    ['reading from the page', 'admin', 'GET', { 'sec-fetch-site': 'same-origin' }, 200],
    ['a management key', 'key', 'POST', {}, 400],
    ['the socket', 'socket', 'POST', {}, 400],
  ])('%s', async (_, asker, method, headers, status) => {
    const api = world.apiFor(askers[asker])
    const answer = await api(method, '/keys', method === 'POST' ? {} : undefined, headers)
    expect(answer.status).toBe(status)
    if (status === 403) expect(answer.body).toMatchObject({ code: 'origin_refused' })
  })
})
