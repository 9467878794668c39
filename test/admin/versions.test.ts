import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAdminWorld, socket, type AdminWorld, type Api } from './admin-world.ts'

let world: AdminWorld
/** Over the network: If-Match is a must. */
let api: Api
beforeAll(async () => {
  world = await openAdminWorld()
  api = world.apiFor({ ...socket, actor: 'management-key:k (pmk_abcd)', via: 'management-key' })
})
afterAll(() => world.close())

let count = 0
async function newKey(): Promise<{ path: string; etag: string; user: string }> {
  const user = `bot-${(count += 1)}`
  // Ids of one millisecond are in no order.
  world.clock.nowMs += 1
  await api('POST', '/service-users', { name: user, owner: 'team@example.com' })
  const { body } = await api('POST', '/keys', { serviceUser: user })
  const path = `/keys/${String(body['id'])}`
  return { path, etag: (await api('GET', path)).headers.get('etag') ?? '', user: `/service-users/${user}` }
}

describe('a key is edited', () => {
  test('by whoever has seen its version: name, tools and addresses', async () => {
    const { path, etag } = await newKey()
    expect(etag).toMatch(/^"[0-9]+"$/)
    const edit = { name: 'laptop', tools: ['forecast_*', '!forecast_delete'], addresses: ['203.0.113.0/24'] }
    const edited = await api('PATCH', path, edit, { 'if-match': etag })
    expect(edited).toMatchObject({ status: 200, body: { ...edit, history: [{ what: 'edited' }, {}] } })
    expect(edited.headers.get('etag')).toBe(`"${String(edited.body['version'])}"`)
    expect(edited.headers.get('etag')).not.toBe(etag)
    const shown = await api('GET', path)
    expect(shown.body).toEqual(edited.body)
    const listed = await api('GET', '/keys?sort=created&limit=1')
    expect(listed.body.data[0]).toMatchObject({ ...edit, version: edited.body['version'] })
    const cleared = await api(
      'PATCH',
      path,
      { tools: [], addresses: [] },
      {
        'if-match': shown.headers.get('etag') ?? '',
      },
    )
    expect(cleared).toMatchObject({ status: 200, body: { name: 'laptop', tools: [], addresses: [] } })
  })

  test('not by whoever saw another: 412 says which is current, and nothing changes', async () => {
    const { path, etag } = await newKey()
    await api('PATCH', path, { name: 'first' }, { 'if-match': etag })
    const { body: before } = await api('GET', path)
    const stale = await api('PATCH', path, { name: 'second' }, { 'if-match': etag })
    expect(stale).toMatchObject({
      status: 412,
      body: { code: 'version_changed', version: before['version'] },
    })
    expect((await api('GET', path)).body).toEqual(before)
  })

  test('of two at once, by one', async () => {
    const { path, etag } = await newKey()
    const edits = ['a', 'b', 'c'].map((name) => api('PATCH', path, { name }, { 'if-match': etag }))
    const statuses = (await Promise.all(edits)).map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 412, 412])
  })

  test.each<[string, Record<string, string>, number, string]>([
    ['no If-Match', {}, 428, 'precondition_required'],
    ['any version', { 'if-match': '*' }, 400, 'field_invalid'],
    ['a weak one', { 'if-match': 'W/"1"' }, 400, 'field_invalid'],
    ['no quotes', { 'if-match': '1' }, 400, 'field_invalid'],
    ['several', { 'if-match': '"1", "2"' }, 400, 'field_invalid'],
  ])('%s is refused', async (_, headers, status, code) => {
    const { path, user } = await newKey()
    for (const place of [path, user])
      expect(await api('PATCH', place, { name: 'x' }, headers)).toMatchObject({ status, body: { code } })
  })

  test('over the socket without If-Match, and with one all the same', async () => {
    const { path } = await newKey()
    const local = world.apiFor(socket)
    expect(await local('PATCH', path, { name: 'x' })).toMatchObject({ status: 200, body: { name: 'x' } })
    expect(await local('PATCH', path, { name: 'y' }, { 'if-match': '"0"' })).toMatchObject({ status: 412 })
  })

  test.each<[string, object, string, string, object | undefined]>([
    ['a pattern', { tools: ['ok_*', 'a**b'] }, 'tool_pattern_invalid', 'tools', { index: 1, position: 2 }],
    ['an address', { addresses: ['10.0.0.0/33'] }, 'address_invalid', 'addresses', { index: 0, position: 0 }],
    ['a name', { name: 'a\nb' }, 'name_invalid', 'name', undefined],
  ])('%s that is none is refused with its place', async (_, edit, code, field, place) => {
    const { path, etag } = await newKey()
    const refused = await api('PATCH', path, edit, { 'if-match': etag })
    expect(refused).toMatchObject({ status: 400, body: { code, field } })
    expect(refused.body['place']).toEqual(place)
  })
})

test('a service user is edited in the same way', async () => {
  const { user } = await newKey()
  const { headers } = await api('GET', user)
  const ifMatch = { 'if-match': headers.get('etag') ?? '' }
  const edit = { owner: 'new@example.com', backupOwner: 'backup@example.com', customer: 'Acme' }
  const edited = await api('PATCH', user, edit, ifMatch)
  expect(edited).toMatchObject({ status: 200, body: edit })
  expect(edited.headers.get('etag')).toBe(`"${String(edited.body['version'])}"`)
  expect(await api('PATCH', user, edit, ifMatch)).toMatchObject({
    status: 412,
    body: { code: 'version_changed', version: edited.body['version'] },
  })
  const now = { 'if-match': edited.headers.get('etag') ?? '' }
  const without = await api('PATCH', user, { backupOwner: null, customer: null }, now)
  expect(without).toMatchObject({ status: 200, body: { backupOwner: null, customer: null } })
  const id = String(edited.body['id'])
  expect((await api('GET', `/changes?subject=${id}`)).body.data[0]).toMatchObject({ what: 'edited' })
})
