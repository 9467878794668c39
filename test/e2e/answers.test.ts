import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bearer, callOf, mcpHeaders, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { openRaw } from './raw.ts'
import { startUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey
/** Speaks whatever a test tells it to. */
let rawServer: Server
let speak: (socket: Socket) => void = () => {}

beforeAll(async () => {
  upstream = await startUpstream()
  rawServer = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => speak(socket))
  })
  await new Promise<void>((resolve) => void rawServer.listen(0, '127.0.0.1', resolve))
  const rawOrigin = `http://127.0.0.1:${(rawServer.address() as AddressInfo).port}`
  const accepts = ['service-key' as const]
  gateway = await openGateway({
    routes: [
      { path: '/slow', mcp: true, accepts, upstream: `${upstream.origin}/slow`, timeout: '150ms' },
      { path: '/down', mcp: true, accepts, upstream: 'http://127.0.0.1:1' },
      { path: '/raw', mcp: true, accepts, upstream: `${rawOrigin}/raw` },
      { path: '/api/*', accepts, upstream: upstream.origin },
    ],
  })
  key = await gateway.issueKey()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
  rawServer.close()
})
beforeEach(async () => {
  await gateway.mark()
  upstream.reset()
})

const post = (path: string, body = callOf('t'), headers: Record<string, string> = mcpHeaders) =>
  fetch(gateway.url + path, { method: 'POST', headers: { ...headers, ...bearer(key) }, body })
const get = (path: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, { ...init, headers: bearer(key) })

describe('a plain answer', () => {
  const limit = 64 * 1024
  test.each([
    ['one byte under 64 KiB, length said', limit - 1, true],
    ['exactly 64 KiB, length said', limit, true],
    ['one byte over 64 KiB, length said', limit + 1, true],
    ['one byte under 64 KiB, chunked', limit - 1, false],
    ['exactly 64 KiB, chunked', limit, false],
    ['one byte over 64 KiB, chunked', limit + 1, false],
    ['3 MiB, length said', 3 * 1024 * 1024, true],
    ['3 MiB, chunked', 3 * 1024 * 1024, false],
    ['empty, length said', 0, true],
    ['empty, chunked', 0, false],
  ])('arrives whole, and so does its outcome: %s', async (_name, bytes, isLengthSaid) => {
    const body = Buffer.alloc(bytes, 'abcdefghijklm')
    upstream.answer(async (received, response) => {
      await received.whole
      response.writeHead(201, {
        'content-type': 'application/octet-stream',
        ...(isLengthSaid ? { 'content-length': bytes } : { 'transfer-encoding': 'chunked' }),
      })
      response.end(body)
    })
    const response = await get('/api/file')
    expect(response.status).toBe(201)
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
    await expect.poll(() => firstRow(gateway)).toMatchObject({ outcome: 'succeeded', status: 201 })
  })

  test('that trickles is passed on before it is whole', async () => {
    let proceed = () => {}
    upstream.answer(async (received, response) => {
      await received.whole
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write('a')
      proceed = () => void response.end('b')
    })
    const reader = (await get('/api/trickle')).body!.getReader()
    expect(text(await reader.read())).toBe('a')
    proceed()
    expect(text(await reader.read())).toBe('b')
    expect((await reader.read()).done).toBe(true)
  })

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with status %d has its headers and no body', async (method, status) => {
    upstream.answer((_received, response) => {
      response.writeHead(status, { etag: '"v1"', ...(status === 204 ? {} : { 'content-length': 100_000 }) })
      response.end()
    })
    const response = await get('/api/x', { method })
    expect([response.status, response.headers.get('etag')]).toEqual([status, '"v1"'])
    expect(await response.text()).toBe('')
    expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'succeeded', status, httpMethod: method }])
  })

  test.each([
    ['after an informational one', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', 200, 'a'],
    ['of an unheard-of status', '', 799, 'a'],
    ['with bytes over ASCII in a header', '', 200, 'gr\xfc\xdfe'],
  ])('%s arrives', async (_name, before, status, value) => {
    speak = (socket) =>
      void socket.end(
        `${before}HTTP/1.1 ${status} X\r\nX-Own: ${value}\r\nContent-Length: 2\r\n\r\nok`,
        'latin1',
      )
    const response = await post('/raw')
    expect([response.status, response.headers.get('x-own'), await response.text()]).toEqual([
      status,
      value,
      'ok',
    ])
    expect(await rowsOf(gateway, 1)).toMatchObject([{ status }])
  })

  test('of an error keeps its status and reads failed', async () => {
    upstream.answer((_received, response) => void response.writeHead(404).end('no'))
    expect((await get('/api/x')).status).toBe(404)
    expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'failed', status: 404, reason: null }])
  })

  test('is not read on where the client is slow', async () => {
    const chunk = Buffer.alloc(256 * 1024)
    const total = 64 * 1024 * 1024
    let sent = 0
    let isStalled = false
    upstream.answer((_received, response) => {
      response.writeHead(200, { 'content-length': total })
      const more = () => {
        while (sent < total) {
          sent += chunk.length
          if (!response.write(chunk)) {
            isStalled = true
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    })
    const connection = await openRaw(gateway.port)
    connection.socket.pause()
    connection.send(`GET /api/big HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\n\r\n`)
    await expect.poll(() => isStalled).toBe(true)
    // Until nothing moves any more: what the kernel's buffers take is all that went.
    let before = -1
    await expect
      .poll(
        () => {
          const stands = sent === before
          before = sent
          return stands
        },
        { interval: 200 },
      )
      .toBe(true)
    expect(sent).toBeLessThan(total / 2)
    connection.end()
    expect(await upstream.received[0]!.over).toBe('aborted')
  })
})

describe('a backend that fails', () => {
  const refused = async (path: string, status: number, rpcCode: number, reason: string) => {
    const response = await post(path, callOf('t', {}, 'seven'))
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ id: 'seven', error: { code: rpcCode } })
    expect(response.headers.get('retry-after')).toBe(null)
    expect(await rowsOf(gateway, 1)).toMatchObject([{ tool: 't', outcome: 'failed', reason, status }])
  }

  test('because it is down gives 502', () => refused('/down', 502, 50200, 'upstream_unreachable'))

  test('because it is slow gives 504', async () => {
    upstream.answer(() => {})
    await refused('/slow', 504, 50400, 'upstream_timeout')
  })

  test('because its body stands still gives 504', async () => {
    upstream.answer((_received, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 10 })
      response.write('x')
    })
    await refused('/slow', 504, 50400, 'upstream_timeout')
  })

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n', 'upstream_invalid'],
    ['a head over the limit', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(200_000)}\r\n\r\n`, 'upstream_invalid'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
      'upstream_invalid',
    ],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'upstream_invalid',
    ],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'upstream_invalid'],
    [
      'status 101 unasked',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      null,
    ],
    ['status 000', 'HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n', null],
    ['an end in the middle of the head', 'HTTP/1.1 200 OK\r\nx', 'upstream_unreachable'],
    [
      'an end in the middle of the body',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx',
      'upstream_unreachable',
    ],
    ['an end without a word', '', 'upstream_unreachable'],
  ])('because it answers %s gives 502', async (_name, bytes, reason) => {
    speak = (socket) => void socket.end(bytes, 'latin1')
    const response = await post('/raw', callOf('t', {}, 7))
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ id: 7, error: { code: 50200 } })
    const [row] = await rowsOf(gateway, 1)
    expect(row).toMatchObject({ outcome: 'failed', status: 502 })
    if (reason === null) expect(row?.reason).toMatch(/^upstream_/)
    else expect(row?.reason).toBe(reason)
  })
})

const firstRow = async (of: TestGateway) => (await of.rows())[0]
const text = ({ value }: { value?: Uint8Array | undefined }) => Buffer.from(value ?? []).toString()
