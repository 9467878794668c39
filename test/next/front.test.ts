import { describe, expect, it } from 'vitest'
import { createReadFront } from '../../src/next/front.ts'
import { judgeRawHead } from '../../src/next/raw-head.ts'

const clock = { now: () => 1_700_000_000_000, monotonic: () => 0 }

function read(options: {
  url?: string
  method?: string
  headers?: Record<string, string>
  trustedHops?: number | null
  raw?: { url: string; rawHeaders: string[] }
}) {
  const request = new Request(`http://app.example${options.url ?? '/api/x'}`, {
    method: options.method ?? 'GET',
    headers: { host: 'app.example', ...options.headers },
  })
  return createReadFront({
    clock,
    trustedHops: options.trustedHops ?? null,
    rawRefusal: () => (options.raw === undefined ? null : judgeRawHead(options.raw)),
  })(request)
}

describe('the address of a client (T32)', () => {
  it.each([
    [null, '203.0.113.7', null],
    [1, '203.0.113.7', '203.0.113.7'],
    [1, '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    [2, '198.51.100.1, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
    [2, '203.0.113.7', null],
    [1, '198.51.100.1, not an address', null],
    [1, '', null],
    [1, undefined, null],
    [1, '::ffff:203.0.113.7', '203.0.113.7'],
  ])('with %s hops and X-Forwarded-For %j is %s', (trustedHops, forwardedFor, expected) => {
    const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
    expect(read({ trustedHops, headers }).arrival.clientAddress).toBe(expected)
  })
})

describe('a head that Next shows', () => {
  it.each([
    ['url_ambiguous', { url: '/api/x;y' }],
    ['url_ambiguous', { url: '/api%2fx' }],
    ['url_ambiguous', { url: '/api/%2578' }],
    ['url_ambiguous', { url: '//api/x' }],
    ['header_invalid', { headers: { mcp_name: 'safe' } }],
    ['header_invalid', { headers: { content_length: '1' } }],
    ['header_invalid', { headers: { host: 'two, hosts' } }],
    ['header_invalid', { headers: { 'content-length': '3' } }],
  ])('is refused as %s: %j', (reason, options) => {
    expect(read(options)).toMatchObject({ ok: false, reason })
  })

  it.each([
    [
      'ambiguous_credentials',
      '/api/x',
      ['Host', 'a', 'Authorization', 'Bearer a', 'authorization', 'Bearer b'],
    ],
    ['header_invalid', '/api/x', ['Host', 'a', 'host', 'b']],
    ['header_invalid', '/api/x', ['Host', 'a', 'Mcp-Name', 'a', 'mcp_name', 'b']],
    ['url_ambiguous', '/y/%2e%2e/api/x', ['Host', 'a']],
    ['url_ambiguous', '//api/x', ['Host', 'a']],
    ['url_ambiguous', 'http://other/api/x', ['Host', 'a']],
  ])('is refused as %s for what Next does not show: %s %j', (reason, url, rawHeaders) => {
    expect(read({ raw: { url, rawHeaders } })).toMatchObject({ ok: false, reason })
  })

  it('is read where there is one reading', () => {
    const reading = read({ url: '/api/x?a=1', headers: { authorization: 'Bearer x' } })
    expect(reading).toMatchObject({ ok: true, path: '/api/x', query: 'a=1' })
    expect(reading.ok && reading.head.authorization).toBe('Bearer x')
  })
})
