import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdminApi } from '../../src/admin/api.ts'
import type { CallRecord } from '../../src/domain/call.ts'
import { newId } from '../../src/domain/id.ts'
import { StoreUnavailable, type Store } from '../../src/domain/ports.ts'
import {
  asking,
  callAt,
  openAdminWorld,
  socket,
  type AdminWorld,
  type Answer,
  type Api,
} from './admin-world.ts'

let world: AdminWorld
let store: Store
let api: Api
let broken: Error | null = null

beforeAll(async () => {
  world = await openAdminWorld()
  store = world.store
  const { parts } = world
  const keys = new Proxy(parts.rooms.keys, {
    get: (target, name) => {
      if (broken !== null) throw broken
      return Reflect.get(target, name) as unknown
    },
  })
  api = asking(createAdminApi({ ...parts, rooms: { ...parts.rooms, keys }, accessOf: async () => socket }))
  await post('/service-users', { name: 'anyone', owner: 'team@example.com' })
  await store.trail.append({ calls: calls(), ends: [], lastUsed: new Map() })
})
afterAll(() => world.close())

const get = (path: string): Promise<Answer> => api('GET', path)

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  api('POST', path, body, headers)

let count = 0
async function newUser(): Promise<string> {
  const { body } = await post('/service-users', { name: `bot-${(count += 1)}`, owner: 'team@example.com' })
  return String(body['name'])
}

const startMs = Date.parse('2026-11-23T12:00:00Z')
const keyId = newId(startMs)
const otherKeyId = newId(startMs)

function calls(): CallRecord[] {
  const call = (sequence: number, parts: Partial<CallRecord>): CallRecord =>
    callAt(startMs + sequence * 1000, sequence, { keyId, ...parts })
  return [
    call(1, {}),
    call(2, { tool: 'slow' }),
    call(3, { outcome: 'denied', reason: 'expired_key', status: 401, tool: null }),
    call(4, { keyId: otherKeyId }),
  ]
}

test('a key goes through its life: issued, shown, listed, revoked', async () => {
  const user = await post('/service-users', { name: 'life', owner: 'team@example.com', customer: 'Acme' })
  expect(user).toMatchObject({
    status: 201,
    body: {
      name: 'life',
      owner: 'team@example.com',
      customer: 'Acme',
      createdBy: 'local:tester',
      disabledAt: null,
    },
  })
  const issued = await post('/keys', { serviceUser: 'life', name: 'laptop', expires: '2027-06-01' })
  expect(issued).toMatchObject({
    status: 201,
    body: {
      serviceUserId: user.body['id'],
      serviceUser: 'life',
      name: 'laptop',
      state: 'active',
      createdAt: '2026-11-23T12:00:00.000Z',
      expiresAt: '2027-06-02T00:00:00.000Z',
      lastUsedAt: null,
    },
  })
  const { token, ...key } = issued.body
  expect(token).toMatch(/^pst_[0-9A-Za-z]{49}$/)
  expect(issued.headers.get('cache-control')).toBe('no-store')
  expect((await get('/keys?serviceUser=life')).body).toMatchObject({ data: [key], nextCursor: null })
  const revoked = await post(`/keys/${String(key['id'])}/revoke`, { reason: 'lost' })
  expect(revoked).toMatchObject({ status: 200, body: { state: 'revoked', revokedReason: 'lost' } })
  const shown = await get(`/keys/${String(key['id'])}`)
  expect(shown.body).toMatchObject({
    state: 'revoked',
    history: [
      { what: 'revoked', actor: 'local:tester', reason: 'lost', at: '2026-11-23T12:00:00.000Z' },
      { what: 'created', actor: 'local:tester', reason: null },
    ],
  })
  expect(JSON.stringify([shown.body, revoked.body, (await get('/keys')).body])).not.toContain(token)
})

describe('a refusal is a problem with a stable code, and changes nothing', () => {
  test.each<[string, string, unknown, number, string]>([
    ['no name', '/service-users', { owner: 'a@b.de' }, 400, 'field_invalid'],
    ['a name of two lines', '/service-users', { name: 'a\nb', owner: 'a@b.de' }, 400, 'name_invalid'],
    [
      'an owner with a header',
      '/service-users',
      { name: 'a', owner: 'a@b.de\nBcc: c@d' },
      400,
      'owner_invalid',
    ],
    [
      'an actor of its own',
      '/service-users',
      { name: 'a', owner: 'a@b.de', createdBy: 'x' },
      400,
      'field_unknown',
    ],
    ['a prototype', '/service-users', '{"name":"a","owner":"a@b.de","__proto__":{}}', 400, 'field_unknown'],
    [
      'a tool pattern that is none',
      '/keys',
      { serviceUser: 'anyone', tools: ['a**'] },
      400,
      'tool_pattern_invalid',
    ],
    ['an address that is none', '/keys', { serviceUser: 'anyone', addresses: ['x'] }, 400, 'address_invalid'],
    ['one tool', '/keys', { serviceUser: 'anyone', tool: 'x' }, 400, 'field_unknown'],
    ['a rate beside the limits', '/keys', { serviceUser: 'a', rate: '1/s' }, 400, 'field_unknown'],
    [
      'a rate that is none',
      '/keys',
      { serviceUser: 'anyone', limits: { rate: 'fast' } },
      400,
      'limit_invalid',
    ],
    ['a limit of none', '/keys', { serviceUser: 'anyone', limits: { daily: 0 } }, 400, 'limit_invalid'],
    ['an unknown field', '/keys', { serviceUser: 'a', exipres: '1d' }, 400, 'field_unknown'],
    ['no such service user', '/keys', { serviceUser: 'nobody' }, 404, 'not_found'],
    ['an expiry in the past', '/keys', { serviceUser: 'anyone', expires: '2020-01-01' }, 400, 'expiry_past'],
    ['an expiry too far away', '/keys', { serviceUser: 'anyone', expires: '400d' }, 400, 'expiry_too_far'],
    ['an expiry that is none', '/keys', { serviceUser: 'anyone', expires: 'soon' }, 400, 'expiry_invalid'],
    ['a number for a text', '/keys', { serviceUser: 1 }, 400, 'field_invalid'],
    ['a list', '/keys', [], 400, 'field_invalid'],
    ['null', '/keys', 'null', 400, 'field_invalid'],
    ['no JSON', '/keys', '{', 400, 'body_malformed'],
    ['an empty body', '/keys', '', 400, 'body_malformed'],
    ['no reason', `/keys/${keyId}/revoke`, {}, 400, 'field_invalid'],
    ['no such key', `/keys/${keyId}/revoke`, { reason: 'x' }, 404, 'not_found'],
    ['no such route', '/key', {}, 404, 'no_route'],
  ])('%s', async (_, path, body, status, code) => {
    const before = await store.lookups.poll(0)
    const answer = await post(path, body)
    expect(answer).toMatchObject({ status, body: { type: 'about:blank', status, code } })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await store.lookups.poll(0)).toEqual(before)
  })

  test('a name that is taken, a key that is revoked', async () => {
    const name = await newUser()
    expect(await post('/service-users', { name, owner: 'a@b.de' })).toMatchObject({
      status: 409,
      body: { code: 'name_taken', field: 'name' },
    })
    const { body } = await post('/keys', { serviceUser: name })
    await post(`/keys/${String(body['id'])}/revoke`, { reason: 'x' })
    expect(await post(`/keys/${String(body['id'])}/revoke`, { reason: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'already_revoked' },
    })
  })

  test.each([
    '/keys?limit=0',
    '/keys?limit=201',
    '/keys?limit=x',
    '/keys?limit=1&limit=2',
    '/keys?state=alive',
    '/keys?expiringWithin=soon',
    '/keys?cursor=x',
    '/service-users?cursor=%00',
    '/audit?key=x',
    '/audit?outcome=fine',
    '/audit?reason=because',
    '/audit?from=yesterday',
    '/audit?recordedFrom=2026-11-23',
    '/audit?cursor=x',
  ])('GET %s', async (path) => {
    const { status, body } = await get(path)
    expect(status).toBe(400)
    expect(['field_invalid', 'field_unknown', 'cursor_invalid']).toContain(body['code'])
  })

  test('a body over the limit, or of another type, is not read', async () => {
    expect(await post('/keys', { serviceUser: 'x'.repeat(70_000) })).toMatchObject({
      status: 413,
      body: { code: 'body_too_large' },
    })
    expect(await post('/keys', '{}', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: { code: 'media_type_refused' },
    })
  })
})

describe('what breaks behind the API says no more than that', () => {
  test('a database away is 503, and a change is not called repeatable', async () => {
    broken = new StoreUnavailable('connect to postgres://u:CanarySecret7@h failed')
    const read = await get('/keys')
    const written = await post('/keys', { serviceUser: 'x' })
    broken = null
    expect(read).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    expect(read.headers.get('retry-after')).toBe('1')
    expect(written).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    expect(written.headers.get('retry-after')).toBe(null)
    expect(JSON.stringify([read.body, written.body])).not.toContain('CanarySecret7')
  })

  test('anything else is 500, and is told to whoever runs it', async () => {
    broken = new Error('CanarySecret7')
    world.failures.length = 0
    const answer = await get('/keys')
    expect(world.failures).toEqual([broken])
    broken = null
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal_error' } })
    expect(JSON.stringify(answer.body)).not.toContain('CanarySecret7')
  })
})

describe('the trail is asked by key, tool, outcome and time, and paged', () => {
  test.each([
    ['', [4, 3, 2, 1]],
    [`key=${keyId}`, [3, 2, 1]],
    [`key=${keyId.toUpperCase()}`, [3, 2, 1]],
    [`key=${otherKeyId}`, [4]],
    [`key=${newId(1)}`, []],
    ['tool=slow', [2]],
    ['outcome=denied', [3]],
    ['reason=expired_key', [3]],
    ['reason=revoked_key', []],
    ['from=2026-11-23T12:00:03Z', [4, 3]],
    ['to=2026-11-23T12:00:03Z', [2, 1]],
    ['from=2026-11-23&to=2026-11-23', [4, 3, 2, 1]],
    ['from=2026-11-24', []],
    ['to=2026-11-22', []],
    ['recordedFrom=2100-01-01T00:00:00Z', []],
    ['recordedFrom=2020-01-01T00:00:00Z&tool=echo', [4, 1]],
  ])('%s', async (query, sequences) => {
    const { status, body } = await get(`/audit?${query}`)
    expect(status).toBe(200)
    expect(body.data.map(({ sequence }) => sequence)).toEqual(sequences)
  })

  test('page by page', async () => {
    const first = await get('/audit?limit=3')
    expect(first.body.data).toHaveLength(3)
    const second = await get(`/audit?limit=3&cursor=${first.body.nextCursor ?? ''}`)
    expect(second.body).toMatchObject({ data: [{ sequence: 1 }], nextCursor: null })
  })

  test('a row has its instants as RFC 3339, and all that the trail knows', async () => {
    const { body } = await get('/audit?tool=slow')
    expect(body.data[0]).toMatchObject({
      ...{ at: '2026-11-23T12:00:02.000Z', lastAt: '2026-11-23T12:00:02.000Z', requestId: 'r2', keyId },
      ...{
        httpMethod: 'POST',
        path: '/mcp',
        method: 'tools/call',
        tool: 'slow',
        outcome: 'succeeded',
        reason: null,
      },
      ...{ status: 200, durationMs: 1.5, clientAddress: '127.0.0.1', userAgent: 'test', count: 1 },
    })
    expect(body.data[0]?.['recordedAt']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
  })

  test('by a service user that is not there: not found, rather than everything', async () => {
    expect(await get('/audit?serviceUser=nobody')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})

test('every answer tells caches to keep nothing', async () => {
  for (const path of ['/keys', '/service-users', '/audit', '/nothing'])
    expect((await get(path)).headers.get('cache-control')).toBe('no-store')
})

describe('the OpenAPI document', () => {
  interface Operation {
    requestBody?: { content: Record<string, { schema: object }> }
    responses: Record<string, { description: string; content: Record<string, { schema: object }> }>
    parameters?: { name: string; in: string; required?: boolean }[]
  }
  interface Document {
    openapi: string
    info: { title: string; version: string }
    paths: Record<string, Record<string, Operation>>
    components: { schemas: Record<string, object> }
  }
  let document: Document
  beforeAll(async () => {
    document = JSON.parse((await get('http://postern/admin/api-keys/api/openapi.json')).text) as Document
  })

  test('has every route, with its parameters, body and answers', () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replace('/admin/api-keys/api/v1', '')}`),
    )
    expect(operations.toSorted()).toEqual([
      'get /audit',
      'get /audit/export',
      'get /audit/live',
      'get /audit/sealed',
      'get /audit/upkeep',
      'get /changes',
      'get /keys',
      'get /keys/{id}',
      'get /keys/{id}/access',
      'get /keys/{id}/rotation',
      'get /keys/{id}/tools',
      'get /keys/{id}/usage',
      'get /management-keys',
      'get /me',
      'get /nodes',
      'get /notices',
      'get /service-users',
      'get /service-users/{id}',
      'get /settings',
      'get /tools',
      'get /trail-gaps',
      'patch /keys/{id}',
      'patch /service-users/{id}',
      'post /keys',
      'post /keys/{id}/revoke',
      'post /keys/{id}/rotate',
      'post /keys/{id}/rotation/end',
      'post /keys/{id}/rotation/extend',
      'post /keys/{id}/rotation/undo',
      'post /management-keys',
      'post /management-keys/{id}/revoke',
      'post /notices/test',
      'post /notices/{id}/acknowledge',
      'post /restore-acknowledgements',
      'post /service-users',
      'post /service-users/{id}/disable',
      'post /service-users/{id}/enable',
      'post /tick',
    ])
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, operation] of Object.entries(methods)) {
        const good = operation.responses['200'] ?? operation.responses['201']
        expect(Object.values(good?.content ?? {})[0]?.schema).toBeTypeOf('object')
        expect(operation.responses['503']?.content['application/problem+json']?.schema).toBeTypeOf('object')
        if (method === 'post')
          expect(operation.requestBody?.content['application/json']?.schema).toBeTypeOf('object')
        if (path.includes('{id}'))
          expect(operation.parameters).toContainEqual(expect.objectContaining({ name: 'id' }))
      }
    expect(
      document.paths['/admin/api-keys/api/v1/audit']?.['get']?.parameters?.map(({ name }) => name).toSorted(),
    ).toEqual([
      'cursor',
      'from',
      'key',
      'limit',
      'outcome',
      'reason',
      'recordedFrom',
      'serviceUser',
      'to',
      'tool',
    ])
  })

  test('refers to nothing that is not in it', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)]
    expect(references.length).toBeGreaterThan(0)
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name)
  })
})
