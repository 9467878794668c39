import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Reason } from '../../src/domain/verdict.ts'
import { refusalFor } from '../../src/domain/verdict.ts'
import { callOf, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { exchangeRaw, openRaw, readAnswer } from './raw.ts'
import { onStage } from './stage.ts'
import type { Upstream } from './upstream.ts'

interface Vector {
  why: string
  headers?: Record<string, string | null>
  body?: string
  bodyBase64?: string
  expected:
    | { ok: true; messages: { kind: string; method: string | null; tool: string | null }[] }
    | { ok: false; reason: Reason; id?: string | null }
}

const vectorsUrl = new URL('../../vectors/mcp-bodies.json', import.meta.url)
const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(vectorsUrl, 'utf8'))

const headerNames: Record<string, string> = {
  contentType: 'Content-Type',
  contentEncoding: 'Content-Encoding',
  protocolVersion: 'MCP-Protocol-Version',
  mcpMethod: 'Mcp-Method',
  mcpName: 'Mcp-Name',
}

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

const accepts = ['service-key' as const]

onStage(
  (origin) => ({
    routes: [
      { path: '/mcp', mcp: true, accepts, upstream: `${origin}/mcp` },
      { path: '/small', mcp: true, accepts, upstream: `${origin}/mcp`, bodyLimitBytes: 200 },
    ],
    settings: { limits: { bodyTimeout: '300ms' } },
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)

function requestOf(vector: Pick<Vector, 'headers' | 'body' | 'bodyBase64'>, path = '/mcp'): Buffer {
  const content =
    vector.bodyBase64 === undefined
      ? Buffer.from(vector.body ?? '')
      : Buffer.from(vector.bodyBase64, 'base64')
  const fields = Object.entries({ contentType: 'application/json', ...vector.headers })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${headerNames[name]}: ${value}\r\n`)
    .join('')
  const head = `POST ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\n${fields}Content-Length: ${content.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), content])
}

// Two values joined by a comma stand for two headers, which the head's reader refuses before.
const isOfTheHead = ({ headers }: Vector) =>
  Object.values(headers ?? {}).some((value) => value !== null && /[^\t\x20-\x7e]/.test(value))

describe('what the vectors refuse is refused with its code, is in the trail, and never reaches the backend', () => {
  const refused = vectors.flatMap((vector) => {
    const { expected } = vector
    return expected.ok || isOfTheHead(vector) ? [] : [[vector.why, vector, expected] as const]
  })

  test.each(refused)('%s', async (_why, vector, { reason, id }) => {
    const answer = readAnswer(await exchangeRaw(gateway.port, requestOf(vector)))
    const { status, rpcCode } = refusalFor(reason)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', error: { code: rpcCode } })
    if (id !== undefined) expect(answer.body).toContain(`"id":${id ?? 'null'},`)
    expect(upstream.received).toEqual([])
    // More than ten alike in a second are counted in one row.
    const rows = await rowsOf(gateway, 1)
    expect(rows).toMatchObject([
      { outcome: 'denied', reason, status, keyId: key.id, path: '/mcp', method: null },
    ])
  })
})

describe('what the vectors let pass reaches the backend byte by byte, each call with its row', () => {
  const passed = vectors.flatMap((vector) => {
    const { expected } = vector
    return expected.ok && !isOfTheHead(vector) ? [[vector.why, vector, expected] as const] : []
  })

  test.each(passed)('%s', async (_why, vector, { messages }) => {
    const request = requestOf(vector)
    const answer = readAnswer(await exchangeRaw(gateway.port, request))
    expect(answer.status).toBe(200)
    expect(upstream.received).toHaveLength(1)
    expect(request.subarray(request.indexOf('\r\n\r\n') + 4).equals(upstream.received[0]!.body)).toBe(true)
    const calls = messages.filter(({ kind }) => kind !== 'response')
    const rows = await rowsOf(gateway, Math.max(1, calls.length))
    const told = rows.map(({ method, tool, outcome }) => ({ method, tool, outcome }))
    const expected = calls.map(({ method, tool }) => ({ method, tool, outcome: 'succeeded' }))
    expect(told).toEqual(calls.length === 0 ? [{ method: null, tool: null, outcome: 'succeeded' }] : expected)
  })
})

describe('T11: the size, depth and pace of a body', () => {
  const sized = (bytes: number) => callOf('t', { pad: 'x'.repeat(bytes - callOf('t', { pad: '' }).length) })

  test.each([
    ['at the limit', 200, 200],
    ['one byte over the limit', 201, 413],
  ])('%s', async (_name, bytes, status) => {
    const answer = readAnswer(await exchangeRaw(gateway.port, requestOf({ body: sized(bytes) }, '/small')))
    expect(answer.status).toBe(status)
    expect(upstream.received).toHaveLength(status === 200 ? 1 : 0)
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { reason: status === 200 ? null : 'body_too_large', status, tool: status === 200 ? 't' : null },
    ])
  })

  test('chunked, it is refused as soon as it grows over the limit, and accepted at it', async () => {
    const chunked = (body: string) =>
      `POST /small HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`
    expect(readAnswer(await exchangeRaw(gateway.port, chunked(sized(201)))).status).toBe(413)
    expect(upstream.received).toEqual([])
    expect(readAnswer(await exchangeRaw(gateway.port, `${chunked(sized(200))}0\r\n\r\n`)).status).toBe(200)
    expect(upstream.received).toHaveLength(1)
  })

  test.each([
    [64, 200],
    [65, 400],
  ])('nested %d deep', async (depth, status) => {
    // The message and its params are two levels.
    const inner = '['.repeat(depth - 2) + ']'.repeat(depth - 2)
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${inner}}}`
    expect(readAnswer(await exchangeRaw(gateway.port, requestOf({ body }))).status).toBe(status)
    expect(upstream.received).toHaveLength(status === 200 ? 1 : 0)
  })

  test('that never comes whole is given up with 408, and never reaches the backend', async () => {
    const whole = requestOf({ body: callOf('t') })
    const connection = await openRaw(gateway.port)
    connection.send(whole.subarray(0, whole.length - 5))
    const answer = readAnswer(await connection.closed)
    expect(answer.status).toBe(408)
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 40800 } })
    expect(upstream.received).toEqual([])
    expect(await rowsOf(gateway, 1)).toMatchObject([{ reason: 'request_timeout', keyId: key.id }])
  })

  test('that is refused once it was read whole ends no connection', async () => {
    const connection = await openRaw(gateway.port)
    const refused = `POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{]`
    for (const count of [1, 2]) {
      connection.send(refused)
      await expect.poll(() => connection.text().split('HTTP/1.1 400').length - 1).toBe(count)
    }
    expect(connection.text().toLowerCase()).not.toContain('connection: close')
    connection.end()
  })

  test('whose sender leaves never reaches the backend', async () => {
    const whole = requestOf({ body: callOf('t') })
    const connection = await openRaw(gateway.port)
    connection.send(whole.subarray(0, whole.length - 5))
    connection.end()
    // Another one on a connection of its own: whatever there was to do for the first is done.
    await exchangeRaw(gateway.port, whole)
    expect(upstream.received).toHaveLength(1)
  })
})

describe('methods of HTTP on an MCP route', () => {
  test.each(['PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'QUERY'])(
    '%s is refused with 405, and never reaches the backend',
    async (method) => {
      const text = await exchangeRaw(
        gateway.port,
        `${method} /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\n\r\n`,
      )
      // A method that the parser doesn't know is no valid head.
      expect([405, 400]).toContain(readAnswer(text).status)
      expect(upstream.received).toEqual([])
      expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'denied' }])
    },
  )

  test.each(['DELETE', 'GET'])('a %s with a body is refused', async (method) => {
    const text = await exchangeRaw(
      gateway.port,
      `${method} /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`,
    )
    expect(readAnswer(text).status).toBe(400)
    expect(upstream.received).toEqual([])
    expect(await rowsOf(gateway, 1)).toMatchObject([{ reason: 'header_invalid' }])
  })

  test('X-HTTP-Method-Override changes nothing that is judged', async () => {
    const text = await exchangeRaw(
      gateway.port,
      `GET /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nX-HTTP-Method-Override: POST\r\nConnection: close\r\n\r\n`,
    )
    expect(readAnswer(text).status).toBe(200)
    expect(await rowsOf(gateway, 1)).toMatchObject([{ httpMethod: 'GET', method: null }])
  })
})

test('T21: hostile names stand in the trail as they came', async () => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    "'; DROP TABLE postern.trail_calls; --",
    '=1+1',
    '\u202Egreet',
    '😀',
    '\ufffd',
  ]
  for (const name of names) {
    const body = callOf(
      name,
      JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>,
    )
    const head = `POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\nContent-Type: application/json\r\n__proto__: x\r\nconstructor: y\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
    expect(readAnswer(await exchangeRaw(gateway.port, Buffer.from(head + body))).status).toBe(200)
  }
  const rows = await rowsOf(gateway, names.length)
  expect(rows.map(({ tool }) => tool)).toEqual(names)
  expect(upstream.received[0]?.rawHeaders).toEqual(
    expect.arrayContaining(['__proto__', 'x', 'constructor', 'y']),
  )
  expect(Reflect.get({}, 'polluted')).toBe(undefined)
})
