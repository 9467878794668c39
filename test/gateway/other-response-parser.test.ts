import { get } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { readResponse } from './response-reading.ts'

/** Answers whatever comes with these bytes, and closes the connection. */
let answer: Buffer = Buffer.alloc(0)
let server: Server

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => void server.close())

interface Answer {
  status: number
  headers: string[]
  body: string
}

/** What Node's own client makes of the bytes, by llhttp; null where it refuses them. */
function byNode(bytes: Buffer): Promise<Answer | null> {
  answer = bytes
  return new Promise((resolve) => {
    const { port } = server.address() as AddressInfo
    const request = get({ port, host: '127.0.0.1', agent: false, insecureHTTPParser: false }, (response) => {
      let body = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', () => resolve(null))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.rawHeaders, body }),
      )
    })
    request.on('error', () => resolve(null))
  })
}

function byUs(bytes: Buffer): Answer | null {
  const { heads, body, ends, fault } = readResponse([bytes], 'GET', true)
  const [head] = heads
  // An answer with something behind it is one; Node looks at what is behind it first.
  if (fault !== null || ends === 0 || head === undefined) return null
  return { status: head.status, headers: head.headers, body }
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/http-responses.json', import.meta.url), 'utf8'),
) as { bytes: string; method: string }[]

test('T6: what we take for an answer, Node takes for the same (vectors)', async () => {
  for (const { bytes, method } of vectors) {
    if (method !== 'GET') continue
    const ours = byUs(Buffer.from(bytes, 'latin1'))
    // Node waits for the length that a 304 says.
    if (ours === null || ours.status === 304) continue
    expect(await byNode(Buffer.from(bytes, 'latin1'))).toEqual(ours)
  }
})

const line = fc.oneof(
  fc.constantFrom(
    'Content-Length: 3',
    'content-length:3 ',
    'Content-Length: 03',
    'Transfer-Encoding: chunked',
    'transfer-encoding:\tChunked',
    'Connection: close',
    'Connection: keep-alive, Upgrade',
    'Keep-Alive: timeout=5',
    'X: a\tb',
    'X:',
    'Trailer: Y',
  ),
  fc
    .tuple(
      fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,8}$/),
      fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,12}$/),
    )
    .map(([name, value]) => `${name}:${value}`),
)
const ending = fc.constantFrom(
  'abc',
  '',
  '3\r\nabc\r\n0\r\n\r\n',
  '3;x=y\r\nabc\r\n0\r\nY: z\r\n\r\n',
  '01\r\na\r\n0002;\r\nbc\r\n00\r\n\r\n',
)
const response = fc
  .tuple(
    fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 404', 'HTTP/1.1 500 ', 'HTTP/1.1 204 X'),
    fc.array(line, { maxLength: 4 }),
    ending,
    fc.option(fc.tuple(fc.nat(), fc.constantFrom('\n', '\r', ' ', '\0', ':', ';', '0', '-', ',')), {
      freq: 2,
    }),
  )
  .map(([status, lines, body, fault]) => {
    const text = `${[status, ...lines].join('\r\n')}\r\n\r\n${body}`
    if (fault === null) return text
    const at = fault[0] % text.length
    return text.slice(0, at) + fault[1] + text.slice(at + (fault[0] % 2))
  })

test('T6: what we take for an answer, Node takes for the same (any)', async () => {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(response, async (text) => {
      const bytes = Buffer.from(text, 'latin1')
      const ours = byUs(bytes)
      if (ours === null) return
      taken++
      expect(await byNode(bytes)).toEqual(ours)
    }),
    { numRuns: 1200 },
  )
  expect(taken).toBeGreaterThan(200)
})
