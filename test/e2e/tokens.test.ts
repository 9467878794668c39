import { describe, expect, test } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { exchangeRaw, readAnswer } from './raw.ts'
import { onStage } from './stage.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
let key: TestKey

const accepts = ['service-key' as const]

onStage(
  (origin) => ({
    routes: [
      { path: '/public/*', public: true, upstream: origin },
      { path: '/*', accepts, upstream: origin },
    ],
  }),
  (stage) => ({ upstream, gateway, key } = stage),
)

const get = (path: string, fields = '') =>
  `GET ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\n${fields}Connection: close\r\n\r\n`
const escaped = (token: string) => Array.from(token, (char) => `%${char.charCodeAt(0).toString(16)}`).join('')

describe('T7: a key in the URL', () => {
  test.each<[string, (token: string) => string]>([
    ['as it is', (token) => `/x?key=${token}`],
    ['encoded', (token) => `/x?key=${token.replace('_', '%5f')}`],
    ['wholly encoded', (token) => `/x?key=${escaped(token)}`],
    ['beside a broken escape', (token) => `/x?a=%ff&key=${token.replace('_', '%5F')}`],
    ['on a public route', (token) => `/public/x?key=${token}`],
  ])('is refused in the query %s, and stands in no trail', async (_name, path) => {
    const token = newToken('pst')
    for (const target of [path(key.token), path(token)]) {
      const text = await exchangeRaw(gateway.port, get(target))
      expect(readAnswer(text).status).toBe(400)
      expect(text).toContain('"credential_in_query"')
    }
    const rows = await rowsOf(gateway, 2)
    expect(rows.map(({ reason }) => reason)).toEqual(['credential_in_query', 'credential_in_query'])
    expect(JSON.stringify(rows)).not.toContain(secretOf(key.token))
    expect(JSON.stringify(rows)).not.toContain(secretOf(token))
    expect(upstream.received).toEqual([])
  })

  test.each<[string, (token: string) => string]>([
    ['the path', (token) => get(`/x/${token}`)],
    ['a refused path', (token) => get(`/x//${token}`)],
    ['a path that hides it', (token) => get(`/x/${token.replace('_', '%5f')}`)],
    ['a path that hides all of it', (token) => get(`/x/${escaped(token)}`)],
    ['a path that is cut off in it', (token) => get(`/${'x'.repeat(1024 - token.length)}${token}`)],
    ['the user agent', (token) => get('/x', `User-Agent: curl ${token}\r\n`)],
    [
      'a user agent that is cut off in it',
      (token) => get('/x', `User-Agent: ${'x'.repeat(1025 - token.length)}${token}\r\n`),
    ],
    ['X-Request-Id', (token) => get('/x', `X-Request-Id: ${token}\r\n`)],
  ])('stands in no trail when it is sent in %s', async (_name, bytes) => {
    await exchangeRaw(gateway.port, bytes(key.token))
    const [row] = await rowsOf(gateway, 1)
    const told = `${row?.path} ${row?.userAgent} ${row?.requestId}`
    expect(told).not.toContain(secretOf(key.token))
    expect(decodeURIComponent(told)).not.toContain(secretOf(key.token))
  })
})

/** What of a token is secret, but for the checksum that anyone can compute, and a bit less: a cut one counts, too. */
const secretOf = (token: string) => token.slice(token.indexOf('_') + 5, -7)

test('bearer tokens are read in any case of the scheme and from nowhere else', async () => {
  for (const [value, status] of [
    [`bearer ${key.token}`, 200],
    [`BEARER   ${key.token}`, 200],
    [`Bearer ${key.token} `, 200],
    [`Bearer ${key.token},`, 401],
    [`Bearer ${key.token} ${key.token}`, 401],
    [`Bearer "${key.token}"`, 401],
    [`Basic ${Buffer.from(`x:${key.token}`).toString('base64')}`, 401],
    [key.token, 401],
    ['Bearer', 401],
    ['', 401],
  ] as const) {
    const response = await fetch(`${gateway.url}/x`, { headers: { authorization: value } })
    expect([value, response.status]).toEqual([value, status])
  }
  const cookie = await fetch(`${gateway.url}/x`, {
    headers: { cookie: `key=${key.token}`, 'x-api-key': key.token },
  })
  expect(cookie.status).toBe(401)
})
