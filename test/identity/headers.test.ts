import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Principal } from '../../src/domain/verdict.ts'
import { createIdentityHeaders, type UpstreamFacts } from '../../src/identity/headers.ts'

const service: Principal = { kind: 'service', id: '0192-abc', customer: null }
const user: Principal = { kind: 'user', id: 'u-1', customer: null }
const facts: UpstreamFacts = {
  host: '127.0.0.1:3000',
  principal: service,
  assertion: 'ours.is.this',
  clientAddress: '203.0.113.9',
  requestId: 'request-1',
  forwardedHost: 'keys.example.com',
  forwardedProto: 'http',
}

const standard = createIdentityHeaders({ serviceUserHeader: 'x-postern-service-user' })
const custom = createIdentityHeaders({ serviceUserHeader: 'X-MMM-Service-User' })

const pairs = (flat: readonly string[]) =>
  Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2]!, flat[at * 2 + 1]!] as const)
/** What any backend may make of a name: the loosest of all foldings. */
const loosest = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')
const valuesOf = (flat: readonly string[], name: string) =>
  pairs(flat)
    .filter(([each]) => loosest(each) === loosest(name))
    .map(([, value]) => value)

describe('the head that goes upstream', () => {
  test('says who calls, from where and for which host', () => {
    expect(standard.upstreamHeaders(['Host', 'keys.example.com', 'Accept', 'a/b'], facts)).toEqual(
      [
        ['host', '127.0.0.1:3000'],
        ['Accept', 'a/b'],
        ['x-postern-service-user', '0192-abc'],
        ['x-postern-principal', 'service:0192-abc'],
        ['x-postern-assertion', 'ours.is.this'],
        ['x-forwarded-for', '203.0.113.9'],
        ['x-forwarded-proto', 'http'],
        ['x-forwarded-host', 'keys.example.com'],
        ['x-request-id', 'request-1'],
      ].flat(),
    )
  })

  test('names a service user only where one calls', () => {
    const headers = custom.upstreamHeaders(['X-Mmm-Service-User', 'forged'], { ...facts, principal: user })
    expect(valuesOf(headers, 'x-mmm-service-user')).toEqual([])
    expect(valuesOf(headers, 'x-postern-principal')).toEqual(['user:u-1'])
  })

  test('names nobody on a public route, and passes nobody else’s word for it', () => {
    const forged = ['x-mmm-service-user', 'a', 'x-postern-principal', 'b', 'X_Postern_Assertion', 'c']
    const headers = custom.upstreamHeaders(forged, { ...facts, principal: null })
    expect(pairs(headers).map(([name]) => name)).toEqual([
      'host',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'x-request-id',
    ])
  })

  const dropped = [
    'Authorization Host Content-Length Expect Connection Keep-Alive TE Trailer Transfer-Encoding Upgrade',
    'HTTP2-Settings Proxy-Authorization Proxy_Authorization Proxy-Connection Proxy',
    'Forwarded X-Forwarded-For X-Forwarded-User X_Forwarded_For X-Real-IP X-Real_Ip X-Request-Id',
    'X-Postern-Anything x-postern- x.postern.principal x-mmm-service-user X_MMM_Service_User',
  ].flatMap((line) => line.split(' '))
  test.each(dropped)('%s of the client does not go further', (name) => {
    const headers = custom.upstreamHeaders([name, 'inbound'], facts)
    expect(headers).not.toContain('inbound')
  })

  const kept = [
    'Accept',
    'Content-Type',
    'Cookie',
    'Mcp-Param-Region',
    'Mcp-Name',
    'X-Posterns',
    'traceparent',
    'x_y',
  ]
  test.each(kept)('%s of the client arrives as it was sent', (name) => {
    expect(pairs(custom.upstreamHeaders([name, 'inbound'], facts))).toContainEqual([name, 'inbound'])
  })

  test('what Connection names goes no further, over several lines and in any case', () => {
    const raw = [
      'connection',
      'X-One , close',
      'Connection',
      'x-two',
      'x-one',
      '1',
      'X-Two',
      '2',
      'x-three',
      '3',
    ]
    const names = pairs(standard.upstreamHeaders(raw, facts)).map(([name]) => name.toLowerCase())
    expect(names).not.toContain('x-one')
    expect(names).not.toContain('x-two')
    expect(names).toContain('x-three')
  })

  test('an id that could end its line is never written', () => {
    for (const id of ['', 'a\r\nx: y', 'a b', 'é', ' a', 'a\u0000']) {
      expect(() => standard.upstreamHeaders([], { ...facts, principal: { ...user, id } })).toThrow(TypeError)
    }
  })
})

describe('the headers that another proxy copies', () => {
  test('are all there, and empty where there is nothing to say (T31)', () => {
    const names = ['x-mmm-service-user', 'x-postern-principal', 'x-postern-assertion']
    expect(pairs(custom.answerHeaders(null))).toEqual(names.map((name) => [name, '']))
    expect(pairs(custom.answerHeaders(user, 'a.b.c'))).toEqual([
      ['x-mmm-service-user', ''],
      ['x-postern-principal', 'user:u-1'],
      ['x-postern-assertion', 'a.b.c'],
    ])
    expect(pairs(custom.answerHeaders(service))[0]).toEqual(['x-mmm-service-user', '0192-abc'])
  })
})

/** Spells a header's name as a forger would: any case, any punctuation for the hyphens. */
const spelled = (name: string) =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }),
      fc.array(fc.constantFrom('-', '-', '_', '.', '~'), { minLength: name.length, maxLength: name.length }),
    )
    .map(([upper, marks]) =>
      name
        .split('')
        .map((c, at) => (c === '-' ? marks[at]! : upper[at] ? c.toUpperCase() : c))
        .join(''),
    )
const identityName = fc
  .constantFrom('x-mmm-service-user', 'x-postern-principal', 'x-postern-service-user', 'x-postern-assertion')
  .chain(spelled)
const anyHeader = fc.oneof(
  fc.tuple(identityName, fc.constant('forged')),
  fc.tuple(fc.constantFrom('Connection', 'connection'), fc.oneof(identityName, fc.constant('close'))),
  fc.tuple(fc.constantFrom('Accept', 'x-other', 'cookie', 'TE'), fc.constant('other')),
)
const rawHead = fc.array(anyHeader, { maxLength: 8 }).map((headers) => headers.flat())

describe('T1, T2: identity cannot be forged, doubled or taken away', () => {
  test('the backend sees exactly one value, ours, however a client spells, repeats or mixes its own', () => {
    fc.assert(
      fc.property(rawHead, (raw) => {
        const headers = custom.upstreamHeaders(raw, facts)
        expect(valuesOf(headers, 'x-mmm-service-user')).toEqual(['0192-abc'])
        expect(valuesOf(headers, 'x-postern-principal')).toEqual(['service:0192-abc'])
        expect(valuesOf(headers, 'x-postern-assertion')).toEqual(['ours.is.this'])
        expect(valuesOf(headers, 'x-postern-service-user')).toEqual([])
        expect(valuesOf(headers, 'connection')).toEqual([])
        expect(headers).not.toContain('forged')
      }),
      { numRuns: 1000 },
    )
  })

  test('it sees none on a public route', () => {
    fc.assert(
      fc.property(rawHead, (raw) => {
        const headers = custom.upstreamHeaders(raw, { ...facts, principal: null })
        expect(pairs(headers).filter(([name]) => custom.isIdentityHeader(name))).toEqual([])
        expect(headers).not.toContain('forged')
      }),
      { numRuns: 500 },
    )
  })

  test('isIdentityHeader knows every spelling', () => {
    fc.assert(fc.property(identityName, (name) => custom.isIdentityHeader(name)))
    expect(custom.isIdentityHeader('x-mmm-service-users')).toBe(false)
    expect(custom.isIdentityHeader('accept')).toBe(false)
    expect(standard.isIdentityHeader('x-mmm-service-user')).toBe(false)
  })

  test('a thousand different names do not make it forget one', () => {
    const many = createIdentityHeaders({ serviceUserHeader: 'x-mmm-service-user' })
    for (let at = 0; at < 1000; at++) many.upstreamHeaders([`x-name-${at}`, 'x'], facts)
    const headers = many.upstreamHeaders(['X_MMM-service_user', 'forged', 'x-new', 'kept'], facts)
    expect(valuesOf(headers, 'x-mmm-service-user')).toEqual(['0192-abc'])
    expect(headers).toContain('kept')
  })

  test('T2: identity arrives through a proxy that drops what Connection names', async () => {
    const seen: IncomingHttpHeaders[] = []
    const backend = createServer((incoming, answer) => {
      seen.push(incoming.headers)
      answer.end()
    })
    const stripping = createServer((incoming, answer) => {
      const headers = { ...incoming.headers }
      for (const name of (headers.connection ?? '').split(',')) delete headers[name.trim().toLowerCase()]
      delete headers.connection
      request({ port: portOf(backend), headers }, (response) => response.pipe(answer)).end()
    })
    await Promise.all([backend, stripping].map((server) => listening(server)))
    try {
      const inbound = [
        'Connection',
        'x-mmm-service-user, x-postern-principal',
        'X-Mmm_Service-User',
        'forged',
      ]
      const headers = custom.upstreamHeaders(inbound, { ...facts, host: `127.0.0.1:${portOf(stripping)}` })
      await new Promise<void>((resolve, reject) => {
        const call = request({ port: portOf(stripping), headers, agent: false }, (response) => {
          response.resume().on('end', resolve)
        })
        call.on('error', reject).end()
      })
      expect(seen).toHaveLength(1)
      expect(seen[0]?.['x-mmm-service-user']).toBe('0192-abc')
      expect(seen[0]?.['x-postern-principal']).toBe('service:0192-abc')
      expect(JSON.stringify(seen)).not.toContain('forged')
    } finally {
      for (const server of [stripping, backend]) {
        server.closeAllConnections()
        server.close()
      }
    }
  })
})

describe('the head that comes back', () => {
  test('is the end-to-end part of the upstream’s, with nothing of ours', () => {
    const hops = [
      ['Connection', 'X-Hop, keep-alive'],
      ['X-Hop', '1'],
      ['Keep-Alive', 'timeout=5'],
      ['Transfer-Encoding', 'chunked'],
      ['Trailer', 'x'],
      ['Proxy-Authenticate', 'x'],
      ['Upgrade', 'x'],
      ['X-Postern-Principal', 'x'],
      ['X_Mmm_Service_User', 'x'],
    ].flat()
    const expected = [
      ['Content-Type', 'text/event-stream'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['Mcp-Session-Id', 's'],
      ['Content-Length', '3'],
      ['X-Request-Id', 'theirs'],
    ].flat()
    const raw = hops.concat(expected)
    expect(custom.responseHeaders(raw)).toEqual(expected)
  })

  test('keeps the bytes of a value', () => {
    const bytes = ['x-name', '\u00e9 \u00ff']
    expect(custom.responseHeaders(bytes)).toEqual(bytes)
  })
})

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return address.port
}

function listening(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => void server.listen(0, '127.0.0.1', resolve))
}
