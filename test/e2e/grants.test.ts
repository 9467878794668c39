import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDemo } from '../../src/demo/server.ts'
import type { Demo } from '../../src/demo/server.ts'
import { selfRotationPath } from '../../src/config.ts'
import { grantsDigest } from '../../src/domain/grant.ts'
import { clientModes, openClient } from './clients.ts'
import { bearer, callOf, mcpHeaders, modernCallOf, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { onStage } from './stage.ts'
import type { Stage } from './stage.ts'

const actor = 'the test'
let users = 0

interface Limits {
  tools?: string[]
  addresses?: string[]
  selfRotate?: true
}

async function limitedKey(gateway: TestGateway, limits: Limits): Promise<TestKey> {
  const input = { name: `limited-${++users}`, owner: 'team@example.com' }
  const { id: serviceUserId } = await gateway.postern.keys.createServiceUser(input, actor)
  const { key, token } = await gateway.postern.keys.issue({ serviceUser: serviceUserId, ...limits }, actor)
  return { token, id: key.key.id, serviceUserId }
}

function post(url: string, key: { token: string }, body: string, headers: Record<string, string> = {}) {
  return fetch(url, { method: 'POST', headers: { ...mcpHeaders, ...bearer(key), ...headers }, body })
}

describe('real clients', () => {
  let demo: Demo
  let gateway: TestGateway
  beforeAll(async () => {
    demo = await startDemo()
    const route = { path: '/mcp', mcp: true, accepts: ['service-key' as const], upstream: demo.url }
    gateway = await openGateway({ routes: [route] })
  })
  afterAll(async () => {
    await gateway.close()
    await demo.close()
  })

  test.each(clientModes)(
    'the %s client sees and calls what its key is granted, and nothing else',
    async (mode) => {
      const tools = ['list_*', '*_revenue', 'whoami', '!list_orders']
      const key = await limitedKey(gateway, { tools })
      await gateway.mark()
      const client = await openClient(mode, `${gateway.url}/mcp`, bearer(key))
      const listed = await client.listTools()
      expect(listed.toSorted()).toEqual(['forecast_revenue', 'list_channels', 'whoami'])
      await expect(client.callTool('always_fails')).rejects.toMatchObject({ code: 40301 })
      // Its connection goes on.
      expect((await client.callTool('forecast_revenue', { weeks: 2 })).structured).toMatchObject({ weeks: 2 })
      await client.close()
      await expect
        .poll(async () => (await gateway.rows()).filter(({ tool }) => tool !== null).length)
        .toBeGreaterThanOrEqual(2)
      const calls = (await gateway.rows()).filter(({ tool }) => tool !== null)
      expect(calls.map(({ tool, outcome, reason }) => [tool, outcome, reason])).toEqual([
        ['always_fails', 'denied', 'tool_not_granted'],
        ['forecast_revenue', 'succeeded', null],
      ])
      for (const row of calls) expect(row.grantsDigest).toBe(grantsDigest({ tools }))
    },
  )
})

describe('what a key is granted', () => {
  let stage: Stage
  onStage(
    (origin) => ({
      routes: [
        { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` },
        {
          path: '/narrow',
          mcp: true,
          accepts: ['service-key'],
          tools: ['forecast_*', '!forecast_secret'],
          upstream: `${origin}/mcp`,
        },
        { path: '/api/*', accepts: ['service-key'], upstream: origin },
      ],
      settings: { trustedProxies: ['127.0.0.1/32'] },
    }),
    (ready) => {
      stage = ready
    },
  )

  const request = (method: string, params: object) =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const prompt = { ref: { type: 'ref/prompt', name: 'plan_year' }, argument: { name: 'a', value: '' } }

  test.each<[string, string, boolean]>([
    ['/mcp', callOf('forecast_a'), true],
    ['/mcp', callOf('delete_a'), false],
    ['/mcp', callOf('forecast_delete'), false],
    ['/mcp', '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete_a"}}', false],
    ['/mcp', request('resources/read', { uri: 'file:///reports/q1' }), true],
    ['/mcp', request('resources/read', { uri: 'file:///etc/passwd' }), false],
    ['/mcp', request('resources/read', { uri: 'file:///reports/../etc/passwd' }), false],
    ['/mcp', request('resources/subscribe', { uri: 'file:///etc/passwd' }), false],
    ['/mcp', request('resources/subscribe', { uri: 'file:///reports/q1' }), true],
    ['/mcp', request('resources/unsubscribe', { uri: 'file:///reports/q1' }), true],
    ['/mcp', request('prompts/get', { name: 'plan_year' }), true],
    ['/mcp', request('prompts/get', { name: 'other' }), false],
    ['/mcp', request('completion/complete', prompt), true],
    [
      '/mcp',
      request('completion/complete', { ...prompt, ref: { type: 'ref/prompt', name: 'other' } }),
      false,
    ],
    ['/mcp', request('completion/complete', { ...prompt, ref: null }), false],
    ['/mcp', request('tasks/result', { taskId: 't1' }), false],
    ['/mcp', request('vendor/do', { name: 'forecast_a' }), false],
    ['/mcp', request('logging/setLevel', { level: 'info' }), true],
    ['/mcp', request('tools/list', {}), true],
    ['/mcp', '{"jsonrpc":"2.0","id":7,"result":{}}', true],
    ['/narrow', callOf('forecast_a'), true],
    ['/narrow', callOf('forecast_secret'), false],
    ['/narrow', request('prompts/get', { name: 'plan_year' }), false],
  ])('on %s: %s: %s', async (path, body, may) => {
    const { gateway, upstream } = stage
    const tools = ['forecast_*', '!*_delete', 'resource:file:///reports/*', 'prompt:plan_*']
    const key = await limitedKey(gateway, { tools })
    const response = await post(gateway.url + path, key, body)
    expect(response.status).toBe(200)
    const answer = (await response.json()) as { error?: { code: number; message: string } }
    expect(upstream.received.length).toBe(may ? 1 : 0)
    const [row] = await rowsOf(gateway, 1)
    if (may) return expect(answer.error).toBeUndefined()
    expect(answer.error).toMatchObject({ code: 40301, message: 'This is not available.' })
    expect(row).toMatchObject({
      outcome: 'denied',
      reason: 'tool_not_granted',
      grantsDigest: grantsDigest({ tools }),
    })
  })

  test('one denied element of a batch, and none is forwarded; each has its row', async () => {
    const { gateway, upstream } = stage
    const key = await limitedKey(gateway, { tools: ['forecast_*'] })
    const batch = `[${callOf('forecast_a', {}, 1)},${callOf('delete_a', {}, 2)},${callOf('forecast_b', {}, 3)}]`
    const response = await post(`${gateway.url}/mcp`, key, batch)
    expect(await response.json()).toMatchObject({ id: null, error: { code: 40301 } })
    expect(upstream.received).toEqual([])
    const rows = await rowsOf(gateway, 3)
    expect(rows.map(({ tool, reason }) => [tool, reason])).toEqual([
      ['forecast_a', 'tool_not_granted'],
      ['delete_a', 'tool_not_granted'],
      ['forecast_b', 'tool_not_granted'],
    ])
  })

  test('plain HTTP is closed to a key that is limited to tools, and open to others', async () => {
    const { gateway, upstream, key } = stage
    const limited = await limitedKey(gateway, { tools: ['*'] })
    const refused = await fetch(`${gateway.url}/api/x`, { headers: bearer(limited) })
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'tool_not_granted' }])
    expect(upstream.received).toEqual([])
    expect((await fetch(`${gateway.url}/api/x`, { headers: bearer(key) })).status).toBe(200)
  })

  test.each<[string[], string | null, boolean]>([
    [['127.0.0.0/8'], null, true],
    [['203.0.113.0/24'], null, false],
    [['203.0.113.0/24'], '203.0.113.9', true],
    [['203.0.113.0/24'], '198.51.100.1', false],
    // The left-most hop is the sender's own word (T32).
    [['203.0.113.0/24'], '203.0.113.9, 198.51.100.1', false],
    [['2001:db8::/32'], '2001:db8::7', true],
    [['::ffff:203.0.113.0/120'], '::ffff:203.0.113.9', true],
  ])('addresses %j, X-Forwarded-For %s: %s', async (addresses, forwardedFor, may) => {
    const { gateway, upstream } = stage
    const key = await limitedKey(gateway, { addresses })
    const headers: Record<string, string> = forwardedFor === null ? {} : { 'x-forwarded-for': forwardedFor }
    const response = await post(`${gateway.url}/mcp`, key, callOf('x'), headers)
    expect(response.status).toBe(may ? 200 : 403)
    if (!may)
      expect(await response.json()).toMatchObject({
        error: { code: 40300, data: { code: 'address_refused' } },
      })
    expect(upstream.received.length).toBe(may ? 1 : 0)
    const [row] = await rowsOf(gateway, 1)
    expect(row?.reason).toBe(may ? null : 'address_refused')
  })

  test('an edit counts within a second, and self-rotation hands on what it left (T33)', async () => {
    const { gateway } = stage
    const key = await limitedKey(gateway, { tools: ['forecast_*'], selfRotate: true })
    const codeOf = async (token: string, tool: string) => {
      const answer = await post(`${gateway.url}/mcp`, { token }, callOf(tool))
      return ((await answer.json()) as { error?: { code: number } }).error?.code ?? null
    }
    expect(await codeOf(key.token, 'forecast_a')).toBe(null)
    await gateway.postern.keys.edit(key.id, { tools: ['plan_*'] }, actor)
    await expect.poll(() => codeOf(key.token, 'forecast_a'), { timeout: 1000 }).toBe(40301)
    expect(await codeOf(key.token, 'plan_a')).toBe(null)
    const rotated = await fetch(gateway.url + selfRotationPath, {
      method: 'POST',
      headers: { ...bearer(key), 'idempotency-key': 'once' },
    })
    expect(rotated.status).toBe(201)
    const { token } = (await rotated.json()) as { token: string }
    expect(await codeOf(token, 'forecast_a')).toBe(40301)
    expect(await codeOf(token, 'plan_a')).toBe(null)
  })

  describe('a list', () => {
    const ask = request('tools/list', {})
    const tools = (names: string[]) => names.map((name) => ({ name, inputSchema: { type: 'object' } }))
    const reply = (names: string[], more: object = {}) =>
      JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: tools(names), ...more } })

    function answering(type: string, body: string | Buffer) {
      stage.upstream.answer(async (received, response) => {
        await received.whole
        response.writeHead(200, { 'content-type': type })
        response.end(body)
      })
    }

    test('loses what may not be called: JSON, events, and what is too long to be read at once', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { tools: ['forecast_*'] })
      const many = Array.from({ length: 3000 }, (_, at) => `${at % 2 === 0 ? 'forecast' : 'delete'}_${at}`)
      const wanted = reply(
        many.filter((name) => name.startsWith('forecast')),
        { nextCursor: 'p2' },
      )
      for (const [type, body, after] of [
        [
          'application/json',
          reply(['a', 'forecast_a'], { nextCursor: 'p2' }),
          reply(['forecast_a'], { nextCursor: 'p2' }),
        ],
        ['application/json', reply(['a']), reply([])],
        ['application/json', reply(many, { nextCursor: 'p2' }), wanted],
        [
          'text/event-stream',
          `data: ${reply(['a', 'forecast_a'])}\n\n`,
          `data: ${reply(['forecast_a'])}\n\n`,
        ],
        [
          'text/event-stream',
          `id: 3\ndata: ${reply(many, { nextCursor: 'p2' })}\n\n`,
          `id: 3\ndata: ${wanted}\n\n`,
        ],
      ] as const) {
        answering(type, body)
        const response = await post(`${gateway.url}/mcp`, key, ask, { 'accept-encoding': 'gzip, br' })
        expect(await response.text()).toBe(after)
        const [received] = upstream.received.splice(0)
        expect(received?.rawHeaders.join('\n').toLowerCase()).toContain('accept-encoding\nidentity')
      }
    })

    test('stays as it came for a key without limits', async () => {
      const { gateway, key } = stage
      const body = '{ "jsonrpc":"2.0", "id":1, "result":{ "tools":[ {"name":"a"},{"name":"b"} ] } }'
      answering('application/json', body)
      expect(await (await post(`${gateway.url}/mcp`, key, ask)).text()).toBe(body)
    })

    test('of 2026-07-28 is private and short-lived once it was filtered', async () => {
      const { gateway } = stage
      const key = await limitedKey(gateway, { tools: ['forecast_*'] })
      answering('application/json', reply(['forecast_a'], { ttlMs: 3_600_000, cacheScope: 'public' }))
      const { headers, body } = modernCallOf('x')
      const modern = body.replace('tools/call', 'tools/list').replace('"name":"x","arguments":{},', '')
      const { 'mcp-name': _, ...others } = headers
      const response = await fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: { ...others, ...bearer(key), 'mcp-method': 'tools/list' },
        body: modern,
      })
      expect(await response.json()).toMatchObject({ result: { cacheScope: 'private', ttlMs: 60_000 } })
    })

    test('that comes on a GET stream is filtered, too', async () => {
      const { gateway } = stage
      const key = await limitedKey(gateway, { tools: ['forecast_*'] })
      answering('text/event-stream', `data: ${reply(['a', 'forecast_a'])}\n\n`)
      const response = await fetch(`${gateway.url}/mcp`, {
        headers: { ...bearer(key), accept: 'text/event-stream' },
      })
      expect(await response.text()).toBe(`data: ${reply(['forecast_a'])}\n\n`)
    })

    test('that comes in any other form shows no name either', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { tools: ['forecast_*'] })
      const list = reply(['secret', 'forecast_a'])
      for (const [status, type, method, body] of [
        [200, 'application/json', 'GET', list],
        [201, 'text/plain', 'POST', list],
        // Part of an event, at whose end no client acts on it; but whoever looks sees it.
        [200, 'text/event-stream', 'POST', `data: ${list}\n`],
        [200, 'text/event-stream', 'GET', `: hi\n\ndata: ${list}`],
      ] as const) {
        upstream.answer(async (received, response) => {
          await received.whole
          response.writeHead(status, { 'content-type': type })
          response.end(body)
        })
        const response =
          method === 'POST'
            ? await post(`${gateway.url}/mcp`, key, ask)
            : await fetch(`${gateway.url}/mcp`, { headers: bearer(key) })
        expect(await response.text(), `${status} ${type} ${method}`).not.toContain('secret')
      }
    })

    test.each<[string, string, string | Buffer]>([
      ['bad JSON', 'application/json', '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"forecast_a"'],
      ['two tools of one name', 'application/json', reply(['forecast_a', 'forecast_a'])],
      [
        'a name twice',
        'application/json',
        reply(['x']).replace('"name":"x"', '"name":"forecast_a","name":"x"'),
      ],
      ['another media type', 'text/plain', reply(['x'])],
      ['an endless list', 'application/json', Buffer.alloc(9 * 1024 * 1024, ' ')],
      ['bad JSON as an event', 'text/event-stream', 'data: {"jsonrpc"\n\n'],
      ['two of one name as an event', 'text/event-stream', `data: ${reply(['x', 'x'])}\n\n`],
      ['an endless line', 'text/event-stream', Buffer.alloc(20 * 1024 * 1024, 'x')],
    ])('of a lying server (%s) is a JSON-RPC error, and the trail says why', async (_, type, body) => {
      const { gateway } = stage
      const key = await limitedKey(gateway, { tools: ['forecast_*'] })
      answering(type, body)
      const response = await post(`${gateway.url}/mcp`, key, ask)
      const text = await response.text()
      const data = text.startsWith('{') ? text : text.slice(text.indexOf('data: ') + 6)
      expect(JSON.parse(data)).toMatchObject({ id: 1, error: { code: 50200 } })
      expect(text).not.toContain('forecast_a')
      const [row] = await rowsOf(gateway, 1)
      expect(row).toMatchObject({ outcome: 'failed', reason: 'upstream_invalid' })
    })
  })
})

describe('the policy that denies tools by default', () => {
  let stage: Stage
  onStage(
    (origin) => ({
      routes: [
        { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` },
        { path: '/api/*', accepts: ['service-key'], upstream: origin },
      ],
      settings: { policy: { denyToolsByDefault: true } },
    }),
    (ready) => {
      stage = ready
    },
  )

  test('closes MCP to keys without grants, but for what leads to nothing; plain HTTP stays open', async () => {
    const { gateway, key, upstream } = stage
    const granted = await limitedKey(gateway, { tools: ['*'] })
    expect(await (await post(`${gateway.url}/mcp`, key, callOf('x'))).json()).toMatchObject({
      error: { code: 40301 },
    })
    expect(await (await post(`${gateway.url}/mcp`, granted, callOf('x'))).json()).not.toHaveProperty('error')
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    expect(await (await post(`${gateway.url}/mcp`, key, ping)).json()).not.toHaveProperty('error')
    expect((await fetch(`${gateway.url}/api/x`, { headers: bearer(key) })).status).toBe(200)
    expect(upstream.received.length).toBe(3)
  })
})

describe('forward-auth', () => {
  let stage: Stage
  onStage(
    () => ({
      routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'] }],
      settings: {
        admin: { listen: '127.0.0.1:0', forwardAuth: 'traefik' },
        trustedProxies: ['127.0.0.1/32'],
      },
    }),
    (ready) => {
      stage = ready
    },
  )

  test.each<[string[] | undefined, string | null, number]>([
    [['forecast_*'], null, 403],
    [['forecast_*'], callOf('forecast_a'), 200],
    [['forecast_*'], callOf('delete_a'), 403],
    [undefined, null, 200],
  ])('a key limited to %j whose body was %s: %i (T31)', async (tools, body, status) => {
    const { gateway } = stage
    const key = await limitedKey(gateway, tools === undefined ? {} : { tools })
    const headers = {
      ...bearer(key),
      'mcp-name': 'forecast_a',
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/mcp',
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    }
    const init = body === null ? { headers } : { method: 'POST', headers, body }
    const response = await fetch(`${gateway.adminUrl}/_postern/verify`, init)
    expect(response.status).toBe(status)
  })
})
