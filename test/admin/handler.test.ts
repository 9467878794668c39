import { expect, test } from 'vitest'
import { createAdminHandler } from '../../src/admin/handler.ts'
import { hostAccess, hostedSignIn, type HostPerson } from '../../src/admin/hosted.ts'
import { refusalOfOrigin } from '../../src/admin/origin.ts'

const seen: { url: string; method: string; text: string }[] = []
const handle = createAdminHandler({
  api: async (request) => {
    seen.push({ url: request.url, method: request.method, text: await request.text() })
    return Response.json({})
  },
  signIn: hostedSignIn,
})

test.each(['/admin/api-keys', '/internal/keys', '/base/admin/api-keys', ''])(
  'mounted at "%s", the page finds its assets and its API there',
  async (mount) => {
    const origin = 'http://app.example.com'
    const document = await handle(new Request(`${origin}${mount}/keys/1`), mount, null)
    const html = await document.text()
    expect(html).toContain(`<base href="${mount}/">`)
    const [, script = ''] = /src="([^"]+)"/.exec(html) ?? []
    const asset = await handle(new Request(new URL(script, `${origin}${mount}/`)), mount, null)
    expect(asset.headers.get('content-type')).toContain('javascript')
    const body = JSON.stringify({ name: 'x' })
    await handle(new Request(`${origin}${mount}/api/v1/keys?limit=1`, { method: 'POST', body }), mount, null)
    expect(seen.at(-1)).toEqual({
      url: `${origin}/admin/api-keys/api/v1/keys?limit=1`,
      method: 'POST',
      text: body,
    })
  },
)

test('what lies beside the mount is not answered', async () => {
  const before = seen.length
  for (const path of ['/admin', '/admin/api-keysx/api/v1/keys', '/api/v1/keys'])
    expect((await handle(new Request(`http://h${path}`), '/admin/api-keys', null)).status).toBe(404)
  expect(seen).toHaveLength(before)
})

test('a mount that would break out of the document can not', async () => {
  const mount = '/a"><script>'
  const response = await handle(new Request('http://h/'), '', null)
  expect(response.status).toBe(200)
  const { pageResponse } = await import('../../src/admin/page/page.ts')
  expect(await pageResponse(new Request(`http://h${mount}`), mount).text()).not.toContain('"><script>')
})

test('what an app says of someone is checked: a wrong answer is nobody, and loud', async () => {
  const ask = (person: unknown) => hostAccess(() => person as HostPerson)(new Request('http://h/'))
  const ada = { id: 'u1', email: 'ada@example.com', role: 'admin' }
  expect(await ask(ada)).toEqual({
    actor: 'ada@example.com',
    via: 'host',
    role: 'admin',
    email: 'ada@example.com',
    signedInAt: null,
  })
  expect(await ask({ ...ada, email: null, signedInAt: 5 })).toMatchObject({ actor: 'u1', signedInAt: 5 })
  expect(await ask(null)).toBeNull()
  for (const wrong of [
    { ...ada, role: 'root' },
    { ...ada, role: undefined },
    { ...ada, id: '' },
    { ...ada, id: 5 },
    { ...ada, email: '' },
    { ...ada, email: ['a'] },
    { ...ada, signedInAt: '2026' },
    { ...ada, signedInAt: NaN },
    {},
  ])
    await expect(ask(wrong)).rejects.toThrow(/^authorize: /)
})

test.each<[string, string, Record<string, string>, boolean]>([
  ['a read by the page', 'GET', { 'sec-fetch-site': 'same-origin' }, true],
  ['a read by someone who typed the address', 'GET', { 'sec-fetch-site': 'none' }, true],
  ['a read by a program', 'GET', {}, true],
  ['a read by another site', 'GET', { 'sec-fetch-site': 'cross-site' }, false],
  ['a read by a neighbour', 'GET', { 'sec-fetch-site': 'same-site' }, false],
  ['a change by the page', 'POST', { 'sec-fetch-site': 'same-origin' }, true],
  ['a change by an older browser', 'PATCH', { origin: 'http://h', host: 'h' }, true],
  ['a change by an older browser elsewhere', 'DELETE', { origin: 'http://i', host: 'h' }, false],
  ['a change from another port', 'POST', { origin: 'http://h:81', host: 'h' }, false],
  ['a change from a sandbox', 'POST', { origin: 'null', host: 'h' }, false],
  ['a change by nothing that shows', 'POST', { host: 'h' }, false],
  [
    'a change by another site',
    'POST',
    { 'sec-fetch-site': 'cross-site', origin: 'http://h', host: 'h' },
    false,
  ],
  ['a change by a neighbour', 'DELETE', { 'sec-fetch-site': 'same-site' }, false],
  ['a change by a form in the address bar', 'POST', { 'sec-fetch-site': 'none' }, false],
  ['a change with a token of its own', 'POST', { authorization: 'Bearer x' }, true],
])('%s: %s %j', (_name, method, headers, isLet) => {
  expect(refusalOfOrigin(new Request('http://h/', { method, headers })) === null).toBe(isLet)
})
