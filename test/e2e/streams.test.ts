import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDemo } from '../../src/demo/server.ts'
import type { Demo } from '../../src/demo/server.ts'
import { clientModes, openClient } from './clients.ts'
import { bearer, callOf, mcpHeaders, modernCallOf, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { openRaw } from './raw.ts'
import { startUpstream } from './upstream.ts'
import type { Received, Upstream } from './upstream.ts'

let upstream: Upstream
let demo: Demo
let gateway: TestGateway
let key: TestKey

beforeAll(async () => {
  ;[upstream, demo] = await Promise.all([startUpstream(), startDemo()])
  const accepts = ['service-key' as const]
  gateway = await openGateway({
    routes: [
      { path: '/mcp', mcp: true, accepts, upstream: `${upstream.origin}/mcp` },
      { path: '/demo', mcp: true, accepts, upstream: demo.url },
      { path: '/slow', mcp: true, accepts, upstream: `${upstream.origin}/slow`, timeout: '150ms' },
      { path: '/api/*', accepts, upstream: upstream.origin },
    ],
  })
  key = await gateway.issueKey()
})
afterAll(async () => {
  await gateway.close()
  await Promise.all([upstream.close(), demo.close()])
})
beforeEach(async () => {
  await gateway.mark()
  upstream.reset()
})

const post = (path: string, body = callOf('t'), headers: Record<string, string> = mcpHeaders) =>
  fetch(gateway.url + path, { method: 'POST', headers: { ...headers, ...bearer(key) }, body })
const get = (path: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, { ...init, headers: bearer(key) })

describe('an event stream', () => {
  test('reaches the client event by event, with its row at the headers and its end as a second fact', async () => {
    let proceed = () => {}
    const read = new Promise<void>((resolve) => {
      proceed = resolve
    })
    upstream.answer(async (received, response) => {
      await received.whole
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      response.write('data: 1\n\n')
      await read
      response.end(': kept alive\n\ndata: 2\n\n')
    })
    const response = await post('/mcp')
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body!.getReader()
    expect(text(await reader.read())).toBe('data: 1\n\n')
    const [open] = await rowsOf(gateway, 1)
    expect(open).toMatchObject({ tool: 't', status: 200, outcome: 'unknown', durationMs: null })
    proceed()
    expect(text(await reader.read())).toBe(': kept alive\n\ndata: 2\n\n')
    expect((await reader.read()).done).toBe(true)
    await expect
      .poll(() => firstRow(gateway))
      .toMatchObject({ id: open!.id, outcome: 'succeeded', status: 200 })
    expect((await firstRow(gateway))?.durationMs).toBeGreaterThan(0)
  })

  test.each(clientModes)("the %s client sees a tool's progress while it still runs", async (mode) => {
    const client = await openClient(mode, `${gateway.url}/demo`, bearer(key))
    const seen: number[] = []
    let isOver = false
    const first = new Promise<void>((resolve) => {
      void client
        .callTool(
          'count_with_progress',
          { to: 4, delayMs: 50 },
          {
            onprogress: ({ progress }) => {
              expect(isOver).toBe(false)
              seen.push(progress)
              resolve()
            },
          },
        )
        .then((result) => {
          isOver = true
          seen.push(result.isError ? -1 : 100)
        })
    })
    await first
    expect(isOver).toBe(false)
    await expect.poll(() => seen).toEqual([1, 2, 3, 4, 100])
    await client.close()
  })

  test('that the backend breaks off is broken off for the client, and reads failed', async () => {
    upstream.answer(async (received, response) => {
      await received.whole
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n', () => response.destroy())
    })
    const response = await post('/mcp')
    await expect(response.text()).rejects.toThrow()
    await expect
      .poll(() => firstRow(gateway))
      .toMatchObject({ outcome: 'failed', reason: 'upstream_unreachable', status: 200 })
  })
})

describe('a client that leaves', () => {
  const streaming = () =>
    new Promise<{ over: Promise<string>; end: () => void }>((resolve) => {
      upstream.answer(async (received, response) => {
        await received.whole
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        response.write('data: 1\n\n')
        resolve({ over: received.over, end: () => void response.end('data: 2\n\n') })
      })
    })

  test.each(['POST of 2026-07-28', 'plain GET', 'GET of an MCP route'])(
    'aborts upstream in the middle of a stream (%s), and reads aborted',
    async (kind) => {
      const started = streaming()
      const leave = new AbortController()
      const { headers, body } = modernCallOf('t')
      const response =
        kind === 'POST of 2026-07-28'
          ? await fetch(`${gateway.url}/mcp`, {
              method: 'POST',
              headers: { ...headers, ...bearer(key) },
              body,
              signal: leave.signal,
            })
          : await get(kind === 'plain GET' ? '/api/x' : '/mcp', { signal: leave.signal })
      await response.body!.getReader().read()
      leave.abort()
      expect(await (await started).over).toBe('aborted')
      await expect.poll(() => firstRow(gateway)).toMatchObject({ outcome: 'aborted', status: 200 })
    },
  )

  test('before the answer aborts upstream under 2026-07-28', async () => {
    const arrived = new Promise<Received>((resolve) => {
      upstream.answer(async (received) => {
        await received.whole
        resolve(received)
      })
    })
    const leave = new AbortController()
    const { headers, body } = modernCallOf('t')
    const answer = fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { ...headers, ...bearer(key) },
      body,
      signal: leave.signal,
    })
    const left = expect(answer).rejects.toThrow()
    const { over } = await arrived
    leave.abort()
    expect(await over).toBe('aborted')
    await left
    const [row] = await rowsOf(gateway, 1)
    expect(row).toMatchObject({ outcome: 'aborted', tool: 't' })
  })

  test.each([
    ['before the answer', false],
    ['in the middle of the stream', true],
  ])('of a legacy call does not cancel it: %s', async (_when, isStreaming) => {
    let end = () => {}
    const arrived = new Promise<Received>((resolve) => {
      upstream.answer(async (received, response) => {
        await received.whole
        if (received.method === 'GET') {
          response.end()
          return
        }
        if (isStreaming) {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write('data: 1\n\n')
        }
        end = () => void response.end('{}')
        resolve(received)
      })
    })
    const leave = new AbortController()
    const answer = fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { ...mcpHeaders, ...bearer(key) },
      body: callOf('t'),
      signal: leave.signal,
    }).then((response) => response.text())
    const left = expect(answer).rejects.toThrow()
    const { over } = await arrived
    if (isStreaming) await expect.poll(async () => (await gateway.rows()).length).toBe(1)
    leave.abort()
    await left
    // A call on another connection: the gateway has noticed by now.
    await (await get('/api/ping')).text()
    end()
    expect(await over).toBe('answered')
    await expect.poll(() => toolRow(gateway)).toMatchObject({ tool: 't', outcome: 'succeeded', status: 200 })
  })

  test('of a legacy call whose stream never ends is not waited for longer than the route allows', async () => {
    const arrived = new Promise<Received>((resolve) => {
      upstream.answer(async (received, response) => {
        await received.whole
        resolve(received)
        // The head only after the client has left.
        setTimeout(() => response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders(), 60)
      })
    })
    const leave = new AbortController()
    const answer = fetch(`${gateway.url}/slow`, {
      method: 'POST',
      headers: { ...mcpHeaders, ...bearer(key) },
      body: callOf('t'),
      signal: leave.signal,
    })
    const left = expect(answer).rejects.toThrow()
    const { over } = await arrived
    leave.abort()
    await left
    expect(await over).toBe('aborted')
  })

  test('while a pipelined request waits behind another leaves nothing open', async () => {
    upstream.answer(async (received, response) => {
      await received.whole
      // The first never ends by itself; the second would be larger than any buffer.
      response.writeHead(200, { 'content-type': 'text/plain' })
      if (received.url === '/api/first') response.write('x'.repeat(70_000))
      else for (let i = 0; i < 100; i++) response.write('x'.repeat(100_000))
    })
    const connection = await openRaw(gateway.port)
    const request = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\n\r\n`
    connection.send(request('/api/first') + request('/api/second'))
    await connection.until('200 OK')
    connection.end()
    await expect.poll(() => upstream.received.length).toBeGreaterThan(0)
    for (const { over } of upstream.received) expect(await over).toBe('aborted')
    const rows = await rowsOf(gateway, upstream.received.length)
    expect(rows).toHaveLength(upstream.received.length)
  })
})

const firstRow = async (of: TestGateway) => (await of.rows())[0]
const toolRow = async (of: TestGateway) => (await of.rows()).find(({ tool }) => tool !== null)
const text = ({ value }: { value?: Uint8Array | undefined }) => Buffer.from(value ?? []).toString()
