import { beforeEach, describe, expect, test } from 'vitest'
import type { Reason } from '../../src/domain/verdict.ts'
import { rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { exchangeRaw, openRaw, readAnswer } from './raw.ts'
import { onStage } from './stage.ts'
import { plainAnswer } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey
/** What the trail says to the next call, where a test wants it to refuse. */
let trailRefusal: Reason | null = null

const accepts = ['service-key' as const]

onStage(
  (origin) => ({
    routes: [
      { path: '/api/*', accepts, upstream: origin, bodyLimitBytes: 100_000 },
      { path: '/large/*', accepts, upstream: origin },
      { path: '/public/*', public: true, upstream: origin, bodyLimitBytes: 100_000 },
    ],
    settings: { limits: { bodyTimeout: '300ms' } },
    wrapRecorder: (recorder) => ({
      ...recorder,
      refusal: (mode) => trailRefusal ?? recorder.refusal(mode),
    }),
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)
beforeEach(() => {
  trailRefusal = null
})

const head = (fields: string, path = '/api/upload') =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\n${fields}\r\n\r\n`
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

describe('an upload on a plain route', () => {
  test('is passed on as it comes', async () => {
    const connection = await openRaw(gateway.port)
    connection.send(head('Transfer-Encoding: chunked\r\nConnection: close') + chunk('first'))
    await expect.poll(() => upstream.received[0]?.body.toString()).toBe('first')
    connection.send(`${chunk('second')}0\r\n\r\n`)
    expect(readAnswer(await connection.closed).status).toBe(200)
    expect(upstream.received[0]?.body.toString()).toBe('firstsecond')
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { outcome: 'succeeded', httpMethod: 'POST', status: 200 },
    ])
  })

  test.each([
    ['exactly at the limit', 100_000, 200],
    ['one byte over it', 100_001, 413],
  ])('%s, its length said', async (_name, bytes, status) => {
    const text = await exchangeRaw(
      gateway.port,
      head(`Content-Length: ${bytes}\r\nConnection: close`) + (status === 200 ? 'x'.repeat(bytes) : ''),
    )
    expect(readAnswer(text).status).toBe(status)
    expect(upstream.received.map(({ body }) => body.length)).toEqual(status === 200 ? [bytes] : [])
    const reason = status === 200 ? null : 'body_too_large'
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { outcome: status === 200 ? 'succeeded' : 'denied', reason, status },
    ])
  })

  test('exactly at the limit, chunked', async () => {
    const text = await exchangeRaw(
      gateway.port,
      `${head('Transfer-Encoding: chunked\r\nConnection: close')}${chunk('x'.repeat(100_000))}0\r\n\r\n`,
    )
    expect(readAnswer(text).status).toBe(200)
    expect(upstream.received.map(({ body }) => body.length)).toEqual([100_000])
  })

  test('that grows over the limit is broken off with 413, and the backend never has it whole', async () => {
    upstream.answer(() => {})
    const connection = await openRaw(gateway.port)
    connection.send(head('Transfer-Encoding: chunked') + chunk('x'.repeat(60_000)))
    await expect.poll(() => upstream.received.length).toBe(1)
    connection.send(chunk('x'.repeat(40_001)))
    expect(readAnswer(await connection.closed).status).toBe(413)
    expect(await upstream.received[0]!.over).toBe('aborted')
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { outcome: 'failed', reason: 'body_too_large', status: 413 },
    ])
  })

  test('that stands still is broken off with 408', async () => {
    upstream.answer(() => {})
    const connection = await openRaw(gateway.port)
    connection.send(head('Content-Length: 10') + 'x')
    expect(readAnswer(await connection.closed).status).toBe(408)
    expect(await upstream.received[0]!.over).toBe('aborted')
    expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'failed', reason: 'request_timeout' }])
  })

  test.each(['Content-Length: 10', 'Transfer-Encoding: chunked'])(
    'whose sender leaves is aborted upstream, and reads aborted (%s)',
    async (framing) => {
      upstream.answer(() => {})
      const connection = await openRaw(gateway.port)
      connection.send(head(framing) + (framing.startsWith('C') ? 'x' : chunk('x')))
      await expect.poll(() => upstream.received.length).toBe(1)
      connection.end()
      expect(await upstream.received[0]!.over).toBe('aborted')
      expect(await rowsOf(gateway, 1)).toMatchObject([{ outcome: 'aborted', reason: null, status: null }])
    },
  )

  test('that the backend answers before it is whole leaves no connection hanging', async () => {
    upstream.answer((_received, response) => void response.end('early'))
    const connection = await openRaw(gateway.port)
    connection.send(head('Content-Length: 900000', '/large/upload') + 'x')
    await connection.until('early')
    upstream.answer(plainAnswer)
    connection.send('x'.repeat(899_999))
    connection.send(
      `GET /api/next HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\n\r\n`,
    )
    // The connection ends with the early answer, or goes on to the next one.
    await connection.closed
    expect(await rowsOf(gateway, upstream.received.length)).toHaveLength(upstream.received.length)
  })

  test('with Expect: 100-continue is asked for only once it may pass', async () => {
    const connection = await openRaw(gateway.port)
    connection.send(head('Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close'))
    await connection.until('100 Continue')
    connection.send('ok')
    expect(await connection.closed).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
    expect(upstream.received[0]?.rawHeaders.join('\n').toLowerCase()).not.toContain('expect')
    trailRefusal = 'trail_unavailable'
    const refused = await exchangeRaw(gateway.port, head('Content-Length: 2\r\nExpect: 100-continue'))
    expect(refused).toMatch(/^HTTP\/1\.1 503 /)
    expect(upstream.received).toHaveLength(1)
  })

  test.each([
    ['leaves', (connection: { end(): void }) => connection.end()],
    ['stands still', () => {}],
  ])('that was refused before dispatch and then %s does no harm', async (_what, next) => {
    trailRefusal = 'trail_unavailable'
    const connection = await openRaw(gateway.port)
    connection.send(head('Transfer-Encoding: chunked') + chunk('x'))
    await connection.until('503')
    next(connection)
    await connection.closed
    trailRefusal = null
    // Longer than the time-out of a body, by the clock of the same loop.
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(
      readAnswer(await exchangeRaw(gateway.port, head('Content-Length: 0\r\nConnection: close'))).status,
    ).toBe(200)
    expect(upstream.received).toHaveLength(1)
  })
})

test('a refused upload that goes on and on has its answer read', async () => {
  const connection = await openRaw(gateway.port)
  connection.send('POST /api/x HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n')
  connection.send('x'.repeat(45_000))
  await connection.until('401')
  connection.send('x'.repeat(45_000))
  expect(readAnswer(await connection.closed)).toMatchObject({ status: 401 })
  expect(upstream.received).toEqual([])
})

test('a public route has the limits, too, and leaves no trail', async () => {
  const over = await exchangeRaw(
    gateway.port,
    'POST /public/x HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n',
  )
  expect(readAnswer(over).status).toBe(413)
  expect(upstream.received).toEqual([])
  const fine = await exchangeRaw(
    gateway.port,
    'POST /public/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
  )
  expect(readAnswer(fine).status).toBe(200)
  expect(upstream.received).toHaveLength(1)
  expect((await rowsOf(gateway, 1)).map(({ reason }) => reason)).toEqual(['body_too_large'])
})
