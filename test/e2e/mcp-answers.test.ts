import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { deploymentKeys } from '../../src/identity/deployment-keys.ts'
import { keepSigningKeys } from '../../src/identity/signing-key-file.ts'
import { bearer, callOf, mcpHeaders, rowsOf } from './gateway.ts'
import { onStage } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
onStage(
  (origin) => ({
    routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` }],
    settings: { trail: { argumentsHmac: true } },
  }),
  (set) => {
    stage = set
  },
)

const json = { 'content-type': 'application/json' }
const events = { 'content-type': 'text/event-stream' }

/** Answers the next requests with this, whole or, as events, one after the other. */
function answering(body: string, headers: Record<string, string> = json, status = 200): void {
  stage.upstream.answer(async (received, response) => {
    await received.whole
    response.writeHead(status, headers)
    response.end(body)
  })
}

const post = (body = callOf('t'), headers: Record<string, string> = {}) =>
  fetch(`${stage.gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...mcpHeaders, ...bearer(stage.key), ...headers },
    body,
  })

const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`
const error = (code: number | string) => `{"jsonrpc":"2.0","id":1,"error":{"code":${code},"message":"no"}}`
const event = (data: string) => `event: message\ndata: ${data}\n\n`

describe('what became of a call, in the trail', () => {
  test.each([
    [result('"content":[]'), 'succeeded', null, false],
    [result('"content":[],"isError":false'), 'succeeded', null, false],
    [result('"content":[],"isError":true'), 'failed', null, true],
    [result(String.raw`"\u0069sError":true`), 'failed', null, true],
    [result('"content":[{"type":"text","text":"\\"isError\\":true"}]'), 'succeeded', null, false],
    [result('"structuredContent":{"isError":true,"error":{"code":1}}'), 'succeeded', null, false],
    [error(-32602), 'failed', -32602, null],
    // Neither can be read in one way only: nothing is claimed.
    [result('"isError":true,"isError":false'), 'succeeded', null, null],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}', 'succeeded', null, null],
    [result('"isError":"yes"'), 'succeeded', null, null],
    [error('99999999999'), 'succeeded', null, null],
    ['{"jsonrpc":"2.0","id":2,"result":{"isError":true}}', 'succeeded', null, null],
  ] as const)('is read from a whole answer: %s', async (body, outcome, rpcCode, isToolError) => {
    answering(body)
    expect(await (await post()).text()).toBe(body)
    expect(await rowsOf(stage.gateway, 1)).toMatchObject([{ outcome, rpcCode, isToolError, status: 200 }])
  })

  test.each([
    [event(result('"isError":true')), 'failed', null, true],
    [
      `: hi\n\n${event('{"jsonrpc":"2.0","method":"notifications/x"}')}${event(error(-32001))}`,
      'failed',
      -32001,
      null,
    ],
    [`id: 1\ndata:\n\n${event(result('"content":[]'))}`, 'succeeded', null, false],
    [event('{"jsonrpc":"2.0","id":1,"method":"ping"}'), 'succeeded', null, null],
  ] as const)('is read from a stream: %s', async (body, outcome, rpcCode, isToolError) => {
    answering(body, events)
    expect(await (await post()).text()).toBe(body)
    await expect
      .poll(async () => (await stage.gateway.rows())[0])
      .toMatchObject({ outcome, rpcCode, isToolError, status: 200 })
  })

  test('is read though the id is written in another way than it was asked with', async () => {
    answering('{"jsonrpc":"2.0","id":"a","result":{"isError":true}}')
    await post(callOf('t').replace('"id":1', String.raw`"id":"\u0061"`))
    expect(await rowsOf(stage.gateway, 1)).toMatchObject([{ outcome: 'failed', isToolError: true }])
  })

  test('is read from a whole answer whose head came long before it', async () => {
    stage.upstream.answer(async (received, response) => {
      await received.whole
      response.writeHead(200, json)
      response.flushHeaders()
      setTimeout(() => response.end(result('"isError":true')), 300)
    })
    expect(await (await post()).text()).toBe(result('"isError":true'))
    expect(await rowsOf(stage.gateway, 1)).toMatchObject([{ outcome: 'failed', isToolError: true }])
  })

  test('is told apart for each call of a batch', async () => {
    answering(`[${result('"isError":true')},{"jsonrpc":"2.0","id":"b","error":{"code":-1,"message":""}}]`)
    await post(`[${callOf('x', {}, 'c')},${callOf('y', {}, 'b')},${callOf('z')}]`)
    const rows = await rowsOf(stage.gateway, 3)
    expect(
      rows.map(({ tool, outcome, rpcCode, isToolError }) => [tool, outcome, rpcCode, isToolError]),
    ).toEqual([
      ['x', 'succeeded', null, null],
      ['y', 'failed', -1, null],
      ['z', 'failed', null, true],
    ])
  })

  test('has the trace id of `_meta`, else of the header, and no other', async () => {
    const [a, b] = ['0af7651916cd43dd8448eb211c80319c', '4bf92f3577b34da6a3ce929d0e0e4736']
    const header = { traceparent: `00-${a}-b7ad6b7169203331-01` }
    const body = (traceparent: string) =>
      JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 't', _meta: { traceparent } },
      })
    await post(callOf('t'), header)
    await post(body(`00-${b}-b7ad6b7169203331-00`), header)
    await post(body('nonsense'), {})
    await post(callOf('t'), { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` })
    expect((await rowsOf(stage.gateway, 4)).map(({ traceId }) => traceId)).toEqual([a, b, null, null])
  })

  test('has an HMAC of the exact arguments under a key of the deployment, and never them', async () => {
    await post(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"secret": "ä\\u00e4"}}}',
    )
    const [row] = await rowsOf(stage.gateway, 1)
    const [key] = deploymentKeys(keepSigningKeys(stage.gateway.dataDir), 'arguments')
    const expected = createHmac('sha256', key!).update('{"secret": "ä\\u00e4"}').digest('hex')
    expect(row?.argumentsHmac).toBe(expected)
    expect(JSON.stringify(row)).not.toContain('secret')
  })
})

describe('a backend that lies', () => {
  test.each([
    ['bad JSON', '{"jsonrpc":"2.0",', json],
    ['bytes behind the JSON', `${result('')}x`, json],
    ['nothing', '', json],
    ['a page', '<html>', { 'content-type': 'text/html' }],
    ['an encoding', result(''), { ...json, 'content-encoding': 'gzip' }],
  ])('by %s is answered for with a JSON-RPC error', async (_what, body, headers) => {
    answering(body, headers)
    const answer = await post()
    expect(answer.status).toBe(502)
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', id: 1, error: { code: 50200 } })
    expect(await rowsOf(stage.gateway, 1)).toMatchObject([
      { outcome: 'failed', reason: 'upstream_invalid', status: 502, tool: 't' },
    ])
  })

  test('by two tools of one name too', async () => {
    answering(result('"tools":[{"name":"a"},{"name":"b"},{"name":"a"}]'))
    const answer = await post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
    expect(await answer.json()).toMatchObject({ error: { code: 50200 } })
    expect(await rowsOf(stage.gateway, 1)).toMatchObject([
      { reason: 'upstream_invalid', method: 'tools/list' },
    ])
  })

  test('by two tools of one name in an event, too', async () => {
    answering(event(result('"tools":[{"name":"a"},{"name":"a"}]')), events)
    const text = await (await post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()
    expect(text).toContain('"code":50200')
    expect(text).not.toContain('"tools"')
  })

  test.each([
    ['an endless line', `data: ${'x'.repeat(17 * 1024 * 1024)}`],
    ['no JSON in an event', event('{"jsonrpc"')],
  ])('by %s in a stream gets its end, and the client an error for its call', async (_what, body) => {
    stage.upstream.answer(async (received, response) => {
      await received.whole
      response.on('error', () => {})
      response.writeHead(200, events)
      // It would never end by itself.
      response.write(event('{"jsonrpc":"2.0","method":"notifications/x"}') + body)
    })
    const text = await (await post()).text()
    const [first, last] = text.trim().split('\n\n')
    expect(first).toContain('notifications/x')
    expect(JSON.parse((last ?? '').replace(/^event: message\ndata: /, ''))).toMatchObject({
      id: 1,
      error: { code: 50200 },
    })
    expect(text.length).toBeLessThan(1000)
    await expect
      .poll(async () => (await stage.gateway.rows())[0])
      .toMatchObject({ outcome: 'failed', reason: 'upstream_invalid' })
  })

  test('passes where it says itself that something is wrong', async () => {
    answering('<h1>Busy</h1>', { 'content-type': 'text/html' }, 503)
    const answer = await post()
    expect([answer.status, await answer.text()]).toEqual([503, '<h1>Busy</h1>'])
  })
})

describe('the end of a key', () => {
  async function endingIn(days: number) {
    const { keys } = stage.gateway.postern
    const issued = await keys.issue({ serviceUser: 'agent', expires: `${days}d` }, 'test')
    return { token: issued.token, id: issued.key.key.id, expiresAt: issued.key.key.expiresAt }
  }

  test('is announced in the last 14 days, in headers and in `_meta`, and every other byte stays', async () => {
    const key = await endingIn(13)
    const iso = new Date(key.expiresAt).toISOString()
    const meta = `"postern/warning":{"code":"key_expiring","endsAt":"${iso}"}`
    for (const [body, expected] of [
      [result('"content":[ "ä" ]'), result(`"_meta":{${meta}},"content":[ "ä" ]`)],
      [result(''), result(`"_meta":{${meta}}`)],
      [
        result(' "_meta": {"a":1}, "x": 9007199254740993'),
        result(` "_meta": {${meta},"a":1}, "x": 9007199254740993`),
      ],
      [result('"_meta":{ }'), result(`"_meta":{${meta} }`)],
      [result(' '.repeat(200)), result(`"_meta":{${meta}}${' '.repeat(200)}`)],
      [error(-1), error(-1)],
      [result('"cacheScope":"public"'), result('"cacheScope":"public"')],
    ] as const) {
      answering(body)
      const answer = await post(callOf('t'), bearer(key))
      expect(await answer.text()).toBe(expected)
      expect(answer.headers.get('sunset')).toBe(new Date(key.expiresAt).toUTCString())
      expect(answer.headers.get('x-postern-warning')).toBe(`key_expiring; ends=${iso}`)
    }
  })

  test('is announced while it is retiring', async () => {
    const { keys } = stage.gateway.postern
    const key = await endingIn(100)
    await keys.rotate(key.id, {}, 'test')
    await expect
      .poll(async () => (await post(callOf('t'), bearer(key))).headers.get('x-postern-warning'))
      .toMatch(/^key_retiring; ends=/)
  })

  test('is no matter before that, and the answer is untouched', async () => {
    const answer = await post(callOf('t'), bearer(await endingIn(15)))
    expect(answer.headers.has('sunset') || answer.headers.has('x-postern-warning')).toBe(false)
    expect(await answer.text()).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
})
