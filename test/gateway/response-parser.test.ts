import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createResponseParser } from '../../src/gateway/upstream/response-parser.ts'
import { readResponse, split } from './response-reading.ts'

interface Vector {
  name: string
  method: string
  /** One character a byte. */
  bytes: string
  /** Whether the server closes the connection behind them. */
  endsAfter: boolean
  expected: {
    status?: number
    headers?: string[]
    body?: string
    isReusable?: boolean
    fault?: string
  }
  why: string
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/http-responses.json', import.meta.url), 'utf8'),
) as Vector[]

describe('every vector of vectors/http-responses.json is read as it says, in whatever pieces it comes (T6)', () => {
  test.each(vectors)('$name', ({ method, bytes, endsAfter, expected }) => {
    const whole = Buffer.from(bytes, 'latin1')
    for (const lengths of [[whole.length || 1], [1], [2], [3, 1], [7]]) {
      const reading = readResponse(split(whole, lengths), method, endsAfter)
      expect(reading.fault).toBe(expected.fault ?? null)
      expect(reading.heads.map(({ status }) => status)).toEqual(
        expected.status === undefined ? [] : [expected.status],
      )
      expect(reading.body).toBe(expected.body ?? '')
      if (expected.headers !== undefined) expect(reading.heads[0]?.headers).toEqual(expected.headers)
      if (expected.fault === undefined) {
        expect(reading.ends).toBe(1)
        expect(reading.isReusable).toBe(expected.isReusable)
      } else expect(reading.ends).toBe(expected.fault === 'excess' ? 1 : 0)
    }
  })
})

const limit = 16 * 1024

describe('limits', () => {
  const head = (bytes: number) => {
    const rest = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n'
    return Buffer.from(rest.replace('X: ', `X: ${'x'.repeat(bytes - rest.length)}`))
  }
  test.each([
    ['a head at the limit', head(limit), null],
    ['a head one byte over it', head(limit + 1), 'too_large'],
    ['a head without an end', Buffer.from(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(2 * limit)}`), 'too_large'],
    ['500 headers', Buffer.from(`HTTP/1.1 204 X\r\n${'a:\r\n'.repeat(500)}\r\n`), null],
    ['501 headers', Buffer.from(`HTTP/1.1 204 X\r\n${'a:\r\n'.repeat(501)}\r\n`), 'field'],
    [
      'trailers over the limit',
      Buffer.from(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'a: bcdefgh\r\n'.repeat(2000)}\r\n`,
      ),
      'too_large',
    ],
  ])('%s', (_name, bytes, fault) => {
    for (const lengths of [[bytes.length], [1], [1000]])
      expect(readResponse(split(bytes, lengths)).fault).toBe(fault)
  })
})

describe('a connection', () => {
  const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const counting = () => {
    let ends = 0
    const parser = createResponseParser({ onHead() {}, onBody() {}, onEnd: () => void ends++ })
    return { parser, ends: () => ends }
  }

  test('takes one response for each request', () => {
    const { parser, ends } = counting()
    for (let request = 1; request <= 3; request++) {
      parser.expect('POST')
      expect(parser.read(answer)).toBe(null)
      expect(ends()).toBe(request)
    }
  })

  test('takes no response before a request, and none for the next after that', () => {
    const { parser, ends } = counting()
    expect(parser.read(answer)).toBe('excess')
    parser.expect('GET')
    expect(parser.read(answer)).toBe('excess')
    expect(ends()).toBe(0)
  })

  test('is done for after any fault', () => {
    for (const { bytes, method, endsAfter, expected } of vectors) {
      if (expected.fault === undefined) continue
      const { parser, ends } = counting()
      parser.expect(method)
      parser.read(Buffer.from(bytes, 'latin1'))
      if (endsAfter) parser.end()
      const before = ends()
      parser.expect('GET')
      expect(parser.read(answer)).not.toBe(null)
      expect(ends()).toBe(before)
    }
  })
})

/** Pieces of responses, so that random bytes get further than the status line. */
const fragment = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...vectors.map(({ bytes }) => bytes)) },
  fc.constantFrom(
    'HTTP/1.1 200 OK\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    '\r\n',
    '0\r\n\r\n',
    '3\r\nabc\r\n',
    'abc',
    '\n',
    '\r',
    ' ',
  ),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
)
const anyBytes = fc.array(fragment, { maxLength: 6 }).map((parts) => Buffer.from(parts.join(''), 'latin1'))

describe('for any bytes', () => {
  test('the pieces that they come in make no difference', () => {
    fc.assert(
      fc.property(
        anyBytes,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (bytes, lengths, endsAfter) => {
          const whole = readResponse([bytes], 'GET', endsAfter)
          const pieces = readResponse(split(bytes, lengths), 'GET', endsAfter)
          expect({ ...pieces, fault: pieces.fault !== null }).toEqual({
            ...whole,
            fault: whole.fault !== null,
          })
        },
      ),
      { numRuns: 1500 },
    )
  })

  test('there is at most one response, and none without a head', () => {
    fc.assert(
      fc.property(anyBytes, fc.constantFrom('GET', 'HEAD', 'POST'), (bytes, method) => {
        const { heads, ends, body } = readResponse([bytes, bytes], method, true)
        expect(heads.length).toBeLessThanOrEqual(1)
        expect(ends).toBeLessThanOrEqual(heads.length)
        if (heads.length === 0) expect(body).toBe('')
      }),
      { numRuns: 1500 },
    )
  })
})
