import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bearer, callOf, mcpHeaders, modernCallOf, openGateway } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { openRaw } from './raw.ts'
import { startUpstream } from './upstream.ts'
import type { Received, Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())
beforeEach(async () => {
  upstream.reset()
  gateway = await openGateway({
    routes: [
      { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${upstream.origin}/mcp` },
      { path: '/api/*', accepts: ['service-key'], upstream: upstream.origin },
    ],
  })
  key = await gateway.issueKey()
})
afterEach(() => gateway.close())

/** Answers with the head of a stream that has no end, or not at all. */
function hang(withHead: boolean): Promise<{ received: Received }> {
  return new Promise((resolve) => {
    upstream.answer((received, response) => {
      if (withHead) response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
      resolve({ received })
    })
  })
}
const post = ({ headers, body }: { headers: Record<string, string>; body: string }, signal?: AbortSignal) =>
  fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...headers, ...bearer(key) },
    body,
    ...(signal === undefined ? {} : { signal }),
  }).then((response) => response.text())
const legacy = { headers: mcpHeaders, body: callOf('t') }

describe('a stop ends what its grace leaves over, upstream as well, and the trail has the end of each', () => {
  test.each([
    ['a legacy stream', legacy, true],
    ['a stream of 2026-07-28', modernCallOf('t'), true],
    ['a legacy call without an answer', legacy, false],
    ['a call of 2026-07-28 without an answer', modernCallOf('t'), false],
  ])('%s', async (_name, request, withHead) => {
    const hanging = hang(withHead)
    const broken = expect(post(request)).rejects.toThrow()
    const { received } = await hanging
    if (withHead) await expect.poll(async () => (await gateway.rows()).length).toBe(1)
    await gateway.stop(50)
    await broken
    expect(await received.over).toBe('aborted')
    expect(await gateway.rows()).toMatchObject([{ tool: 't', outcome: 'aborted' }])
  })

  test('a legacy call whose client has left', async () => {
    const hanging = hang(false)
    const leave = new AbortController()
    const left = expect(post(legacy, leave.signal)).rejects.toThrow()
    const { received } = await hanging
    leave.abort()
    await left
    await gateway.stop(50)
    expect(await received.over).toBe('aborted')
    expect(await gateway.rows()).toMatchObject([{ tool: 't', outcome: 'aborted' }])
  })

  test('an upload under way', async () => {
    const hanging = hang(false)
    const connection = await openRaw(gateway.port)
    connection.send(
      `POST /api/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nContent-Length: 10\r\n\r\nx`,
    )
    const { received } = await hanging
    await gateway.stop(50)
    expect(await received.over).toBe('aborted')
    await connection.closed
    expect(await gateway.rows()).toMatchObject([{ path: '/api/x', outcome: 'aborted' }])
  })

  test('requests that wait behind another on their connection are never sent on', async () => {
    const hanging = hang(false)
    const connection = await openRaw(gateway.port)
    const get = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\n\r\n`
    connection.send(get('/api/first') + get('/api/second'))
    await hanging
    await gateway.stop(50)
    await connection.closed
    expect(upstream.received.map(({ url }) => url)).toEqual(['/api/first'])
    expect(await gateway.rows()).toMatchObject([{ path: '/api/first', outcome: 'aborted' }])
  })
})

test('a client that leaves while its key is still looked up is not waited for', async () => {
  for (let i = 0; i < 10; i++) {
    // Never seen before, so that it is in no cache.
    const fresh = await gateway.issueKey()
    const connection = await openRaw(gateway.port)
    connection.send(
      `POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${fresh.token}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n`,
    )
    connection.socket.destroySoon()
  }
  // Another on a connection of its own: the gateway has seen those before.
  expect(await post(legacy)).toContain('jsonrpc')
  // Its grace, and the time-out of a body, are longer than this test may take.
  await gateway.stop(600_000)
  expect(await gateway.rows()).toMatchObject([{ tool: 't', outcome: 'succeeded' }])
})

test('a stop with nothing under way is immediate, idle connections or not', async () => {
  const idle = await openRaw(gateway.port)
  const kept = await openRaw(gateway.port)
  kept.send(`GET /api/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\n\r\n`)
  await kept.until('200 OK')
  // Its grace is longer than this test may take.
  await gateway.stop(600_000)
  await Promise.all([idle.closed, kept.closed])
})
