import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { Provider } from 'oidc-provider'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTokenFetch } from '../../src/client/token-fetch.ts'
import { startServer } from './servers.ts'
import type { TestServer } from './servers.ts'

/** With what the form encoding of Basic is there for. */
const secret = 'a secret: +/%&=~*'
let server: Server
let issuer: string
let resource: TestServer
/** Tokens that the provider gave out. */
let granted: number

beforeAll(async () => {
  resource = await startServer()
  server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  issuer = `http://127.0.0.1:${address.port}`
  const client = {
    client_secret: secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }
  const provider = new Provider(issuer, {
    clients: [
      { ...client, client_id: 'basic:client', token_endpoint_auth_method: 'client_secret_basic' },
      { ...client, client_id: 'post', token_endpoint_auth_method: 'client_secret_post' },
    ],
    scopes: ['call'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  })
  granted = 0
  provider.on('grant.success', () => {
    granted++
  })
  const handle = provider.callback()
  server.on('request', (request, response) => void handle(request, response))
})
afterAll(async () => {
  await resource.close()
  server.closeAllConnections()
  await new Promise((resolve) => {
    server.close(resolve)
  })
})

test.each([
  ['basic:client', 'client_secret_basic'],
  ['post', 'client_secret_post'],
] as const)(
  'a real authorization server gives %s one token for all its calls',
  async (clientId, authentication) => {
    const before = granted
    const call = createTokenFetch({
      issuer,
      clientId,
      clientSecret: secret,
      authentication,
      scope: 'call',
      resources: [resource.origin],
    })
    await Promise.all(Array.from({ length: 20 }, () => call(resource.origin)))
    expect(granted - before).toBe(1)
    expect(resource.asked.at(-1)?.headers.authorization).toMatch(/^Bearer [\w-]{20,}$/)
  },
)

test('and refuses another secret in words that we know', async () => {
  const call = createTokenFetch({
    issuer,
    clientId: 'post',
    clientSecret: 'another',
    authentication: 'client_secret_post',
    resources: [resource.origin],
  })
  await expect(call(resource.origin)).rejects.toMatchObject({ failure: 'refused', error: 'invalid_client' })
})
