import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createPostern } from '../../src/next/create-postern.ts'
import { overriddenHeaders, passesOn } from '../../src/next/overrides.ts'

describe('createPostern', () => {
  it('opens nothing', () => {
    const data = join(mkdtempSync(join(tmpdir(), 'postern-import-')), 'data')
    const postern = createPostern({ data, routes: [{ path: '/api/*', accepts: ['service-key'] }] })
    postern.proxy()
    postern.withPostern(() => new Response(null))
    expect(readdirSync(join(data, '..'))).toEqual([])
  })

  it.each([
    [{ routes: [{ path: '/api/*' }] }, 'neither accepts nor public'],
    [
      { routes: [{ path: '/a', accepts: ['service-key'], assertion: 'request' }] },
      'never leaves the process',
    ],
    [{ routes: [{ path: '/a', accepts: ['service-key'], bodyLimitBytes: 11_000_000 }] }, 'cuts bodies off'],
    [{ trustedHops: 0 }, 'trustedHops'],
  ])('refuses wrong settings at once: %j', (settings, message) => {
    expect(() => createPostern(settings as Parameters<typeof createPostern>[0])).toThrow(message)
  })
})

describe('what another proxy says about the request', () => {
  it('is taken from its answer, the removed headers included', () => {
    const answer = new Response(null, {
      headers: {
        'x-middleware-next': '1',
        'x-middleware-override-headers': 'a,b',
        'x-middleware-request-a': '1',
        'x-middleware-request-b': '2',
        'set-cookie': 'c=3',
      },
    })
    const { requestHeaders, responseHeaders } = overriddenHeaders(answer, {
      url: 'http://localhost:3000/x',
      headers: new Headers({ a: '0', gone: '1' }),
    })
    expect(passesOn(answer)).toBe(true)
    expect([...requestHeaders]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
    expect([...responseHeaders]).toEqual([['set-cookie', 'c=3']])
  })

  it('is nothing where it overrides nothing', () => {
    const original = new Headers({ a: '0' })
    const answer = new Response(null, { headers: { 'x-middleware-next': '1' } })
    expect(overriddenHeaders(answer, { url: 'http://a/', headers: original }).requestHeaders).toBe(original)
    expect(passesOn(new Response('no', { status: 307 }))).toBe(false)
  })

  it.each([
    ['http://127.0.0.1:3000/a?b=c', 'http://localhost:3000/a?b=c', false],
    ['http://localhost:3000/a?b=c', 'http://127.0.0.1:3000/a?b=c', false],
    ['http://[::1]:3000/a', 'http://localhost:3000/a', false],
    ['https://app.example.com/a', 'https://app.example.com/a', false],
    ['/a?b=c', 'http://localhost:3000/a?b=c', false],
    ['http://127.0.0.1:3000/b', 'http://localhost:3000/a', true],
    ['http://127.0.0.1:3000/a?b=d', 'http://localhost:3000/a?b=c', true],
    ['http://127.0.0.1:3001/a', 'http://localhost:3000/a', true],
    ['http://other.example.com/a', 'http://localhost:3000/a', true],
    ['https://localhost:3000/a', 'http://localhost:3000/a', true],
    ['http://127.0.0.1.example.com/a', 'http://localhost/a', true],
  ])('is a rewrite to %s of %s only where it leads elsewhere: %s', (rewrite, url, isKept) => {
    const answer = new Response(null, { headers: { 'x-middleware-rewrite': rewrite, 'x-kept': '1' } })
    const { responseHeaders } = overriddenHeaders(answer, { url, headers: new Headers() })
    expect(responseHeaders.get('x-middleware-rewrite')).toBe(isKept ? rewrite : null)
    expect(responseHeaders.get('x-kept')).toBe('1')
  })
})
