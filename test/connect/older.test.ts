import type { ServerResponse } from 'node:http'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { buildBridge, call, endAll, json, result, serve, start } from './lines.ts'

beforeAll(buildBridge, 60_000)
afterEach(endAll)

const events = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' })
const initialize = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } }
const opened = { protocolVersion: '2025-11-25', capabilities: { logging: {} }, serverInfo: {} }

test('nothing overtakes the handshake, and all that follows bears its session and revision', async () => {
  const server = await serve((asked, response) => {
    if (asked.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    const slowly = asked.rpc.method === 'tools/call' ? 0 : 200
    setTimeout(() => {
      if (asked.rpc.id === undefined) response.writeHead(202).end()
      else json(response, 200, result(asked, opened), { 'mcp-session-id': 's1' })
    }, slowly)
  })
  const bridge = start([server.url])
  bridge.say(initialize)
  bridge.say({ jsonrpc: '2.0', method: 'notifications/initialized' })
  bridge.say(call(1))
  await bridge.next(({ id }) => id === 1)
  const posts = server.asked.filter(({ method }) => method === 'POST')
  expect(posts.map(({ rpc }) => rpc.method)).toEqual([
    'initialize',
    'notifications/initialized',
    'tools/call',
  ])
  expect(posts.map(({ headers }) => headers['mcp-session-id'])).toEqual([undefined, 's1', 's1'])
  expect(posts.at(-1)?.headers['mcp-protocol-version']).toBe('2025-11-25')
  bridge.child.stdin.end()
  expect(await bridge.closed()).toBe(0)
  expect(server.asked.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': 's1' } })
})

test("the server's own requests come by its stream, and the client's answers go back, once", async () => {
  const server = await serve((asked, response) => {
    if (asked.method === 'GET') {
      events(response).write('id: 7\ndata: {"jsonrpc":"2.0","id":"q1","method":"sampling/createMessage"}\n\n')
    } else if (asked.rpc.id === undefined || asked.rpc.method === undefined) response.writeHead(202).end()
    else json(response, 200, result(asked, opened), { 'mcp-session-id': 's1' })
  })
  const bridge = start([server.url])
  bridge.say(initialize)
  bridge.say({ jsonrpc: '2.0', method: 'notifications/initialized' })
  await bridge.next(({ id }) => id === 'q1')
  const answer = { jsonrpc: '2.0', id: 'q1', result: { role: 'assistant' } }
  bridge.say(answer)
  bridge.say(answer)
  bridge.say(call(1))
  await bridge.next(({ id }) => id === 1)
  const answers = () => server.asked.filter(({ body }) => body === JSON.stringify(answer))
  await expect.poll(() => answers().length, { timeout: 10_000 }).toBe(1)
})

test('a stream that the server closed early is asked for again by its last event, and the call is not', async () => {
  const server = await serve((asked, response) => {
    if (asked.method === 'GET') {
      if (asked.headers['last-event-id'] === undefined) response.writeHead(405).end()
      else events(response).end('data: {"jsonrpc":"2.0","id":1,"result":{"late":true}}\n\n')
    } else if (asked.rpc.method === 'tools/call') events(response).end('id: e1\nretry: 50\ndata: \n\n')
    else if (asked.rpc.id === undefined) response.writeHead(202).end()
    else json(response, 200, result(asked, opened), { 'mcp-session-id': 's1' })
  })
  const bridge = start([server.url])
  bridge.say(initialize)
  bridge.say({ jsonrpc: '2.0', method: 'notifications/initialized' })
  bridge.say(call(1))
  expect((await bridge.next(({ id }) => id === 1)).result).toEqual({ late: true })
  expect(server.asked.filter(({ rpc }) => rpc.method === 'tools/call')).toHaveLength(1)
  const resumed = server.asked.find(({ headers }) => headers['last-event-id'] !== undefined)
  expect(resumed?.headers).toMatchObject({ 'last-event-id': 'e1', 'mcp-session-id': 's1' })
})
