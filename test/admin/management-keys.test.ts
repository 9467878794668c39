import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { networkAccess } from '../../src/admin/access-of.ts'
import { createAdminApi } from '../../src/admin/api.ts'
import { hashToken, newToken } from '../../src/domain/service-key.ts'
import { asking, openAdminWorld, socket, type AdminWorld, type Api } from './admin-world.ts'

const hourMs = 3_600_000

let world: AdminWorld
/** The network's: by management keys, and a cookie for a person. */
let network: Api
let local: Api
beforeAll(async () => {
  world = await openAdminWorld()
  local = world.apiFor(socket)
  network = asking(
    createAdminApi({
      ...world.parts,
      accessOf: networkAccess(world.managementKeys, async (request) =>
        request.headers.get('cookie') === 'session=ann'
          ? { ...socket, actor: 'person:ann', via: 'person', role: 'auditor' }
          : null,
      ),
    }),
  )
})
afterAll(() => world.close())
beforeEach(() => {
  world.clock.nowMs = Date.parse('2026-11-23T12:00:00Z')
})

async function newKey(
  role = 'admin',
): Promise<{ id: string; token: string; bearer: { authorization: string } }> {
  const { status, body } = await local('POST', '/management-keys', { name: 'deploy', role, expires: '30d' })
  expect(status).toBe(201)
  const token = String(body['token'])
  return { id: String(body['id']), token, bearer: { authorization: `Bearer ${token}` } }
}

test('a management key opens the API under its name, and its token is shown once', async () => {
  const { id, token, bearer } = await newKey()
  expect(token).toMatch(/^pmk_[0-9A-Za-z]{49}$/)
  const me = await network('GET', '/me', undefined, bearer)
  expect(me).toMatchObject({
    status: 200,
    body: { via: 'management-key', role: 'admin', signedInAt: null, freshUntil: null },
  })
  expect(me.body['actor']).toBe(`management-key:deploy (${token.slice(0, 8)})`)
  const user = await network('POST', '/service-users', { name: 'made', owner: 'a@example.com' }, bearer)
  expect(user).toMatchObject({ status: 201, body: { createdBy: me.body['actor'] } })
  expect(await network('POST', '/keys', { serviceUser: 'made' }, bearer)).toMatchObject({ status: 201 })
  const listed = await local('GET', '/management-keys')
  expect(listed.body.data.find((key) => key['id'] === id)).toMatchObject({
    start: token.slice(0, 8),
    state: 'active',
    role: 'admin',
  })
  expect(listed.text).not.toContain(token)
})

test('a revoked one opens nothing, from the very next request on', async () => {
  const { id, bearer } = await newKey()
  expect((await network('GET', '/me', undefined, bearer)).status).toBe(200)
  expect(await network('POST', `/management-keys/${id}/revoke`, {}, bearer)).toMatchObject({
    status: 200,
    body: { state: 'revoked' },
  })
  expect(await network('GET', '/me', undefined, bearer)).toMatchObject({
    status: 401,
    body: { code: 'sign_in_required' },
  })
  expect(await local('POST', `/management-keys/${id}/revoke`, {})).toMatchObject({
    status: 409,
    body: { code: 'already_revoked' },
  })
})

test('one that has expired opens nothing', async () => {
  const { id, bearer } = await newKey()
  world.clock.nowMs += 30 * 24 * hourMs - 1
  expect((await network('GET', '/me', undefined, bearer)).status).toBe(200)
  world.clock.nowMs += 1
  expect((await network('GET', '/me', undefined, bearer)).status).toBe(401)
  const { data } = (await local('GET', '/management-keys')).body
  expect(data.find((key) => key['id'] === id)).toMatchObject({ state: 'expired' })
})

test('its use is noted at most once an hour', async () => {
  const { id, bearer } = await newKey('auditor')
  const lastUsed = async () => (await world.store.managementKeys.find(id))?.lastUsedAt
  const start = world.clock.nowMs
  await network('GET', '/me', undefined, bearer)
  world.clock.nowMs = start + hourMs - 1
  await network('GET', '/me', undefined, bearer)
  expect(await lastUsed()).toBe(start)
  world.clock.nowMs = start + hourMs
  await network('GET', '/me', undefined, bearer)
  expect(await lastUsed()).toBe(start + hourMs)
})

describe('anything else in Authorization is nobody, whatever cookie comes with it', () => {
  test.each<[string, () => string | Promise<string>]>([
    [
      'a service key',
      async () => {
        await local('POST', '/service-users', { name: 'sk', owner: 'a@example.com' })
        return `Bearer ${String((await local('POST', '/keys', { serviceUser: 'sk' })).body['token'])}`
      },
    ],
    ['an unknown management key', () => `Bearer ${newToken('pmk')}`],
    ['a typo', async () => `Bearer ${(await newKey()).token.slice(0, -1)}!`],
    ['a prefix of one', async () => `Bearer ${(await newKey()).token.slice(0, -1)}`],
    ['another scheme', async () => `Basic ${(await newKey()).token}`],
    ['no scheme', async () => (await newKey()).token],
    ['two', async () => `Bearer ${(await newKey()).token}, Bearer ${(await newKey()).token}`],
    ['the digest', async () => `Bearer ${hashToken((await newKey()).token).toString('hex')}`],
    ['nothing', () => ''],
  ])('%s', async (_, header) => {
    const answer = await network('GET', '/keys', undefined, {
      authorization: await header(),
      cookie: 'session=ann',
    })
    expect(answer).toMatchObject({ status: 401, body: { code: 'sign_in_required' } })
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="postern-admin"')
  })

  test('while a cookie by itself is the person', async () => {
    expect(await network('GET', '/me', undefined, { cookie: 'session=ann' })).toMatchObject({
      status: 200,
      body: { via: 'person' },
    })
  })
})

test('an auditor key reads, and changes nothing', async () => {
  const { bearer } = await newKey('auditor')
  expect((await network('GET', '/keys', undefined, bearer)).status).toBe(200)
  expect(
    await network('POST', '/service-users', { name: 'x', owner: 'a@example.com' }, bearer),
  ).toMatchObject({ status: 403, body: { code: 'role_refused' } })
})

test.each<[string, object, string]>([
  ['no role', { name: 'x' }, 'field_invalid'],
  ['an owner', { name: 'x', role: 'owner' }, 'field_invalid'],
  ['a name of two lines', { name: 'a\nb', role: 'admin' }, 'name_invalid'],
  ['an expiry too far away', { name: 'x', role: 'admin', expires: '400d' }, 'expiry_too_far'],
])('%s is refused', async (_, input, code) => {
  expect(await local('POST', '/management-keys', input)).toMatchObject({ status: 400, body: { code } })
})
