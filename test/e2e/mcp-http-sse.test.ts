import { createServer } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openGateway } from './gateway.ts'
import type { TestGateway } from './gateway.ts'

let gateway: TestGateway
const transports = new Map<string, SSEServerTransport>()

/** A server of 2024-11-05: events on /sse, posts to /messages. */
const backend = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://localhost')
  if (url.pathname === '/sse') {
    const transport = new SSEServerTransport('/messages', response)
    transports.set(transport.sessionId, transport)
    const server = new Server({ name: 'old', version: '1' }, { capabilities: { tools: {} } })
    const tools = ['read_a', 'delete_a'].map((name) => ({ name, inputSchema: { type: 'object' as const } }))
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }))
    server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
      content: [{ type: 'text', text: `ran ${params.name}` }],
    }))
    void server.connect(transport)
  } else void transports.get(url.searchParams.get('sessionId') ?? '')?.handlePostMessage(request, response)
})

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    backend.listen(0, '127.0.0.1', resolve)
  })
  const address = backend.address()
  if (address === null || typeof address === 'string') throw new Error('the backend does not listen')
  const upstream = `http://127.0.0.1:${address.port}/sse`
  gateway = await openGateway({ routes: [{ path: '/old', mcp: true, accepts: ['service-key'], upstream }] })
})
afterAll(async () => {
  await gateway.close()
  backend.closeAllConnections()
  backend.close()
})

async function openOld(token: string): Promise<Client> {
  const headers = { authorization: `Bearer ${token}` }
  const transport = new SSEClientTransport(new URL(`${gateway.url}/old`), {
    requestInit: { headers },
    eventSourceInit: {
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...headers } }),
    },
  })
  const client = new Client({ name: 'old', version: '1' })
  await client.connect(transport)
  return client
}

test('a client of HTTP+SSE lists and calls tools over the stream that it opened', async () => {
  const client = await openOld((await gateway.issueKey()).token)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read_a', 'delete_a'])
  expect(await client.callTool({ name: 'read_a' })).toMatchObject({ content: [{ text: 'ran read_a' }] })
  await client.close()
  await expect
    .poll(async () => (await gateway.rows()).map(({ tool }) => tool).filter((tool) => tool !== null))
    .toEqual(['read_a'])
})

test('and sees of the list, which comes on the stream, what its key may call', async () => {
  const { keys } = gateway.postern
  const { token } = await keys.issue({ serviceUser: 'agent', tools: ['*', '!delete_*'] }, 'test')
  const client = await openOld(token)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read_a'])
  await expect(client.callTool({ name: 'delete_a' })).rejects.toThrow()
  await client.close()
})

test('a session is not reached past the name that its owner was given, by its own name at the backend', async () => {
  const { token } = await gateway.issueKey()
  const ask = (query: string) =>
    fetch(`${gateway.url}/old?${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    })
  for (const query of ['sessionId=a', 'x=1&sessionId=a', 'session_id=a', '%73essionId=a'])
    expect((await ask(query)).status).toBe(404)
})
