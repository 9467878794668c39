import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readHead } from '../../src/front/head.ts'

const host = ['Host', 'localhost:4242']

function headOf(rawHeaders: string[]) {
  const reading = readHead(rawHeaders)
  if (!reading.ok) throw new Error(`refused: ${reading.reason}`)
  return reading.head
}

const refused: [why: string, rawHeaders: string[], reason: string][] = [
  ['no Host', ['Accept', '*/*'], 'header_invalid'],
  ['nothing', [], 'header_invalid'],
  ['two Host', [...host, 'host', 'localhost:4242'], 'header_invalid'],
  ['an empty Host', ['Host', ''], 'header_invalid'],
  ['a Host with a path', ['Host', 'a/b'], 'header_invalid'],
  ['a Host with a user', ['Host', 'a@b'], 'header_invalid'],
  ['two values in one Host', ['Host', 'a, b'], 'header_invalid'],
  ['a Host with a long port', ['Host', 'a:123456'], 'header_invalid'],
  [
    'two Authorization',
    [...host, 'Authorization', 'Bearer a', 'authorization', 'Bearer b'],
    'ambiguous_credentials',
  ],
  [
    'the same Authorization twice',
    [...host, 'Authorization', 'x', 'AUTHORIZATION', 'x'],
    'ambiguous_credentials',
  ],
  ['two Content-Type', [...host, 'Content-Type', 'a/b', 'content-type', 'a/b'], 'header_invalid'],
  ['two Content-Length', [...host, 'Content-Length', '1', 'Content-Length', '1'], 'header_invalid'],
  [
    'two Content-Encoding',
    [...host, 'Content-Encoding', 'gzip', 'Content-Encoding', 'gzip'],
    'header_invalid',
  ],
  [
    'two Transfer-Encoding',
    [...host, 'Transfer-Encoding', 'x', 'Transfer-Encoding', 'chunked'],
    'header_invalid',
  ],
  ['two Origin', [...host, 'Origin', 'a', 'Origin', 'b'], 'header_invalid'],
  [
    'two Mcp-Protocol-Version',
    [...host, 'Mcp-Protocol-Version', 'a', 'mcp-protocol-version', 'b'],
    'header_invalid',
  ],
  ['two Mcp-Method', [...host, 'Mcp-Method', 'a', 'MCP-METHOD', 'b'], 'header_invalid'],
  ['two Mcp-Name', [...host, 'Mcp-Name', 'safe', 'mcp-name', 'danger'], 'header_invalid'],
  ['two Mcp-Session-Id', [...host, 'Mcp-Session-Id', 'a', 'Mcp-Session-Id', 'b'], 'header_invalid'],
  ['two of one Mcp-Param', [...host, 'Mcp-Param-Region', 'a', 'mcp-param-region', 'b'], 'header_invalid'],
  ['two Last-Event-ID', [...host, 'Last-Event-ID', 'a', 'Last-Event-Id', 'b'], 'header_invalid'],
  ['a look-alike of Mcp-Name', [...host, 'Mcp_Name', 'safe'], 'header_invalid'],
  ['a look-alike of Content-Length', [...host, 'content_length', '3'], 'header_invalid'],
  ['a look-alike of Transfer-Encoding', [...host, 'Transfer_Encoding', 'chunked'], 'header_invalid'],
  ['a name with a space', [...host, 'X Y', 'a'], 'header_invalid'],
  ['a name with a colon', [...host, 'X:Y', 'a'], 'header_invalid'],
  ['an empty name', [...host, '', 'a'], 'header_invalid'],
  ['a name that is not ASCII', [...host, 'X-\u00e9', 'a'], 'header_invalid'],
  ['a name with a line feed', [...host, 'X\nY', 'a'], 'header_invalid'],
  ['both lengths', [...host, 'Content-Length', '3', 'Transfer-Encoding', 'chunked'], 'header_invalid'],
  ['a length with a sign', [...host, 'Content-Length', '+3'], 'header_invalid'],
  ['a list of lengths', [...host, 'Content-Length', '3, 3'], 'header_invalid'],
  ['an endless length', [...host, 'Content-Length', '1'.repeat(16)], 'header_invalid'],
  ['Transfer-Encoding: gzip, chunked', [...host, 'Transfer-Encoding', 'gzip, chunked'], 'header_invalid'],
  ['Transfer-Encoding: identity', [...host, 'Transfer-Encoding', 'identity'], 'header_invalid'],
  ['Transfer-Encoding: xchunked', [...host, 'Transfer-Encoding', 'xchunked'], 'header_invalid'],
  ['another Expect', [...host, 'Expect', '200-ok'], 'header_invalid'],
  ['Connection names Mcp-Name', [...host, 'Connection', 'close, Mcp-Name'], 'header_invalid'],
  ['Connection names Content-Type', [...host, 'Connection', 'content-type'], 'header_invalid'],
  ['Connection names Host', [...host, 'Connection', 'x', 'connection', 'HOST'], 'header_invalid'],
]

const accepted: [why: string, rawHeaders: string[]][] = [
  ['a plain head', [...host, 'Accept', '*/*', 'Connection', 'keep-alive']],
  ['an IPv6 host', ['Host', '[::1]:4242']],
  ['a host without a port', ['HOST', 'keys.example.com']],
  ['100-continue', [...host, 'Expect', '100-Continue']],
  ['a chunked body', [...host, 'Transfer-Encoding', 'chunked']],
  [
    'Connection names an identity header, which is set after it',
    [...host, 'Connection', 'x-postern-principal'],
  ],
  ['repeated lists', [...host, 'Accept', 'a/b', 'Accept', 'c/d', 'Via', 'a', 'via', 'b']],
]

describe('readHead', () => {
  test.each(refused)('a head that can be read in two ways is refused: %s', (_why, rawHeaders, reason) => {
    expect(readHead(rawHeaders)).toEqual({ ok: false, reason })
  })

  test.each(accepted)('a plain head is accepted: %s', (_why, rawHeaders) => {
    expect(readHead(rawHeaders).ok).toBe(true)
  })

  test('each header is found by its lower-case name', () => {
    const head = headOf([...host, 'AUTHORIZATION', 'Bearer x', 'Mcp-Name', 'list', 'Content-Length', '12'])
    expect(head.authorization).toBe('Bearer x')
    expect(head.get('authorization')).toBe('Bearer x')
    expect(head.get('mcp-name')).toBe('list')
    expect(head.get('mcp-method')).toBeNull()
    expect(head.host).toBe('localhost:4242')
    expect(head.contentLength).toBe(12)
    expect(head.isChunked).toBe(false)
  })

  test('a head without a body says so', () => {
    const head = headOf(host)
    expect([head.authorization, head.contentLength, head.isChunked]).toEqual([null, null, false])
    expect(headOf([...host, 'Transfer-Encoding', 'chunked']).isChunked).toBe(true)
  })

  test('repeated lists are joined in their order', () => {
    const head = headOf([...host, 'X-Forwarded-For', '1.1.1.1', 'x-forwarded-for', '2.2.2.2, 3.3.3.3'])
    expect(head.get('x-forwarded-for')).toBe('1.1.1.1, 2.2.2.2, 3.3.3.3')
    expect(headOf([...host, 'Cookie', 'a=1', 'Cookie', 'b=2']).get('cookie')).toBe('a=1; b=2')
  })

  test('T21: names of the object prototype are names like any other', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']
    const plain = headOf(host)
    for (const name of names) expect(plain.get(name.toLowerCase())).toBeNull()
    const hostile = headOf([...host, ...names.flatMap((name) => [name, 'polluted'])])
    for (const name of names) expect(hostile.get(name.toLowerCase())).toBe('polluted')
    expect(hostile.authorization).toBeNull()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('any list of strings is read or refused, never thrown at', () => {
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom('host', 'Host', 'authorization', 'connection', 'expect', 'mcp-name'),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string())), (headers) => {
        const reading = readHead([...host, ...headers.flat()])
        const names = headers.map(([name]) => name.toLowerCase())
        if (names.includes('host')) expect(reading.ok).toBe(false)
        if (names.filter((name) => name === 'authorization').length > 1) expect(reading.ok).toBe(false)
      }),
    )
  })
})
