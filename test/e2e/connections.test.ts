import { isDeepStrictEqual } from 'node:util'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { callOf, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { exchangeRaw, openRaw, readAnswer } from './raw.ts'
import { onStage } from './stage.ts'
import { valuesOf } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

const accepts = ['service-key' as const]

onStage(
  (origin) => ({
    routes: [
      { path: '/mcp', mcp: true, accepts, upstream: `${origin}/mcp` },
      { path: '/public/*', public: true, upstream: origin },
      { path: '/*', accepts, upstream: origin },
    ],
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)

const auth = () => `Authorization: Bearer ${key.token}\r\n`
const get = (path: string, fields = '') =>
  `GET ${path} HTTP/1.1\r\nHost: h\r\n${auth()}${fields}Connection: close\r\n\r\n`
const body = callOf('t')
const post = (fields = '', content = `Content-Length: ${body.length}\r\n\r\n${body}`) =>
  `POST /mcp HTTP/1.1\r\nHost: h\r\n${auth()}Content-Type: application/json\r\nConnection: close\r\n${fields}${content}`

describe('T6: what the backend gets on a connection is what the trail has', () => {
  const call = (fields = '') =>
    `POST /mcp HTTP/1.1\r\nHost: h\r\n${auth()}Content-Type: application/json\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
  const smuggled = () => `GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n`

  test.each<[string, () => string, number | 'at most one']>([
    ['three pipelined calls', () => call() + call() + call('Connection: close\r\n'), 3],
    [
      'a call behind a refused one',
      () => get('/a//b').replace('Connection: close\r\n', '') + call('Connection: close\r\n'),
      0,
    ],
    [
      'a call behind one without a key',
      () => `GET /x HTTP/1.1\r\nHost: h\r\n\r\n${call('Connection: close\r\n')}`,
      1,
    ],
    // It ends the connection: where the key has to be looked up just then, before the call went out.
    ['garbage behind a call', () => `${call()}garbage\r\n\r\n`, 'at most one'],
    [
      'CL.TE',
      () => post('Transfer-Encoding: chunked\r\n', `Content-Length: 4\r\n\r\n0\r\n\r\n${smuggled()}`),
      0,
    ],
    [
      'TE.CL',
      () => post('Content-Length: 4\r\n', `Transfer-Encoding: chunked\r\n\r\n5c\r\n${smuggled()}0\r\n\r\n`),
      0,
    ],
    [
      'TE.TE',
      () => post('Transfer-Encoding: x\r\n', `Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled()}`),
      0,
    ],
    ['CL.0', () => get('/x', `Content-Length: ${smuggled().length}\r\n`) + smuggled(), 0],
    [
      'a chunk extension',
      () =>
        post('', `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)};x=\r\n${body}\r\n0\r\n\r\n`),
      1,
    ],
    [
      'a line feed in a chunk extension',
      () => post('', `Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n${smuggled()}`),
      0,
    ],
    [
      'Expect and an unread body',
      () => post('Expect: 100-continue\r\n', `Content-Length: ${body.length}\r\n\r\n${body}`),
      1,
    ],
    ['a bad chunk size', () => post('', `Transfer-Encoding: chunked\r\n\r\nzz\r\n${smuggled()}`), 0],
    [
      'an upgrade',
      () => get('/x', 'Upgrade: websocket\r\n').replace('Connection: close', 'Connection: upgrade, close'),
      1,
    ],
    ['an upgrade to HTTP/2', () => get('/x', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'), 1],
  ])('%s', async (_name, bytes, calls) => {
    await exchangeRaw(gateway.port, bytes())
    // The garbage has a row of its own, a denial.
    if (calls === 'at most one') await rowsOfAtLeast(1)
    else await expect.poll(() => upstream.received.length).toBe(calls)
    const ids = () => upstream.received.map(({ rawHeaders }) => valuesOf(rawHeaders, 'x-request-id')[0])
    const recorded = async () =>
      (await gateway.rows()).filter(({ outcome }) => outcome !== 'denied').map(({ requestId }) => requestId)
    await expect.poll(async () => isDeepStrictEqual(await recorded(), ids())).toBe(true)
    if (calls === 'at most one') expect(ids().length).toBeLessThanOrEqual(1)
    expect(upstream.received.some(({ url }) => url.includes('smuggled'))).toBe(false)
    for (const { rawHeaders } of upstream.received) {
      expect(rawHeaders.join('\n')).not.toMatch(/upgrade|http2|expect|transfer-encoding/i)
      expect(valuesOf(rawHeaders, 'x-postern-principal')).toEqual([`service:${key.serviceUserId}`])
    }
  })

  test('garbage behind a call that is at the backend already', async () => {
    const connection = await openRaw(gateway.port)
    connection.send(call())
    await expect.poll(() => upstream.received.length).toBe(1)
    connection.send('garbage\r\n\r\n')
    await connection.closed
    const recorded = async () =>
      (await gateway.rows()).filter(({ outcome }) => outcome !== 'denied').map(({ requestId }) => requestId)
    const [received] = upstream.received
    await expect.poll(recorded).toEqual(valuesOf(received?.rawHeaders ?? [], 'x-request-id'))
    expect(upstream.received).toHaveLength(1)
  })

  async function rowsOfAtLeast(count: number) {
    await expect.poll(async () => (await gateway.rows()).length).toBeGreaterThanOrEqual(count)
    return gateway.rows()
  }

  test('a connection that piles up requests is closed, and all that went on is in the trail', async () => {
    upstream.answer(() => {})
    const connection = await openRaw(gateway.port)
    connection.send(get('/x').replace('Connection: close\r\n', '').repeat(2000))
    await connection.closed
    // One at the most begins; whether it got any further than its intent, it has its row.
    const [row, ...others] = await rowsOfAtLeast(1)
    expect(row?.outcome).toBe('aborted')
    expect(others).toEqual([])
    expect(upstream.received.length).toBeLessThanOrEqual(1)
  })

  test('CONNECT opens nothing', async () => {
    const text = await exchangeRaw(gateway.port, `CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n${auth()}\r\n`)
    expect(text).not.toContain(' 200 ')
    expect(upstream.received).toEqual([])
  })

  test('T3: trailers are dropped and never merged, whatever they carry', async () => {
    const chunked = `Transfer-Encoding: chunked\r\nTrailer: x-postern-service-user\r\n\r\n2\r\nok\r\n0\r\nX-Postern-Service-User: admin\r\nX-Postern-Principal: user:root\r\nAuthorization: Bearer other\r\n\r\n`
    const text = await exchangeRaw(
      gateway.port,
      `POST /x HTTP/1.1\r\nHost: h\r\n${auth()}Connection: close\r\n${chunked}`,
    )
    expect(readAnswer(text).status).toBe(200)
    const [got] = upstream.received
    expect(got?.body.toString()).toBe('ok')
    expect(got?.rawTrailers).toEqual([])
    expect(valuesOf(got!.rawHeaders, 'x-postern-service-user')).toEqual([key.serviceUserId])
    expect(valuesOf(got!.rawHeaders, 'trailer')).toEqual([])
    expect(valuesOf(got!.rawHeaders, 'authorization')).toEqual([])
  })
})

describe('T30: a thousand slow bodies without a key', () => {
  const announcedBytes = 1_000_000
  const head = `POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${announcedBytes}\r\n\r\n`
  // In one piece with the head, so that the server has it in hand when it answers: Node reads 64 KiB at a time.
  const beginning = Buffer.from(head.padEnd(64_000, 'x'))

  test('are answered 401 at once and leave memory flat, and none is read', async () => {
    const before = await usedBytes()
    let mostBytes = 0
    let readBodies = 0
    const onAnswered = (message: unknown) => {
      const { request } = message as { request: IncomingMessage }
      if (request.readableDidRead) readBodies++
      mostBytes = Math.max(mostBytes, usedBytesNow())
    }
    subscribe('http.server.response.finish', onAnswered)
    try {
      for (let round = 0; round < 10; round++) {
        const connections = await Promise.all(Array.from({ length: 100 }, () => openRaw(gateway.port)))
        for (const connection of connections) connection.send(beginning)
        // Nobody has sent a whole body, and yet everybody is answered.
        const texts = await Promise.all(connections.map((connection) => connection.closed))
        for (const text of texts) expect([401, 0]).toContain(readAnswer(text).status)
        expect(texts.filter((text) => readAnswer(text).status === 401).length).toBeGreaterThan(90)
        collectGarbage()
      }
    } finally {
      unsubscribe('http.server.response.finish', onAnswered)
    }
    expect(readBodies).toBe(0)
    // A piece read from each socket is 6.4 MB in every round; buffers of the announced length would be 100 MB.
    expect(mostBytes - before).toBeLessThan(30_000_000)
    // What has come of all of the bodies is 64 MB.
    await expect.poll(async () => (await usedBytes()) - before, { timeout: 10_000 }).toBeLessThan(16_000_000)
    const rows = await rowsOf(gateway, 1000)
    expect(new Set(rows.map(({ reason, tool }) => `${reason} ${tool}`))).toEqual(
      new Set(['missing_credential null']),
    )
    expect(upstream.received).toEqual([])
  })
})

/** Bytes on the heap and in buffers of this thread. The resident size tells less: freed pages stay for long. */
function usedBytesNow(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The same without garbage; buffers are freed on a thread of their own, some time after. */
async function usedBytes(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage()
    await setTimeout(20)
  }
  return usedBytesNow()
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
}
