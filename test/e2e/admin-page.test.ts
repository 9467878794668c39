import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentSecurityPolicy } from '../../src/admin/page/page.ts'
import { bearer, openGateway, type TestGateway } from './gateway.ts'
import { openRaw } from './raw.ts'
import { openVisitor } from './visitor.ts'

let gateway: TestGateway
let page: string

beforeAll(async () => {
  gateway = await openGateway({
    routes: [{ path: '/x', accepts: ['service-key'], upstream: 'http://127.0.0.1:1' }],
  })
  page = `${gateway.adminUrl}/admin/api-keys`
})
afterAll(() => gateway.close())

const assetsOf = (html: string) =>
  [...html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map((match) => match[1] ?? '')

test('the document may do nothing but load its own assets and ask its own origin (T18, T34)', async () => {
  const response = await fetch(page)
  expect(response.status).toBe(200)
  const headers = Object.fromEntries(response.headers)
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'x-frame-options': 'DENY',
  })
  const rules = contentSecurityPolicy.split('; ')
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "frame-ancestors 'none'",
    "base-uri 'self'",
    "form-action 'self'",
  ])
    expect(rules).toContain(rule)
  // The policy would keep the page from working if it had a script or a style of its own in it.
  const html = await response.text()
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=/i)
  expect(html).toContain('<base href="/admin/api-keys/">')
})

test('its assets are found from wherever it is opened, and are kept for ever; what is unknown is 404', async () => {
  const html = await (await fetch(page)).text()
  const assets = assetsOf(html)
  expect(assets.map((path) => path.replace(/-[\w-]+\./, '.')).sort()).toEqual([
    'assets/page.css',
    'assets/page.js',
  ])
  for (const path of assets) {
    const asset = await fetch(`${page}/${path}`)
    expect([asset.status, asset.headers.get('cache-control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ])
    expect(asset.headers.get('content-type')).toMatch(
      path.endsWith('js') ? /^text\/javascript/ : /^text\/css/,
    )
    expect(asset.headers.get('x-content-type-options')).toBe('nosniff')
    const again = await fetch(`${page}/${path}`, {
      headers: { 'if-none-match': asset.headers.get('etag') ?? '' },
    })
    expect([again.status, await again.text()]).toEqual([304, ''])
  }
  const unknown = await fetch(`${page}/assets/page-of-yesterday.js`)
  expect([unknown.status, unknown.headers.get('cache-control')]).toEqual([404, 'no-store'])
})

test('links deep into the page give the document, which is asked for anew and not sent twice', async () => {
  const html = await (await fetch(page)).text()
  for (const path of [
    '/',
    '/new',
    '/keys/0190c2a0-0000-7000-8000-000000000000/usage',
    '/setup',
    '/people',
    '/a.b',
  ])
    expect(await (await fetch(page + path)).text()).toBe(html)
  const first = await fetch(page)
  expect(first.headers.get('cache-control')).toBe('no-cache')
  const again = await fetch(page, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } })
  expect([again.status, again.headers.get('content-security-policy')]).toEqual([304, contentSecurityPolicy])
  const head = await fetch(page, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
  expect((await fetch(page, { method: 'POST', body: '' })).status).toBe(405)
})

test('the root leads to the page; beside it nothing is there', async () => {
  const root = await fetch(`${gateway.adminUrl}/`, { redirect: 'manual' })
  expect([root.status, root.headers.get('location')]).toEqual([302, '/admin/api-keys'])
  for (const path of ['/admin', '/admin/api-keysx', '/admin/api-keys.js', '/index.html'])
    expect([path, (await fetch(gateway.adminUrl + path)).status]).toEqual([path, 404])
})

test('neither the page nor its API is on the address of the gateway (T34)', async () => {
  const key = await gateway.issueKey()
  for (const path of ['', '/api/v1/keys', '/api/v1/me', '/api/auth/sign-in/email', '/api/setup'])
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${gateway.url}/admin/api-keys${path}`, { method, headers: bearer(key) })
      expect([path, method, response.status]).toEqual([path, method, 404])
    }
})

test('a service key, or nothing, opens no route of the API', async () => {
  const key = await gateway.issueKey()
  for (const headers of [{}, bearer(key), { authorization: `Basic ${key.token}` }] as Record<
    string,
    string
  >[])
    for (const path of ['/me', '/keys', '/people', '/changes', '/audit', '/settings', '/management-keys']) {
      const response = await fetch(`${page}/api/v1${path}`, { headers })
      expect([path, response.status, ((await response.json()) as { code: string }).code]).toEqual([
        path,
        401,
        'sign_in_required',
      ])
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
})

test.each<[string, string]>([
  ['a path that can be read in two ways', 'GET /admin/api-keys/%2e%2e/x HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['two slashes', 'GET /admin//api-keys HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['an absolute target', 'GET http://h/admin/api-keys HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['two hosts', 'GET /admin/api-keys HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n'],
  ['no host', 'GET /admin/api-keys HTTP/1.1\r\n\r\n'],
  ['two origins', 'GET /admin/api-keys HTTP/1.1\r\nHost: h\r\nOrigin: http://h\r\nOrigin: http://i\r\n\r\n'],
  [
    'two authorizations',
    'GET /admin/api-keys/api/v1/me HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n',
  ],
])('%s is refused before anything reads it', async (_name, text) => {
  const raw = await openRaw(Number(new URL(gateway.adminUrl).port))
  raw.send(text)
  expect(await raw.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  raw.end()
})

test.each(['/api/v1/keys', '/api/setup', '/api/auth/sign-in/email'])(
  'a body over 64 KiB is refused at %s, whether or not its length is said',
  async (path) => {
    const visitor = await openVisitor(gateway)
    const text = JSON.stringify({ name: 'x'.repeat(70_000) })
    const said = await visitor.send('POST', path, { text })
    expect([said.status, said.code]).toEqual([413, 'body_too_large'])
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(text))
        controller.close()
      },
    })
    const unsaid = await fetch(page + path, {
      method: 'POST',
      headers: { ...visitor.headers, 'content-type': 'application/json' },
      body,
      duplex: 'half',
    })
    expect(unsaid.status).toBe(413)
  },
)
