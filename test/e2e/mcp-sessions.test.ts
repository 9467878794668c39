import { expect, test } from 'vitest'
import { bearer, callOf, mcpHeaders, modernCallOf, rowsOf } from './gateway.ts'
import { onStage } from './stage.ts'
import type { Stage } from './stage.ts'
import type { TestKey } from './gateway.ts'
import { valuesOf } from './upstream.ts'
import type { Received } from './upstream.ts'

let stage: Stage
onStage(
  (origin) => ({
    routes: ['/mcp', '/other'].map((path) => ({
      path,
      mcp: true,
      accepts: ['service-key' as const],
      upstream: `${origin}/v1/mcp`,
    })),
  }),
  (set) => {
    stage = set
  },
)

/** A key of another service user. */
async function strangersKey(): Promise<TestKey> {
  const { keys } = stage.gateway.postern
  const user = await keys.createServiceUser(
    { name: `other-${Math.random()}`, owner: 'o@example.com' },
    'test',
  )
  const { key, token } = await keys.issue({ serviceUser: user.id }, 'test')
  return { token, id: key.key.id, serviceUserId: user.id }
}

function ask(
  method: string,
  path: string,
  session: string | null,
  as: TestKey = stage.key,
  more: object = {},
) {
  return fetch(stage.gateway.url + path, {
    method,
    headers: {
      ...(method === 'POST' ? mcpHeaders : { accept: 'text/event-stream' }),
      ...(session === null ? {} : { 'mcp-session-id': session }),
      ...more,
      ...bearer(as),
    },
    ...(method === 'POST' ? { body: callOf('t') } : {}),
  })
}

/** Opens a session of the backend's, and answers the id that the client is given. */
async function openSession(path = '/mcp'): Promise<string> {
  stage.upstream.answer(async (received, response) => {
    await received.whole
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'backend-1' })
    response.end('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
  const given = (await ask('POST', path, null)).headers.get('mcp-session-id')
  stage.upstream.reset()
  return given ?? ''
}

const sessionOf = (received: Received | undefined) => valuesOf(received?.rawHeaders ?? [], 'mcp-session-id')

test('the client gets a session id of ours, and the backend its own', async () => {
  const session = await openSession()
  expect(session).toMatch(/^[A-Za-z0-9_-]{22}\.backend-1$/)
  for (const method of ['POST', 'GET', 'DELETE'])
    expect((await ask(method, '/mcp', session)).status, method).toBe(200)
  expect(stage.upstream.received.map(sessionOf)).toEqual([['backend-1'], ['backend-1'], ['backend-1']])
})

test('another key of the same service user goes on with a session, as after a rotation', async () => {
  const session = await openSession()
  expect((await ask('POST', '/mcp', session, await stage.gateway.issueKey())).status).toBe(200)
})

test.each(['POST', 'GET', 'DELETE'])(
  "another principal's session is a 404 to a %s, and a denial in the trail",
  async (method) => {
    const session = await openSession()
    const stranger = await strangersKey()
    await stage.gateway.mark()
    const answer = await ask(method, '/mcp', session, stranger)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({
      jsonrpc: '2.0',
      id: method === 'POST' ? 1 : null,
      error: { code: 40400, data: { code: 'session_unknown' } },
    })
    expect(stage.upstream.received).toEqual([])
    expect(await rowsOf(stage.gateway, 1)).toMatchObject([
      { outcome: 'denied', reason: 'session_unknown', serviceUserId: stranger.serviceUserId, status: 404 },
    ])
  },
)

test("a session of another route, the backend's own id, and nonsense are 404s too", async () => {
  const session = await openSession('/other')
  for (const id of [session, 'backend-1', `${'A'.repeat(22)}.backend-1`, session.slice(1), 'x'])
    expect((await ask('POST', '/mcp', id)).status, id).toBe(404)
  expect(stage.upstream.received).toEqual([])
})

test("a backend's own 404 on a dead session passes through", async () => {
  const session = await openSession()
  stage.upstream.answer(async (received, response) => {
    await received.whole
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}')
  })
  const answer = await ask('POST', '/mcp', session)
  expect(answer.status).toBe(404)
  expect(await answer.json()).toMatchObject({ error: { code: -32001 } })
})

test('a stream is resumed with Last-Event-ID, under its session', async () => {
  const session = await openSession()
  stage.upstream.answer((_received, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end('id: 8\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
  })
  const answer = await ask('GET', '/mcp', session, stage.key, { 'last-event-id': '7' })
  expect(await answer.text()).toBe('id: 8\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
  const [received] = stage.upstream.received
  expect(valuesOf(received?.rawHeaders ?? [], 'last-event-id')).toEqual(['7'])
  expect(sessionOf(received)).toEqual(['backend-1'])
})

test('under 2026-07-28 a session id means nothing, and goes no further', async () => {
  const { headers, body } = modernCallOf('t')
  const answer = await fetch(`${stage.gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...headers, 'mcp-session-id': 'anything', ...bearer(stage.key) },
    body,
  })
  expect(answer.status).toBe(200)
  expect(sessionOf(stage.upstream.received[0])).toEqual([])
})

test('a session id that is none, from the backend, is no valid answer', async () => {
  stage.upstream.answer(async (received, response) => {
    await received.whole
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'x'.repeat(2000) })
    response.end('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
  const answer = await ask('POST', '/mcp', null)
  expect(answer.status).toBe(502)
  expect(await answer.json()).toMatchObject({ id: 1, error: { code: 50200 } })
})

test('unknown Mcp-Param-* headers reach the backend as they came, and answers come unencoded', async () => {
  const { headers, body } = modernCallOf('t')
  await fetch(`${stage.gateway.url}/mcp`, {
    method: 'POST',
    headers: {
      ...headers,
      'mcp-param-region': '=?base64?w6Q=?=',
      'accept-encoding': 'gzip',
      ...bearer(stage.key),
    },
    body,
  })
  const { rawHeaders } = stage.upstream.received[0]!
  expect(valuesOf(rawHeaders, 'mcp-param-region')).toEqual(['=?base64?w6Q=?='])
  expect(valuesOf(rawHeaders, 'accept-encoding')).toEqual(['identity'])
})

/** 2024-11-05: opens the stream whose first event says where to post; answers that place. */
async function openEvents(named: string): Promise<string | null> {
  stage.upstream.answer(async (received, response) => {
    await received.whole
    if (received.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`event: endpoint\r\ndata: ${named}\r\n\r\n`)
    } else response.writeHead(202).end()
  })
  const leave = new AbortController()
  const answer = await fetch(`${stage.gateway.url}/mcp`, { headers: bearer(stage.key), signal: leave.signal })
  const { value } = await answer.body!.getReader().read()
  leave.abort()
  return /^event: endpoint\ndata: (.*)\n\n$/.exec(Buffer.from(value ?? []).toString())?.[1] ?? null
}

test.each([
  ['/messages?sessionId=s-1&x=%20', '/messages?sessionId=s-1&x=%20'],
  ['messages', '/v1/messages'],
  ['?sessionId=2', '/v1/mcp?sessionId=2'],
])(
  'HTTP+SSE: the endpoint %s is one of ours, and leads back to it for its own principal',
  async (named, path) => {
    const endpoint = await openEvents(named)
    expect(endpoint).toMatch(/^\/mcp\?sessionId=[A-Za-z0-9._-]+$/)
    expect((await ask('POST', endpoint ?? '', null)).status).toBe(202)
    expect(stage.upstream.received.at(-1)).toMatchObject({ method: 'POST', url: path })
    const before = stage.upstream.received.length
    expect((await ask('POST', endpoint ?? '', null, await strangersKey())).status).toBe(404)
    expect((await ask('POST', (endpoint ?? '').replace('/mcp', '/other'), null)).status).toBe(404)
    expect(stage.upstream.received).toHaveLength(before)
  },
)

test('HTTP+SSE: an absolute endpoint on the backend is good', async () => {
  const endpoint = await openEvents(`${stage.upstream.origin}/in`)
  await ask('POST', endpoint ?? '', null)
  expect(stage.upstream.received.at(-1)).toMatchObject({ url: '/in' })
})

test.each([
  'http://evil.example/in',
  '//evil.example/in',
  'javascript:alert(1)',
  'http://u:p@127.0.0.1/',
  'http://[',
])('HTTP+SSE: the endpoint %s ends the stream, and reads as an invalid answer', async (named) => {
  expect(await openEvents(named)).toBeNull()
  await expect
    .poll(async () => (await stage.gateway.rows())[0])
    .toMatchObject({ outcome: 'failed', reason: 'upstream_invalid' })
})
