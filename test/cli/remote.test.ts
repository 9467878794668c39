import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { end, linesOf, run, start, type Ran } from './bin.ts'

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let directory: string
/** Where no data directory is. */
let elsewhere: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-remote-'))
  elsewhere = join(directory, 'elsewhere')
  mkdirSync(elsewhere)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const someToken = newToken('pmk')

async function refusal(env: Record<string, string>, args: string[] = ['keys', 'list']): Promise<string> {
  const { code, stdout, stderr } = await run(args, { cwd: elsewhere, env })
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^postern: [^\n]+\n$/)
  for (const token of [env['POSTERN_TOKEN']]) if (token) expect(stderr).not.toContain(token.slice(4))
  return `${code} ${stderr.slice('postern: '.length).trimEnd()}`
}

describe('what is wrong about POSTERN_URL and POSTERN_TOKEN is said in one line, before anything is sent', () => {
  test.each<[string, string, string, RegExp]>([
    ['http to another machine', 'http://keys.example.com', someToken, /^2 POSTERN_URL must be https/],
    ['another scheme', 'ftp://127.0.0.1', someToken, /^2 POSTERN_URL must be the page's URL/],
    ['no URL', 'keys.example.com', someToken, /^2 POSTERN_URL must be the page's URL/],
    ['a user in it', 'https://u:p@keys.example.com', someToken, /^2 POSTERN_URL must be the page's URL/],
    ['a fragment', 'https://keys.example.com/#x', someToken, /^2 POSTERN_URL must be the page's URL/],
    ['no token', 'https://keys.example.com', '', /^2 POSTERN_TOKEN is missing/],
    ['a service key', 'https://keys.example.com', newToken('pst'), /^2 POSTERN_TOKEN is no management key/],
    ['a typo', 'https://keys.example.com', `${someToken.slice(0, -1)}_`, /^2 POSTERN_TOKEN is no management/],
  ])('%s', async (_, url, token, line) => {
    expect(await refusal({ POSTERN_URL: url, POSTERN_TOKEN: token })).toMatch(line)
  })

  test.each([['migrate'], ['serve'], ['admin', 'link']])(
    '%s %s, which is for this machine',
    async (...args) => {
      expect(
        await refusal({ POSTERN_URL: 'https://keys.example.com', POSTERN_TOKEN: someToken }, args),
      ).toMatch(`2 POSTERN_URL is set, and \`postern ${args.join(' ')}\` works on this machine only`)
    },
  )
})

describe('what does not answer as the page does is said in one line', () => {
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) server.close()
  })

  async function listening(server: Server): Promise<number> {
    servers.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  async function answering(answer: RequestListener): Promise<Record<string, string>> {
    const port = await listening(createServer(answer))
    return { POSTERN_URL: `http://127.0.0.1:${port}`, POSTERN_TOKEN: someToken }
  }

  test('no such host', async () => {
    const env = { POSTERN_URL: 'https://nowhere.invalid/x', POSTERN_TOKEN: someToken }
    expect(await refusal(env)).toMatch(/^1 https:\/\/nowhere\.invalid has no address: no such host/)
  })

  test('nothing there', async () => {
    const port = await listening(createServer())
    servers.pop()?.close()
    expect(await refusal({ POSTERN_URL: `http://127.0.0.1:${port}`, POSTERN_TOKEN: someToken })).toMatch(
      /^1 http:\/\/127\.0\.0\.1:\d+ can't be reached: nothing listens there/,
    )
  })

  test('a certificate of its own', async () => {
    const place = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        ...place,
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(directory, name)))
    let asked = 0
    const port = await listening(
      createTlsServer({ key, cert }, (_, response) => {
        asked += 1
        response.end('{"data":[],"nextCursor":null}')
      }),
    )
    const env = { POSTERN_URL: `https://127.0.0.1:${port}`, POSTERN_TOKEN: someToken }
    expect(await refusal(env)).toMatch(
      /^1 .* has a certificate that is not trusted here \(.*NODE_EXTRA_CA_CERTS/,
    )
    expect(asked).toBe(0)
    const trusting = { ...env, NODE_EXTRA_CA_CERTS: join(directory, 'cert.pem') }
    expect(await run(['keys', 'list', '--json'], { cwd: elsewhere, env: trusting })).toMatchObject({
      code: 0,
    })
    const plain = { ...env, POSTERN_URL: `https://127.0.0.1:${await listening(createServer())}` }
    expect(await refusal(plain)).toMatch(/^1 .* does not speak TLS as it should/)
  })

  test('one that sends elsewhere gets no token there', async () => {
    let asked = 0
    const target = await answering((_, response) => {
      asked += 1
      response.end()
    })
    const env = await answering((_, response) => {
      response.writeHead(302, { location: target['POSTERN_URL'] }).end()
    })
    expect(await refusal(env)).toMatch(/^1 .* sends elsewhere \(302\)/)
    expect(asked).toBe(0)
  })

  test.each<[string, number, string]>([
    ['a web page', 200, '<!doctype html>'],
    ['nothing like it', 404, 'Not found'],
  ])('%s', async (_, status, body) => {
    const env = await answering((__, response) => {
      response.writeHead(status).end(body)
    })
    expect(await refusal(env)).toMatch(/^1 the server answered \d+, and not as Postern's admin API does/)
  })

  test('an answer that breaks off', async () => {
    const env = await answering((_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"data":', () => response.destroy())
    })
    expect(await refusal(env)).toMatch(/^1 the answer broke off/)
  })
})

describe('with POSTERN_URL and POSTERN_TOKEN, every command drives that server', () => {
  let place: { cwd: string; env: Record<string, string> }
  let server: ReturnType<typeof start>
  let env: Record<string, string>
  let managementKey: { id: string; token: string }

  beforeAll(async () => {
    place = { cwd: join(directory, 'server'), env: { POSTERN_PORT: '0', POSTERN_ADMIN_PORT: '0' } }
    mkdirSync(place.cwd)
    server = start(['serve', '--demo', '--json'], place)
    const { adminUrl } = JSON.parse(await linesOf(server)()) as { adminUrl: string }
    const made = await run(['management-keys', 'create', 'ci', '--role', 'admin', '--json'], place)
    managementKey = JSON.parse(made.stdout) as { id: string; token: string }
    env = { POSTERN_URL: `${new URL(adminUrl).origin}/admin/api-keys/`, POSTERN_TOKEN: managementKey.token }
  })
  afterAll(() => end(server, 'SIGTERM'))

  const remote = (...args: string[]): Promise<Ran> => run(args, { cwd: elsewhere, env })

  async function json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await remote(...args, '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout) as T
  }

  test('a service user and a key are made, limited, edited, shown and revoked', async () => {
    await json('service-users', 'create', 'far bot', '--owner', 'team@example.com', '--customer', 'Acme')
    expect(
      await json('service-users', 'edit', 'far bot', '--backup-owner', 'b@example.com', '--no-customer'),
    ).toMatchObject({ owner: 'team@example.com', backupOwner: 'b@example.com', customer: null })
    const limits = ['--tool', 'forecast_*', '--tool', '!delete_*', '--address', '203.0.113.0/24']
    const key = await json<{ id: string; token: string }>(
      ...['keys', 'create', '--service-user', 'far bot', ...limits],
    )
    expect(key).toMatchObject({ tools: ['forecast_*', '!delete_*'], addresses: ['203.0.113.0/24'] })
    expect((await remote('keys', 'list', '--service-user', 'far bot')).stdout).toMatch(
      /^active +far bot +far bot +pst_.{4} .*\n {2}tools: forecast_\* !delete_\*$/m,
    )
    expect(await json('keys', 'edit', key.id, '--name', 'x', '--all-tools')).toMatchObject({
      name: 'x',
      tools: [],
      addresses: ['203.0.113.0/24'],
    })
    expect((await remote('keys', 'show', key.id)).stdout).toMatch(
      /by management-key:ci \(pmk_.{4}\)[^]*edited +management-key:ci/,
    )
    expect(await json('keys', 'revoke', key.id)).toMatchObject({ state: 'revoked' })
    expect(
      await refusal(env, ['keys', 'create', '--service-user', 'far bot', '--tool', 'a**', '--json']),
    ).toMatch(/^1 .*\(tool_pattern_invalid\)$/)
  })

  test('a snippet is printed for a client, without a key in it', async () => {
    const { data } = await json<{ data: { id: string; name: string }[] }>('keys', 'list')
    const demo = data.find(({ name }) => name === 'demo')
    const args = ['keys', 'snippet', demo?.id ?? '', '--client', 'claude-code', '--token-env', 'MY_KEY']
    const { code, stdout } = await remote(...args)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^claude mcp add --transport http demo-agent 'http:\/\/127\.0\.0\.1:\d+\/mcp' --header "Authorization: Bearer \$MY_KEY"\n/,
    )
    expect(await json('keys', 'snippet')).toMatchObject({ data: { length: 12 } })
  })

  test('the trail is exported', async () => {
    const { code, stdout } = await remote('audit', 'export', '--format', 'csv')
    expect([code, stdout.split('\r\n')[0]]).toEqual([0, expect.stringMatching(/^id,writer,boot,/)])
  })

  test('doctor asks it, too', async () => {
    expect((await remote('doctor')).stdout).toContain('through the server that POSTERN_URL names')
  })

  test('a management key makes no other, and is refused once it is revoked', async () => {
    expect(await refusal(env, ['management-keys', 'create', 'x', '--role', 'auditor', '--json'])).toMatch(
      /^1 .*\(role_refused\)$/,
    )
    expect((await remote('management-keys', 'list')).stdout).toMatch(/^active +ci +admin +pmk_/m)
    expect(await json('management-keys', 'revoke', managementKey.id)).toMatchObject({ state: 'revoked' })
    expect(await refusal(env)).toMatch(/^1 .* refused POSTERN_TOKEN: .*revoked/)
  })

  test('a link for an administrator is made over the socket', async () => {
    const { code, stdout } = await run(['admin', 'link', '--json'], place)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ url: expect.stringMatching(/\/setup#[\w-]{43}$/) as string })
  })
})
