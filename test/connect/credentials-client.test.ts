import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { check } from '../../connect/src/check/check.ts'
import type { Credential, Environment } from '../../connect/src/contracts.ts'
import { openCredential } from '../../connect/src/credential/open.ts'
import { createSender } from '../../connect/src/outbound/send.ts'
import { startDemo, type Demo } from '../../src/demo/server.ts'
import { sendJson, startServer, type TestServer } from '../client/servers.ts'
import { openGateway, type TestGateway } from '../e2e/gateway.ts'
import { clientId, clientSecret, startIssuer, type TestIssuer } from '../e2e/issuer.ts'

const sender = createSender({})
let shiftMs = 0
const now = () => Date.now() + shiftMs
const around = (environment: Environment) => ({ send: sender.send, tell: () => {}, environment, now })
const options = (url: string) => ({ url: new URL(url), keyFile: null, isClientCredentials: true })

function open(environment: Environment): Promise<Credential> {
  return openCredential(options('https://mcp.example.com/mcp'), around(environment))
}

afterEach(() => {
  shiftMs = 0
})
afterAll(() => sender.close())

describe('with a server that gives tokens', () => {
  let issuer: TestServer
  let given = 0
  const environment = () => ({
    POSTERN_TOKEN_URL: `${issuer.origin}/token`,
    POSTERN_CLIENT_ID: 'billing',
    POSTERN_CLIENT_SECRET: 'a secret + more',
  })
  beforeEach(async () => {
    given = 0
    issuer = await startServer()
    issuer.answer((_, response) =>
      sendJson(response, 200, { access_token: `token-${++given}`, token_type: 'Bearer', expires_in: 300 }),
    )
  })
  afterEach(() => issuer.close())

  test('many calls at once wait for one request, and share its token', async () => {
    const credential = await open({ ...environment(), POSTERN_SCOPE: 'a b', POSTERN_AUDIENCE: 'https://api' })
    const all = await Promise.all(Array.from({ length: 20 }, () => credential.header()))
    expect(new Set(all.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer token-1']))
    expect(issuer.asked).toHaveLength(1)
    expect(Object.fromEntries(new URLSearchParams(issuer.asked[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      audience: 'https://api',
    })
    expect(issuer.asked[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('billing:a+secret+%2B+more').toString('base64')}`,
    )
  })

  test('a token is replaced ahead of its end, while the calls go on with it', async () => {
    const credential = await open(environment())
    await credential.header()
    shiftMs = 0.9 * 300_000
    expect(await credential.header()).toEqual({ authorization: 'Bearer token-1' })
    await expect.poll(() => credential.header()).toEqual({ authorization: 'Bearer token-2' })
    expect(issuer.asked).toHaveLength(2)
  })

  test('a token that the gateway refuses is replaced once, and not over and over', async () => {
    const credential = await open(environment())
    const first = (await credential.header()).authorization
    expect(await credential.refused(first, 403)).toBe('same')
    expect(await credential.refused(first, 401)).toBe('changed')
    const second = (await credential.header()).authorization
    expect(second).toBe('Bearer token-2')
    expect(await credential.refused(second, 401)).toBe('same')
  })

  test('what can’t be had is said in one line without the secret', async () => {
    const credential = await open(environment())
    issuer.answer((asked, response) =>
      sendJson(response, 401, { error: 'invalid_client', error_description: asked.headers.authorization }),
    )
    const failure: unknown = await credential.header().catch((error: unknown) => error)
    expect(failure).toMatchObject({
      reason: 'token_unavailable',
      message: expect.stringMatching(/invalid_client.*Check the client/),
    })
    expect(JSON.stringify([failure, String(failure)])).not.toMatch(/a secret|Basic/)
  })

  test('an issuer that isn’t there is named as the way out names it', async () => {
    const credential = await open(environment())
    await issuer.close()
    await expect(credential.header()).rejects.toMatchObject({
      reason: 'token_unavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('the secret comes from a file that others may not read, too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-secret-'))
    try {
      const file = join(folder, 'secret')
      writeFileSync(file, 'of the file\n', { mode: 0o600 })
      const { POSTERN_CLIENT_SECRET: _, ...others } = environment()
      const credential = await open({ ...others, POSTERN_CLIENT_SECRET_FILE: file })
      await credential.header()
      expect(issuer.asked[0]?.headers.authorization).toBe(
        `Basic ${Buffer.from('billing:of+the+file').toString('base64')}`,
      )
      chmodSync(file, 0o640)
      await expect(open({ ...others, POSTERN_CLIENT_SECRET_FILE: file })).rejects.toMatchObject({
        reason: 'key_file_unsafe',
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('a start that says too little or too much is refused, and names the variable', () => {
  const all = {
    POSTERN_ISSUER: 'https://login.example.com',
    POSTERN_CLIENT_ID: 'billing',
    POSTERN_CLIENT_SECRET: 'the-secret',
  }
  test.each<[string, Environment, RegExp]>([
    ['no client', { ...all, POSTERN_CLIENT_ID: '' }, /POSTERN_CLIENT_ID/],
    ['no secret', { ...all, POSTERN_CLIENT_SECRET: '' }, /POSTERN_CLIENT_SECRET/],
    ['two secrets', { ...all, POSTERN_CLIENT_SECRET_FILE: '/x' }, /one of POSTERN_CLIENT_SECRET/],
    ['no issuer', { ...all, POSTERN_ISSUER: '' }, /POSTERN_ISSUER and POSTERN_TOKEN_URL/],
    ['both', { ...all, POSTERN_TOKEN_URL: 'https://x.example' }, /one of POSTERN_ISSUER/],
    ['an issuer without TLS', { ...all, POSTERN_ISSUER: 'http://x.example' }, /must be https/],
    ['another way', { ...all, POSTERN_CLIENT_AUTHENTICATION: 'none' }, /POSTERN_CLIENT_AUTHENTICATION/],
  ])('%s', async (_, environment, words) => {
    await expect(open(environment)).rejects.toMatchObject({
      reason: 'usage',
      message: expect.stringMatching(words),
    })
  })

  test('a key file as well', async () => {
    const both = { ...options('https://mcp.example.com/mcp'), keyFile: '/x' }
    await expect(openCredential(both, around(all))).rejects.toMatchObject({ reason: 'usage' })
  })
})

describe('with a real issuer and a gateway that takes its JWTs', () => {
  let issuer: TestIssuer
  let demo: Demo
  let gateway: TestGateway
  const audience = 'https://mcp.example.com'
  beforeAll(async () => {
    issuer = await startIssuer()
    demo = await startDemo()
    gateway = await openGateway({
      routes: [{ path: '/mcp', mcp: true, accepts: ['jwt'], upstream: demo.url }],
      settings: {
        issuers: [
          { issuer: issuer.issuer, jwksUrl: `${issuer.issuer}/jwks`, audience, algorithms: ['RS256'] },
        ],
      },
    })
  })
  afterAll(async () => {
    await gateway.close()
    await demo.close()
    await issuer.close()
  })

  test('check says that the token is accepted, and shows none of it', async () => {
    const environment = {
      POSTERN_ISSUER: issuer.issuer,
      POSTERN_CLIENT_ID: clientId,
      POSTERN_CLIENT_SECRET: clientSecret,
      POSTERN_RESOURCE: audience,
    }
    const lines: string[] = []
    const exitCode = await check(
      { ...options(`${gateway.url}/mcp`), isJson: false },
      around(environment),
      (line) => void lines.push(line),
    )
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['ok  ', 'ok  ', 'ok  ', 'ok  ', 'ok  '])
    expect(exitCode).toBe(0)
    expect(lines[1]).toContain('the server accepts it')
    expect(lines.join('')).not.toMatch(/eyJ|of-the-test-only/)
  })
})
