import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildBridge, endAll, call, json, modern, result, serve, start } from './lines.ts'
import type { Line } from './lines.ts'

beforeAll(buildBridge, 60_000)
afterEach(endAll)

describe('the pipe', () => {
  test('messages go through as they are: unknown members, large numbers, ids, line separators', async () => {
    const answered = `{"jsonrpc":"2.0",\n "id":9007199254740993,"result":{"n":12345678901234567890,"later":{"a":"\u2028"}},"extra":1}`
    const server = await serve((_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answered)
    })
    const bridge = start([server.url])
    const said = `{"jsonrpc":"2.0","id":9007199254740993,"method":"x/y","params":{"big":12345678901234567890,"s":"a\u2028b"},"extra":true}`
    let stdout = ''
    bridge.child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    bridge.say(said)
    await expect.poll(() => stdout, { timeout: 10_000 }).toBe(`${answered.replace('\n', ' ')}\n`)
    expect(server.asked).toHaveLength(1)
    expect(server.asked[0]?.body).toBe(said)
  })

  test('a line that is no JSON-RPC is answered, and the next one works', async () => {
    const server = await serve((asked, response) => json(response, 200, result(asked)))
    const bridge = start([server.url])
    bridge.say('{not json')
    bridge.say('{"hello":1}')
    bridge.say(call(1))
    await bridge.next(({ id }) => id === 1)
    expect(bridge.raw.map((line) => (JSON.parse(line) as Line).error?.code)).toEqual([
      -32700,
      -32600,
      undefined,
    ])
  })

  test('it ends with stdin, once what is under way is answered', async () => {
    const server = await serve(
      (asked, response) => void setTimeout(() => json(response, 200, result(asked)), 300),
    )
    const bridge = start([server.url])
    bridge.say(call(1))
    bridge.child.stdin.end()
    expect(await bridge.closed()).toBe(0)
    expect(bridge.raw).toHaveLength(1)
  })

  test('it ends with stdin also where no answer comes, and by SIGTERM', async () => {
    const server = await serve(() => {})
    const bridge = start([server.url])
    bridge.say(call(1))
    await expect.poll(() => server.asked.length, { timeout: 10_000 }).toBe(1)
    bridge.child.stdin.end()
    expect(await bridge.closed()).toBe(0)
    const other = start([server.url])
    other.say(call(1))
    await expect.poll(() => server.asked.length, { timeout: 10_000 }).toBe(2)
    other.child.kill('SIGTERM')
    expect(await other.closed()).toBe(143)
  })

  test('it ends where nobody reads what it says', async () => {
    const server = await serve((asked, response) => json(response, 200, result(asked)))
    const bridge = start([server.url])
    bridge.child.stdout.destroy()
    bridge.say(call(1))
    expect(await bridge.closed()).toBe(0)
  })

  test('a warning of the gateway is said once on stderr, and to the client that takes log messages', async () => {
    const endsAt = new Date(Date.now() + 12.5 * 86_400_000).toISOString()
    const server = await serve((asked, response) =>
      json(response, 200, result(asked), { 'x-postern-warning': `key_expiring; ends=${endsAt}` }),
    )
    const bridge = start([server.url])
    bridge.say(modern(1, 'tools/list'))
    await bridge.next(({ id }) => id === 1)
    expect(bridge.raw).toHaveLength(1)
    const taking = modern(2, 'tools/list')
    Object.assign(taking.params['_meta'], { 'io.modelcontextprotocol/logLevel': 'info' })
    bridge.say(taking)
    await bridge.next(({ id }) => id === 2)
    expect(bridge.raw.map((line) => (JSON.parse(line) as Line).method ?? 'answer')).toEqual([
      'answer',
      'notifications/message',
      'answer',
    ])
    expect(bridge.stderr().match(/in 12 days/g)).toHaveLength(1)
  })
})

describe('2026-07-28', () => {
  test('a cancelled request is closed and not posted about, and has no answer', async () => {
    let isClosed = false
    const server = await serve((_asked, response) => {
      response.on('close', () => (isClosed = true))
    })
    const bridge = start([server.url])
    bridge.say(modern('a', 'tools/call', { name: 'run' }))
    await expect.poll(() => server.asked.length, { timeout: 10_000 }).toBe(1)
    expect(server.asked[0]?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'run',
    })
    bridge.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a' } })
    await expect.poll(() => isClosed, { timeout: 10_000 }).toBe(true)
    expect(server.asked).toHaveLength(1)
    expect(bridge.raw).toEqual([])
  })

  test('a subscription that broke off is opened again, and what it is about is said to have changed', async () => {
    const server = await serve((asked, response, count) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const params = {
        notifications: { toolsListChanged: true },
        _meta: { 'io.modelcontextprotocol/subscriptionId': asked.rpc.id },
      }
      response.write(
        `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params })}\n\n`,
      )
      if (count === 1) setTimeout(() => response.socket?.destroy(), 50)
    })
    const bridge = start([server.url])
    bridge.say(modern('s', 'subscriptions/listen', { notifications: { toolsListChanged: true } }))
    await bridge.next(({ method }) => method === 'notifications/tools/list_changed')
    expect(server.asked).toHaveLength(2)
    expect(bridge.raw).toHaveLength(2)
  })
})
