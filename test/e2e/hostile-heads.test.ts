import { describe, expect, test } from 'vitest'
import type { Reason } from '../../src/domain/verdict.ts'
import { refusalFor } from '../../src/domain/verdict.ts'
import { callOf, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { answersIn, exchangeRaw, openRaw, readAnswer } from './raw.ts'
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
    settings: { limits: { headerTimeout: '300ms' } },
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)

const auth = () => `Authorization: Bearer ${key.token}\r\n`
const get = (path: string, fields = '') =>
  `GET ${path} HTTP/1.1\r\nHost: h\r\n${auth()}${fields}Connection: close\r\n\r\n`
const body = callOf('t')
const post = (fields = '', content = `Content-Length: ${body.length}\r\n\r\n${body}`) =>
  `POST /mcp HTTP/1.1\r\nHost: h\r\n${auth()}Content-Type: application/json\r\nConnection: close\r\n${fields}${content}`

async function isRefused(bytes: string | Buffer, reason: Reason): Promise<void> {
  const text = await exchangeRaw(gateway.port, bytes)
  const { status, shownAs } = refusalFor(reason)
  expect(readAnswer(text)).toMatchObject({ status })
  expect(answersIn(text)).toBe(1)
  expect(text).toContain(`"${shownAs}"`)
  expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'denied', reason, status }])
  expect(upstream.received).toEqual([])
}

test('the same requests without their faults pass', async () => {
  expect(readAnswer(await exchangeRaw(gateway.port, get('/x/y'))).status).toBe(200)
  expect(readAnswer(await exchangeRaw(gateway.port, post())).status).toBe(200)
  expect(upstream.received.map(({ url }) => url)).toEqual(['/x/y', '/mcp'])
})

test.each<[string, () => string, Reason]>([
  ['two Authorization', () => post(auth()), 'ambiguous_credentials'],
  ['two Content-Type', () => post('Content-Type: text/plain\r\n'), 'header_invalid'],
  ['a GET with a body', () => get('/mcp', 'Content-Length: 2\r\n') + '{}', 'header_invalid'],
])(
  'on an MCP route the refusal of %s is JSON-RPC, which its clients can read',
  async (_name, request, reason) => {
    const text = await exchangeRaw(gateway.port, request())
    const { status, rpcCode } = refusalFor(reason)
    expect(readAnswer(text).status).toBe(status)
    expect(text.toLowerCase()).toContain('content-type: application/json\r\n')
    expect(text).toContain(`"id":null,"error":{"code":${rpcCode},`)
  },
)

describe('T5, T6, T7: a head that can be read in two ways is refused', () => {
  test.each<[string, () => string | Buffer, Reason]>([
    ['two Host', () => get('/x', 'Host: h\r\n'), 'header_invalid'],
    ['two different Host', () => get('/x', 'host: other\r\n'), 'header_invalid'],
    ['no Host', () => `GET /x HTTP/1.1\r\n${auth()}Connection: close\r\n\r\n`, 'header_invalid'],
    [
      'an empty Host',
      () => `GET /x HTTP/1.1\r\nHost:\r\n${auth()}Connection: close\r\n\r\n`,
      'header_invalid',
    ],
    ['a Host that is none', () => `GET /x HTTP/1.1\r\nHost: a/b\r\n${auth()}\r\n`, 'header_invalid'],
    ['two Authorization', () => get('/x', auth()), 'ambiguous_credentials'],
    [
      'two Authorization of two schemes',
      () => get('/x', 'authorization: Basic eDp5\r\n'),
      'ambiguous_credentials',
    ],
    ['two Content-Length', () => post('Content-Length: 5\r\n'), 'header_invalid'],
    ['a signed Content-Length', () => post('', `Content-Length: +5\r\n\r\n${body}`), 'header_invalid'],
    ['a hexadecimal Content-Length', () => post('', `Content-Length: 0x5\r\n\r\n${body}`), 'header_invalid'],
    ['a list as Content-Length', () => post('', `Content-Length: 5, 5\r\n\r\n${body}`), 'header_invalid'],
    [
      'a Content-Length beyond all numbers',
      () => post('', `Content-Length: ${'9'.repeat(30)}\r\n\r\n`),
      'header_invalid',
    ],
    ['length and chunks', () => post('Transfer-Encoding: chunked\r\n'), 'header_invalid'],
    [
      'chunked, identity',
      () => post('', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'),
      'header_invalid',
    ],
    [
      'identity, chunked',
      () => post('', 'Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n'),
      'header_invalid',
    ],
    ['gzip, chunked', () => post('', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'), 'header_invalid'],
    [
      'chunked twice',
      () => post('', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
      'header_invalid',
    ],
    [
      'a space before the colon of Transfer-Encoding',
      () => post('', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'),
      'header_invalid',
    ],
    [
      'a tab in Transfer-Encoding',
      () => post('', 'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n'),
      'header_invalid',
    ],
    ['Transfer_Encoding', () => post('Transfer_Encoding: chunked\r\n'), 'header_invalid'],
    ['Content_Length', () => post('Content_Length: 3\r\n'), 'header_invalid'],
    ['a GET with a body', () => get('/x', 'Content-Length: 1\r\n') + 'x', 'header_invalid'],
    ['a GET with chunks', () => get('/x', 'Transfer-Encoding: chunked\r\n') + '0\r\n\r\n', 'header_invalid'],
    ['a folded header', () => get('/x', 'X-A: b\r\n c\r\n'), 'header_invalid'],
    ['a folded first header', () => `GET /x HTTP/1.1\r\n Host: h\r\n\r\n`, 'header_invalid'],
    ['bare line feeds', () => get('/x').replaceAll('\r\n', '\n'), 'header_invalid'],
    ['a bare carriage return', () => get('/x', 'X-A: b\rX-C: d\r\n'), 'header_invalid'],
    ['a NUL in a value', () => get('/x', 'X-A: b\0c\r\n'), 'header_invalid'],
    ['a name that is no token', () => get('/x', 'X(A): b\r\n'), 'header_invalid'],
    ['a line without a colon', () => get('/x', 'nonsense\r\n'), 'header_invalid'],
    ['an odd Expect', () => post('Expect: 200-ok\r\n'), 'header_invalid'],
    [
      'Connection that drops Authorization',
      () => get('/x', '').replace('Connection: close', 'Connection: close, authorization'),
      'header_invalid',
    ],
    ['HTTP/2 in clear text', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'header_invalid'],
    ['no HTTP at all', () => '\x16\x03\x01\x02\x00\x01\x00\x01', 'header_invalid'],
    ['HTTP/0.9', () => 'GET /x\r\n\r\n', 'header_invalid'],
    [
      'chunks under HTTP/1.0',
      () => post('', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'),
      'header_invalid',
    ],
    ['HTTP/1.2', () => get('/x').replace('HTTP/1.1', 'HTTP/1.2'), 'header_invalid'],
    ['the absolute form', () => get('http://h/x'), 'url_ambiguous'],
    ['the absolute form of another host', () => get('http://other/x'), 'url_ambiguous'],
    ['the asterisk', () => get('*').replace('GET', 'OPTIONS'), 'url_ambiguous'],
    ['%2e%2e', () => get('/a/%2e%2e/x'), 'url_ambiguous'],
    ['..', () => get('/a/../x'), 'url_ambiguous'],
    ['%2f', () => get('/a%2fx'), 'url_ambiguous'],
    ['%5c', () => get('/a%5cx'), 'url_ambiguous'],
    ['%252e', () => get('/a/%252e%252e/x'), 'url_ambiguous'],
    ['%00', () => get('/x%00'), 'url_ambiguous'],
    ['a NUL', () => get('/x\0'), 'header_invalid'],
    ['//', () => get('//x'), 'url_ambiguous'],
    ['/a//b', () => get('/a//b'), 'url_ambiguous'],
    [';', () => get('/x;y'), 'url_ambiguous'],
    ['a backslash', () => get('/x\\y'), 'url_ambiguous'],
    ['a fragment', () => get('/x#y'), 'url_ambiguous'],
    ['a fragment in the query', () => get('/x?a#y'), 'url_ambiguous'],
    ['a broken escape', () => get('/x%zz'), 'url_ambiguous'],
    ['overlong UTF-8', () => get('/%c0%ae%c0%ae/x'), 'url_ambiguous'],
    ['a raw byte over ASCII', () => Buffer.from(get('/x\xe9'), 'latin1'), 'header_invalid'],
    ['another case of a route', () => get('/MCP'), 'url_ambiguous'],
    ['a route with a slash behind', () => get('/mcp/'), 'url_ambiguous'],
    ['an encoded letter of a route', () => get('/%6dcp'), 'url_ambiguous'],
  ])('%s', async (_name, bytes, reason) => {
    await isRefused(bytes(), reason)
  })
})

describe('limits of the head', () => {
  test('a header of 100 kB is refused with 431', () =>
    isRefused(get('/x', `X-Big: ${'x'.repeat(100_000)}\r\n`), 'header_too_large'))

  test('a URL of 100 kB is refused with 431', () =>
    isRefused(get(`/${'x'.repeat(100_000)}`), 'header_too_large'))

  test('200 headers arrive, every one of them, and the identity is still ours alone', async () => {
    const many = Array.from({ length: 200 }, (_, index) => `X-H${index}: ${index}\r\n`).join('')
    const text = await exchangeRaw(gateway.port, get('/x', `${many}X-Postern-Principal: service:me\r\n`))
    expect(readAnswer(text).status).toBe(200)
    const { rawHeaders } = upstream.received[0]!
    expect(rawHeaders.filter((name) => /^X-H\d+$/.test(name))).toHaveLength(200)
    expect(valuesOf(rawHeaders, 'x-postern-principal')).toEqual([`service:${key.serviceUserId}`])
  })

  test('a head that never ends is given up with 408', async () => {
    const connection = await openRaw(gateway.port)
    connection.send('GET /x HTTP/1.1\r\nHost: h\r\n')
    expect(readAnswer(await connection.closed).status).toBe(408)
    expect(await rowsOf(gateway, 1)).toMatchObject([{ reason: 'request_timeout', status: 408 }])
  })

  test('after a refusal of the parser nothing is left open on our side', async () => {
    const connection = await openRaw(gateway.port)
    connection.socket.allowHalfOpen = true
    connection.send('nonsense\r\n\r\n')
    await connection.until('400')
    // Half a connection that nobody ends would stay for ever: writing to it has to fail.
    const failed = new Promise((resolve) => connection.socket.once('error', resolve))
    const timer = setInterval(() => connection.send('x'), 20)
    await failed
    clearInterval(timer)
  })
})
