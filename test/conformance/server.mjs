// @ts-nocheck: plain programs around what the suite and the SDK hand over untyped.
// The server of the conformance run: every feature that the official suite asks for, on /modern (2026-07-28, without
// sessions) and on /legacy and
// /mcp (2025-11-25, with sessions and streams that can be resumed).
import { randomBytes, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import {
  NodeStreamableHTTPServerTransport,
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ResourceNotFoundError,
  Server,
  createMcpHandler,
  createRequestStateCodec,
} from '@modelcontextprotocol/server'
import { featuresOf } from './features.mjs'

const state = createRequestStateCodec({ key: randomBytes(32) })
const info = { name: 'postern-conformance', version: '1.0.0' }

/** @param {{ isModern: boolean, tell: (what: string, uri?: string) => void }} of */
function createFullServer({ isModern, tell }) {
  const server = new Server(info, {
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      completions: {},
      logging: {},
    },
    requestState: { verify: state.verify },
    cacheHints: Object.fromEntries(
      ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'].map(
        (method) => [method, { ttlMs: 1000, cacheScope: 'public' }],
      ),
    ),
  })
  const features = featuresOf({
    mint: (payload, context) => state.mint(payload, context),
    tell,
    missing: (capability) =>
      new MissingRequiredClientCapabilityError({ requiredCapabilities: { [capability]: {} } }),
    invalid: (message, data) => new ProtocolError(-32602, message, data),
  })
  server.setRequestHandler('tools/list', () => ({ tools: features.tools }))
  server.setRequestHandler('tools/call', ({ params }, context) => features.callTool(params, context))
  server.setRequestHandler('prompts/list', () => ({ prompts: features.prompts }))
  server.setRequestHandler('prompts/get', ({ params }, context) => features.getPrompt(params, context))
  server.setRequestHandler('resources/list', () => ({ resources: features.resources }))
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: features.templates }))
  server.setRequestHandler('resources/read', ({ params }) => {
    const found = features.readResource(params.uri)
    if (found === null) throw new ResourceNotFoundError(params.uri)
    return found
  })
  server.setRequestHandler('completion/complete', () => ({
    completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false },
  }))
  if (!isModern) {
    server.setRequestHandler('resources/subscribe', () => ({}))
    server.setRequestHandler('resources/unsubscribe', () => ({}))
  }
  return server
}

/** Keeps what a stream said, so that a client may ask for what came after an event. */
function createEventStore() {
  /** @type {{ id: string, stream: string, message: any }[]} */
  const events = []
  return {
    async storeEvent(stream, message) {
      const id = `${stream}_${events.length}`
      events.push({ id, stream, message })
      return id
    },
    async getStreamIdForEventId(id) {
      return events.find((event) => event.id === id)?.stream
    },
    async replayEventsAfter(lastId, { send }) {
      const from = events.findIndex((event) => event.id === lastId)
      const stream = events[from]?.stream ?? ''
      for (const event of events.slice(from + 1)) {
        if (event.stream === stream && event.message.method !== undefined) await send(event.id, event.message)
        else if (event.stream === stream) await send(event.id, event.message)
      }
      return stream
    },
  }
}

const modern = createMcpHandler(() =>
  createFullServer({
    isModern: true,
    tell(what) {
      if (what === 'tools') modern.notify.toolsChanged()
      else modern.notify.promptsChanged()
    },
  }),
)
const answerModern = toNodeHandler(modern)

/** @type {Map<string, NodeStreamableHTTPServerTransport>} */
const sessions = new Map()

async function answerLegacy(request, response) {
  const known = sessions.get(String(request.headers['mcp-session-id'] ?? ''))
  if (known !== undefined) return known.handleRequest(request, response)
  if (request.headers['mcp-session-id'] !== undefined) {
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }),
    )
    return undefined
  }
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    eventStore: createEventStore(),
    retryInterval: 500,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  })
  const server = createFullServer({ isModern: false, tell() {} })
  await server.connect(transport)
  return transport.handleRequest(request, response)
}

const isLocalHost = localhostHostValidation()
const isLocalOrigin = localhostOriginValidation()
const http = createServer((request, response) => {
  if (!isLocalHost(request, response) || !isLocalOrigin(request, response)) return
  const path = (request.url ?? '').split('?')[0]
  if (path === '/modern') void answerModern(request, response)
  else if (path === '/legacy' || path === '/mcp') void answerLegacy(request, response)
  else response.writeHead(404).end()
})
http.listen(0, '127.0.0.1', () => {
  const address = http.address()
  const port = typeof address === 'object' ? address?.port : 0
  process.stdout.write(`${JSON.stringify({ origin: `http://127.0.0.1:${port}` })}\n`)
})
// Ends with whoever started it.
process.stdin.resume().on('end', () => {
  void setTimeout(10).then(() => process.exit(0))
})
