import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unusedPatterns } from '../../src/admin/unused-patterns.ts'
import type { CallRecord } from '../../src/domain/call.ts'
import { callAt, openAdminWorld, socket, type AdminWorld, type Api } from './admin-world.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const now = Date.parse('2026-11-23T12:30:00Z')

let world: AdminWorld
let api: Api
let key = ''
let idle = ''
beforeAll(async () => {
  world = await openAdminWorld('2026-10-01T00:00:00Z')
  api = world.apiFor(socket)
  const { keys } = world
  await keys.createServiceUser({ name: 'bot', owner: 'team@example.com', customer: 'Acme' }, 'test')
  const tools = ['forecast_*', 'report', '!delete_*', 'resource:file:///*']
  key = (await keys.issue({ serviceUser: 'bot', name: 'busy', tools, expires: '90d' }, 'test')).key.key.id
  // Ids of one millisecond are in no order.
  world.clock.nowMs += 1
  idle = (await keys.issue({ serviceUser: 'bot', name: 'idle', expires: '60d' }, 'test')).key.key.id
  world.clock.nowMs = now
  const calls: [number, Partial<CallRecord>][] = [
    [now - 40 * dayMs, {}],
    [now - 2 * dayMs, { tool: 'forecast_make' }],
    [now - 25 * hourMs, { tool: 'forecast_make', outcome: 'failed', status: 500 }],
    // In the hour that 24 hours ago is in, and before it.
    [now - 24 * hourMs - 1, { tool: 'forecast_make' }],
    [now - 2 * hourMs, { tool: 'delete_all', outcome: 'denied', reason: 'tool_not_granted', status: 200 }],
    [now - hourMs, { tool: 'forecast_make', clientAddress: '203.0.113.7', userAgent: 'agent/1' }],
  ]
  await world.store.trail.append({
    calls: calls.map(([at, parts], index) => callAt(at, index + 1, { keyId: key, ...parts })),
    ends: [],
    lastUsed: new Map([[key, now - hourMs]]),
  })
})
afterAll(() => world.close())

describe('calls over time', () => {
  test('by day, for 30 days unless asked otherwise, with the last call', async () => {
    const { body } = await api('GET', `/keys/${key}/usage`)
    expect(body).toMatchObject({
      bucket: 'day',
      from: '2026-10-24T12:30:00.000Z',
      to: '2026-11-23T12:30:00.000Z',
      last: {
        at: '2026-11-23T11:30:00.000Z',
        address: '203.0.113.7',
        client: 'agent/1',
        tool: 'forecast_make',
      },
      callsLast24h: 2,
    })
    const buckets = body['buckets'] as { at: string; calls: number; refused: number; failed: number }[]
    expect(buckets).toHaveLength(31)
    expect(buckets.filter(({ calls }) => calls > 0)).toEqual([
      { at: '2026-11-21T00:00:00.000Z', calls: 1, refused: 0, failed: 0 },
      { at: '2026-11-22T00:00:00.000Z', calls: 2, refused: 0, failed: 1 },
      { at: '2026-11-23T00:00:00.000Z', calls: 2, refused: 1, failed: 0 },
    ])
  })

  test('by hour', async () => {
    const { body } = await api('GET', `/keys/${key}/usage?bucket=hour&from=2026-11-23&to=2026-11-23`)
    const buckets = body['buckets'] as { at: string; calls: number }[]
    expect(buckets).toHaveLength(24)
    expect(buckets.filter(({ calls }) => calls > 0).map(({ at }) => at)).toEqual([
      '2026-11-23T10:00:00.000Z',
      '2026-11-23T11:00:00.000Z',
    ])
  })

  test('of a key that was never used', async () => {
    expect((await api('GET', `/keys/${idle}/usage`)).body).toMatchObject({ last: null, callsLast24h: 0 })
  })

  test.each([
    ['?bucket=hour&from=2026-01-01', 'range_too_long'],
    ['?from=2020-01-01', 'range_too_long'],
    ['?from=2026-11-23&to=2026-11-20', 'field_invalid'],
    ['?from=soon', 'field_invalid'],
    ['?bucket=minute', 'field_invalid'],
  ])('%s is refused', async (query, code) => {
    expect(await api('GET', `/keys/${key}/usage${query}`)).toMatchObject({ status: 400, body: { code } })
  })
})

test('tools, most called first, split by what became of their calls', async () => {
  const { body } = await api('GET', `/keys/${key}/tools`)
  expect(body['tools']).toMatchObject([
    {
      tool: 'forecast_make',
      succeeded: 3,
      failed: 1,
      denied: 0,
      other: 0,
      p50Ms: expect.any(Number) as number,
    },
    { tool: 'delete_all', succeeded: 0, failed: 0, denied: 1, other: 0, p50Ms: null },
  ])
  expect((await api('GET', '/tools')).body.data).toEqual(['echo', 'forecast_make'])
})

test('what a key may do, and what of it nobody used', async () => {
  expect((await api('GET', `/keys/${key}/access`)).body).toEqual({
    tools: ['forecast_*', 'report', '!delete_*', 'resource:file:///*'],
    addresses: [],
    selfRotate: false,
    denyToolsByDefault: false,
    unusedPatterns: ['report'],
  })
  expect((await api('GET', `/keys/${idle}/access`)).body).toMatchObject({ tools: [], unusedPatterns: [] })
})

test('of patterns that refuse, or are about something else than tools, none is called unused', async () => {
  const patterns = ['a*', '!b', 'resource:c', 'prompt:d', 'tool:e', '**']
  const asked: unknown[] = []
  const unused = await unusedPatterns(patterns, async (parts) => {
    asked.push(...parts)
    return parts.map(([first]) => first === 'a')
  })
  expect(asked).toEqual([['a', ''], ['e']])
  expect(unused).toEqual(['tool:e'])
})

describe('the list of keys', () => {
  test('has 30 days of each, and how much was refused', async () => {
    const { body } = await api('GET', '/keys?sort=calls')
    expect(body.data.map(({ name }) => name)).toEqual(['busy', 'idle'])
    const [busy] = body.data
    expect(busy).toMatchObject({ calls30d: 5, refused30d: 1, owner: 'team@example.com', customer: 'Acme' })
    const days = busy?.['days'] as { day: string; calls: number; refused: number }[]
    expect(days).toHaveLength(30)
    expect(days.at(-1)).toEqual({ day: '2026-11-23', calls: 2, refused: 1 })
    const shown = await api('GET', `/keys/${key}`)
    expect(shown.body).toMatchObject({ calls30d: 5, refused30d: 1, days })
  })

  test.each<[string, string[]]>([
    ['', ['idle', 'busy']],
    ['?sort=name&direction=ascending', ['busy', 'idle']],
    ['?sort=expires&direction=ascending', ['idle', 'busy']],
    ['?sort=last-used', ['busy', 'idle']],
    ['?search=IDL', ['idle']],
    ['?owner=team@example.com', ['idle', 'busy']],
    ['?owner=x@example.com', []],
    ['?customer=Acme&tool=forecast_make', ['busy']],
    ['?state=active&state=revoked', ['idle', 'busy']],
    ['?state=revoked', []],
    ['?expiringWithin=14d', ['idle']],
    ['?expiringWithin=1h', []],
    ['?unusedFor=30d', ['idle']],
    ['?serviceUser=bot&limit=1', ['idle']],
  ])('%s', async (query, names) => {
    const { status, body } = await api('GET', `/keys${query}`)
    expect([status, body.data?.map(({ name }) => name)]).toEqual([200, names])
  })

  test('goes on after a page by its cursor, in its order only', async () => {
    const first = await api('GET', '/keys?sort=name&direction=ascending&limit=1')
    const cursor = first.body.nextCursor ?? ''
    const second = await api('GET', `/keys?sort=name&direction=ascending&limit=1&cursor=${cursor}`)
    expect(second.body).toMatchObject({ data: [{ name: 'idle' }], nextCursor: null })
    expect(await api('GET', `/keys?sort=calls&cursor=${cursor}`)).toMatchObject({
      status: 400,
      body: { code: 'cursor_invalid' },
    })
  })
})
