import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { beforeAll, expect, test } from 'vitest'
import { buildConnect } from '../../build/connect.mjs'
import { newToken } from '../../src/domain/service-key.ts'
import { clientModes } from '../e2e/clients.ts'
import { makePlace, startServer, trailOf } from '../e2e/server.ts'
import { openBridged } from './stage.ts'

const root = join(import.meta.dirname, '../..')
const program = join(root, 'connect/dist/connect.js')

beforeAll(() => buildConnect(root), 60_000)

test('clients of every kind go on after the gateway was restarted, and no call ran twice', async () => {
  const { cwd, dataDir } = await makePlace()
  let server = await startServer(cwd, ['--demo'])
  const { mcpUrl, demoKey } = server.ready
  if (mcpUrl === null || demoKey === null) throw new Error('the demo has no address')
  const env = { POSTERN_KEY: demoKey }
  const clients = await Promise.all(
    clientModes.map((mode) => openBridged(mode, { program, url: mcpUrl, env })),
  )
  for (const client of clients) expect((await client.callTool('whoami')).isError).toBe(false)
  await server.end('SIGTERM')
  // Made while nobody is there to take them.
  const made = Promise.all(clients.map((client) => client.callTool('forecast_revenue', { weeks: 3 })))
  server = await startServer(cwd, ['--demo'], { POSTERN_PORT: new URL(mcpUrl).port })
  for (const { structured } of await made) expect(structured).toMatchObject({ weeks: 3 })
  await Promise.all(clients.map((client) => client.close()))
  await server.end('SIGTERM')
  const rows = await trailOf(dataDir)
  expect(rows.filter(({ tool }) => tool === 'forecast_revenue')).toHaveLength(clients.length)
  await rm(cwd, { recursive: true, force: true })
}, 120_000)

test('a server of 2024-11-05 is spoken to over its one stream, also over the next one', async () => {
  const transports = new Map<string, SSEServerTransport>()
  const streams: ServerResponse[] = []
  let runs = 0
  const backend = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    if (url.pathname === '/messages') {
      void transports.get(url.searchParams.get('sessionId') ?? '')?.handlePostMessage(request, response)
    } else if (request.method !== 'GET') response.writeHead(405).end()
    else {
      streams.push(response)
      const transport = new SSEServerTransport('/messages', response)
      transports.set(transport.sessionId, transport)
      const server = new Server({ name: 'old', version: '1' }, { capabilities: { tools: {} } })
      const tools = [{ name: 'read', inputSchema: { type: 'object' as const } }]
      server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }))
      server.setRequestHandler(CallToolRequestSchema, () => {
        runs++
        return { content: [{ type: 'text', text: 'ran' }] }
      })
      void server.connect(transport)
    }
  })
  await new Promise<void>((resolve) => void backend.listen(0, '127.0.0.1', resolve))
  const address = backend.address()
  if (address === null || typeof address === 'string') throw new Error('the backend does not listen')
  const url = `http://127.0.0.1:${address.port}/sse`
  const client = await openBridged('v1', { program, url, env: { POSTERN_KEY: newToken('pst') } })
  expect(await client.listTools()).toEqual(['read'])
  expect((await client.callTool('read')).text).toBe('ran')
  streams[0]?.destroy()
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await client.callTool('read')).text).toBe('ran')
  expect([streams.length, runs]).toEqual([2, 2])
  await client.close()
  backend.closeAllConnections()
  backend.close()
})
