import { request } from 'undici'
import type { Route } from '../../config.ts'

/** What became of trying one route's backend. */
export interface RouteCheck {
  path: string
  /** Its URL; null where another than the gateway sends the requests on. */
  upstream: string | null
  mcp: boolean
  ok: boolean
  /** What it speaks, or what is wrong, as one sentence. */
  message: string
  /** Null where nothing was asked. */
  tookMs: number | null
}

/** How long one request may take, in milliseconds, whatever the route allows its calls. */
const timeoutMs = 10_000
const answerLimitBytes = 1024 * 1024
const modern = '2026-07-28'
const legacy = '2025-11-25'
const clientInfo = { name: 'postern-routes-check', version: '1' }

/** Asks a route's backend, without a key: as nobody, for what says only whether it is there. Never throws. */
export async function checkRoute({ path, mcp, upstream }: Route): Promise<RouteCheck> {
  if (upstream === null)
    return { path, upstream, mcp, ok: true, message: 'has no upstream here: nothing to try', tookMs: null }
  const url = upstream.origin + (upstream.path ?? (path.endsWith('/*') ? path.slice(0, -1) : path))
  const startedMs = performance.now()
  const { ok, message } = await (mcp ? tryMcp(url) : tryHttp(url)).catch((error: unknown) => ({
    ok: false,
    message: `cannot be reached: ${causeOf(error)}`,
  }))
  return { path, upstream: url, mcp, ok, message, tookMs: Math.round(performance.now() - startedMs) }
}

interface Tried {
  ok: boolean
  message: string
}

async function tryHttp(url: string): Promise<Tried> {
  const { statusCode, body } = await request(url, { method: 'HEAD', ...times })
  await body.dump()
  // Whatever it says of a request without an identity, it is there.
  return { ok: statusCode < 500, message: `answers ${statusCode}` }
}

async function tryMcp(url: string): Promise<Tried> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': modern,
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const discovered = await ask(
    url,
    { 'mcp-protocol-version': modern, 'mcp-method': 'server/discover' },
    { method: 'server/discover', params: { _meta: meta } },
  )
  if (discovered.result !== null) return { ok: true, message: `speaks MCP ${versionsOf(discovered.result)}` }
  const initialized = await ask(
    url,
    {},
    { method: 'initialize', params: { protocolVersion: legacy, capabilities: {}, clientInfo } },
  )
  const { result, status, sessionId, isOfEvents } = initialized
  if (result === null) {
    if (await opensEvents(url)) return { ok: true, message: 'speaks MCP 2024-11-05 (HTTP+SSE)' }
    const what = isOfEvents ? 'events without a reply' : `${status} without an MCP reply`
    return { ok: false, message: `speaks no MCP: answers ${what}` }
  }
  // A session that nobody goes on with.
  if (sessionId !== null)
    await request(url, { method: 'DELETE', headers: { 'mcp-session-id': sessionId }, ...times })
      .then(({ body }) => body.dump())
      .catch(() => undefined)
  return { ok: true, message: `speaks MCP ${textOf(result['protocolVersion']) ?? 'of an unknown revision'}` }
}

interface McpReply {
  status: number
  sessionId: string | null
  isOfEvents: boolean
  result: Record<string, unknown> | null
}

async function ask(url: string, headers: Record<string, string>, message: object): Promise<McpReply> {
  const answer = await request(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    ...times,
  })
  const type = textOf(answer.headers['content-type']) ?? ''
  const isOfEvents = type.startsWith('text/event-stream')
  return {
    status: answer.statusCode,
    sessionId: textOf(answer.headers['mcp-session-id']),
    isOfEvents,
    result: resultIn(await readUntilReply(answer.body, isOfEvents), isOfEvents),
  }
}

/** Reads no more than it takes: a stream may stay open after its reply. */
async function readUntilReply(body: AsyncIterable<Buffer>, isOfEvents: boolean): Promise<string> {
  let text = ''
  for await (const chunk of body) {
    text += chunk.toString()
    if (text.length > answerLimitBytes || (isOfEvents && resultIn(text, true) !== null)) break
  }
  return text
}

function resultIn(text: string, isOfEvents: boolean): Record<string, unknown> | null {
  const texts = isOfEvents ? [...text.matchAll(/^data: ?(.+)$/gm)].map((match) => match[1] ?? '') : [text]
  for (const each of texts) {
    try {
      const message: unknown = JSON.parse(each)
      if (isObject(message) && isObject(message['result'])) return message['result']
    } catch {
      // Not JSON, or not all of it yet.
    }
  }
  return null
}

async function opensEvents(url: string): Promise<boolean> {
  const { headers, body } = await request(url, { headers: { accept: 'text/event-stream' }, ...times })
  const isOfEvents = textOf(headers['content-type'])?.startsWith('text/event-stream') ?? false
  if (!isOfEvents) {
    await body.dump()
    return false
  }
  for await (const chunk of body) return String(chunk).includes('event: endpoint')
  return false
}

const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }

function versionsOf(result: Record<string, unknown>): string {
  const versions = result['supportedVersions']
  return Array.isArray(versions) && versions.length > 0 ? versions.map(String).join(', ') : modern
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an error'
  const { code } = error as NodeJS.ErrnoException
  return code ?? error.message
}
