import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentSecurityPolicy } from '../../src/admin/page/page.ts'
import { buildApp, type RunningApp, startApp } from './next-app.ts'

let app: RunningApp
let page: string

beforeAll(buildApp, 600_000)
beforeAll(async () => {
  app = await startApp('next start')
  page = `${app.url}/admin/api-keys`
})
afterAll(async () => {
  await app?.stop('SIGKILL')
})

const as = (name: string) => ({ cookie: `session=${name}` })

async function ask(
  path: string,
  init: { method?: string; json?: unknown; headers?: Record<string, string> } = {},
) {
  const { method = 'GET', json, headers = {} } = init
  const response = await fetch(`${page}/api${path}`, {
    method,
    headers: {
      origin: app.url,
      'sec-fetch-site': 'same-origin',
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  }
}

test('the page is where the catch-all lies, with its policy, its assets, and links deep into it', async () => {
  const response = await fetch(page, { redirect: 'manual' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-security-policy')).toBe(contentSecurityPolicy)
  expect(response.headers.get('content-encoding')).not.toBe('br')
  const html = await response.text()
  expect(html).toContain('<base href="/admin/api-keys/">')
  for (const path of ['/keys/1/usage', '/new', '/people'])
    expect(await (await fetch(page + path)).text()).toBe(html)
  // Next redirects the slash away, and the base leads to the assets all the same.
  const slash = await fetch(`${page}/`)
  expect([slash.url, await slash.text()]).toEqual([page, html])
  for (const [, path] of html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)) {
    const asset = await fetch(`${page}/${path}`)
    expect([asset.status, asset.headers.get('cache-control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ])
    expect((await asset.text()).length).toBeGreaterThan(0)
  }
  expect((await fetch(`${page}/assets/unknown.js`)).status).toBe(404)
})

test('the app says who gets in, and as what', async () => {
  expect(await ask('/v1/me')).toMatchObject({ status: 401, json: { code: 'sign_in_required' } })
  expect(await ask('/v1/me', { headers: as('nobody') })).toMatchObject({ status: 401 })
  expect((await ask('/v1/me', { headers: as('ada') })).json).toMatchObject({
    actor: 'ada@example.com',
    via: 'host',
    role: 'admin',
    signedInAt: null,
  })
  expect((await ask('/v1/me', { headers: as('grace') })).json).toMatchObject({ role: 'owner' })
  expect((await ask('/sign-in-methods')).json).toMatchObject({ hosted: true, password: false, oidc: [] })
  expect((await ask('/auth/sign-in/email', { method: 'POST', json: {} })).status).toBe(404)
  expect(await ask('/v1/people', { headers: as('ada') })).toMatchObject({
    json: { code: 'people_elsewhere' },
  })
})

test('a key is created, shown once, not kept by any cache, and opens the app', async () => {
  const headers = as('ada')
  const json = { name: 'page-agent', owner: 'team@example.com' }
  expect((await ask('/v1/service-users', { method: 'POST', json, headers })).status).toBe(201)
  const made = await ask('/v1/keys', { method: 'POST', json: { serviceUser: 'page-agent' }, headers })
  expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store'])
  const token = String(made.json['token'])
  const who = await fetch(`${app.url}/api/who`, { headers: { authorization: `Bearer ${token}` } })
  expect(who.status).toBe(200)
  const list = await ask('/v1/keys', { headers })
  expect(JSON.stringify(list.json)).not.toContain(token)
  const revoke = `/v1/keys/${String((made.json['key'] as { id?: string } | undefined)?.id ?? made.json['id'])}/revoke`
  expect((await ask(revoke, { method: 'POST', json: { reason: 'test' }, headers })).status).toBeLessThan(429)
})

test('from another site, or with an old sign-in, no key is made (T18)', async () => {
  const json = { serviceUser: 'page-agent' }
  const cross = await ask('/v1/keys', {
    method: 'POST',
    json,
    headers: { ...as('ada'), 'sec-fetch-site': 'cross-site' },
  })
  expect(cross).toMatchObject({ status: 403, json: { code: 'origin_refused' } })
  expect(await ask('/v1/keys', { method: 'POST', json, headers: as('old') })).toMatchObject({
    status: 403,
    json: { code: 'sign_in_too_old' },
  })
  expect((await ask('/v1/keys', { headers: as('old') })).status).toBe(200)
})

test('the live trail comes as it happens, and is not held back to be compressed', async () => {
  const stop = new AbortController()
  const response = await fetch(`${page}/api/v1/audit/live`, {
    headers: { ...as('ada'), 'sec-fetch-site': 'same-origin', 'accept-encoding': 'gzip' },
    signal: stop.signal,
  })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  expect(response.headers.get('content-encoding')).toBeNull()
  expect(response.headers.get('cache-control')).toBe('no-store, no-transform')
  const reader = response.body?.getReader()
  const call = setInterval(() => void fetch(`${app.url}/api/who`).catch(() => undefined), 300)
  let text = ''
  while (!text.includes('event: call')) {
    const part = await reader?.read()
    if (part === undefined || part.done) break
    text += Buffer.from(part.value).toString()
  }
  clearInterval(call)
  stop.abort()
  expect(text).toContain('event: call')
})
