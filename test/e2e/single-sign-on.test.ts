import { createServer, type Server } from 'node:http'
import { Provider } from 'oidc-provider'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { openGateway, type TestGateway } from './gateway.ts'
import { openAdministrator, openVisitor, type Visitor } from './visitor.ts'

interface Account {
  sub: string
  email: string
  email_verified: unknown
  name: string
}

const clientSecret = 'the secret of this client, which no answer shows'
let server: Server
let issuer: string
let gateway: TestGateway
let admin: Visitor
/** Who sits at the identity provider. */
let account: Account
let count = 0

beforeEach(() => {
  count++
  account = {
    sub: `subject-${count}`,
    email: `person-${count}@example.com`,
    email_verified: true,
    name: `Person ${count}`,
  }
})

beforeAll(async () => {
  const adminPort = await freePort()
  server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  issuer = `http://127.0.0.1:${address.port}`
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'postern',
        client_secret: clientSecret,
        redirect_uris: [`http://127.0.0.1:${adminPort}/admin/api-keys/api/auth/callback/corp`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, sub) => {
      const { ...claims } = account
      return { accountId: sub, claims: () => ({ ...claims, sub }) }
    },
    async loadExistingGrant({ oidc }) {
      const { accountId } = oidc.session ?? {}
      const grant = new oidc.provider.Grant({ clientId: 'postern', ...(accountId ? { accountId } : {}) })
      grant.addOIDCScope('openid email profile')
      await grant.save()
      return grant
    },
  })
  const handle = provider.callback()
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') === true)
      void provider.interactionFinished(request, response, { login: { accountId: account.sub } })
    else void handle(request, response)
  })
  gateway = await openGateway({
    routes: [{ path: '/x', public: true, upstream: 'http://127.0.0.1:1' }],
    settings: {
      admin: {
        listen: `127.0.0.1:${adminPort}`,
        identityProviders: [
          { id: 'corp', name: 'Example Corp', issuer, clientId: 'postern', clientSecret },
          { id: 'away', issuer: 'http://127.0.0.1:1', clientId: 'postern', clientSecret },
        ],
      },
    },
  })
  admin = await openAdministrator(gateway)
})
afterAll(async () => {
  await gateway.close()
  server.closeAllConnections()
  await new Promise((resolve) => {
    server.close(resolve)
  })
})

const begin = (visitor: Visitor, more: object = {}) =>
  visitor.send('POST', '/api/auth/sign-in/social', {
    json: { provider: 'corp', callbackURL: '/admin/api-keys/keys/one', ...more },
  })

/** From our page to the identity provider and back to our page; answers where it ends. */
async function roundTrip(visitor: Visitor, more: object = {}): Promise<string> {
  const { json } = await begin(visitor, more)
  return comeBack(visitor, await atProvider(String(json['url'])))
}

async function atProvider(start: string): Promise<string> {
  const cookies = new Map<string, string>()
  for (let url = start; ;) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const set of response.headers.getSetCookie()) {
      const [pair = ''] = set.split(';')
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = response.headers.get('location')
    if (location === null) throw new Error(`${url}: ${response.status} ${await response.text()}`)
    url = new URL(location, url).href
    if (url.startsWith(gateway.adminUrl)) return url
  }
}

async function comeBack(visitor: Visitor, url: string): Promise<string> {
  const path = url.slice(`${gateway.adminUrl}/admin/api-keys`.length)
  const answered = await visitor.send('GET', path, {
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
  })
  return answered.headers.get('location') ?? String(answered.status)
}

const invite = (email: string, role = 'owner') =>
  admin.send('POST', '/api/v1/people/invitations', { json: { email, role } })
const me = async (visitor: Visitor) => (await visitor.send('GET', '/api/v1/me')).json

test('the page is told which identity providers there are, and nothing is asked of one before it is chosen', async () => {
  const { json, text } = await admin.send('GET', '/api/sign-in-methods')
  expect(json['oidc']).toEqual([
    { id: 'corp', name: 'Example Corp' },
    { id: 'away', name: 'away' },
  ])
  expect(text).not.toContain(clientSecret)
})

test('someone invited comes in by their verified address, with the role of the invitation, and again later', async () => {
  await invite(account.email.toUpperCase(), 'auditor')
  const visitor = await openVisitor(gateway)
  expect(await roundTrip(visitor)).toBe('/admin/api-keys/keys/one')
  expect(await me(visitor)).toMatchObject({ role: 'auditor', email: account.email, via: 'person' })
  const { json } = await admin.send('GET', '/api/v1/people?limit=200')
  expect(json['data']).toContainEqual(expect.objectContaining({ email: account.email, name: account.name }))
  expect(json['invitations']).toEqual([])
  const again = await openVisitor(gateway)
  expect(await roundTrip(again)).toBe('/admin/api-keys/keys/one')
  expect(await me(again)).toMatchObject({ role: 'auditor' })
})

test('nobody else comes in, whatever else they ask for', async () => {
  const visitor = await openVisitor(gateway)
  for (const more of [{}, { requestSignUp: true }]) {
    const end = await roundTrip(visitor, more)
    expect(end).toMatch(/^\/admin\/api-keys\/sign-in\?error=signup_disabled/)
  }
  expect((await me(visitor))['code']).toBe('sign_in_required')
})

test.each([false, 'true', 1, undefined])(
  'an address whose verification reads %j takes neither an invitation nor the place of its person',
  async (verified) => {
    account.email_verified = verified
    await invite(account.email, 'admin')
    const visitor = await openVisitor(gateway)
    expect(await roundTrip(visitor)).toContain('/sign-in?error=')
    account.email = 'ada@example.com'
    account.sub = `${account.sub}-as-ada`
    expect(await roundTrip(visitor)).toContain('/sign-in?error=')
    expect((await me(visitor))['code']).toBe('sign_in_required')
  },
)

test('a person who was there before is found by their verified address', async () => {
  account.email = 'ada@example.com'
  const visitor = await openVisitor(gateway)
  expect(await roundTrip(visitor)).toBe('/admin/api-keys/keys/one')
  expect(await me(visitor)).toMatchObject({ role: 'admin', email: 'ada@example.com' })
})

test('who is removed does not come back by the same account', async () => {
  await invite(account.email)
  const visitor = await openVisitor(gateway)
  await roundTrip(visitor)
  const { json } = await admin.send('GET', '/api/v1/people?limit=200')
  const id = (json['data'] as { id: string; email: string }[]).find(
    ({ email }) => email === account.email,
  )?.id
  expect((await admin.send('DELETE', `/api/v1/people/${id}`)).status).toBe(204)
  expect((await me(visitor))['code']).toBe('sign_in_required')
  expect(await roundTrip(visitor)).toContain('/sign-in?error=')
})

test('the way back is not taken from elsewhere: not by another browser, not twice, and never to another site', async () => {
  await invite(account.email)
  const visitor = await openVisitor(gateway)
  const { json } = await begin(visitor, { callbackURL: 'https://evil.example/' })
  const back = await atProvider(String(json['url']))
  expect(await comeBack(await openVisitor(gateway), back)).toContain('error=')
  const own = await begin(visitor, { callbackURL: 'https://evil.example/' })
  const ownBack = await atProvider(String(own.json['url']))
  expect(await comeBack(visitor, ownBack)).toBe('/admin/api-keys/')
  expect(await comeBack(await openVisitor(gateway), ownBack)).toContain('error=')
})

test('an identity provider that is away, or unknown, is said to be, and the others go on', async () => {
  const visitor = await openVisitor(gateway)
  expect(await begin(visitor, { provider: 'away' })).toMatchObject({
    status: 503,
    code: 'provider_unreachable',
  })
  expect(await begin(visitor, { provider: 'google' })).toMatchObject({
    status: 404,
    code: 'provider_not_found',
  })
  await invite(account.email)
  expect(await roundTrip(visitor)).toBe('/admin/api-keys/keys/one')
})

test('nothing that would open the identity provider is kept', async () => {
  await invite(account.email)
  await roundTrip(await openVisitor(gateway))
  // What the library would keep is seen in its own records, which the store gives to nobody else.
  expect(JSON.stringify((await admin.send('GET', '/api/v1/people?limit=200')).json)).not.toContain('token')
})
