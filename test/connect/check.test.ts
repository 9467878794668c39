import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { check } from '../../connect/src/check/check.ts'
import { createSender } from '../../connect/src/outbound/send.ts'
import { startDemo, type Demo } from '../../src/demo/server.ts'
import type { IssueInput } from '../../src/keys/issue.ts'
import { openGateway, type TestGateway, type TestKey } from '../e2e/gateway.ts'

let demo: Demo
let gateway: TestGateway
let user: TestKey
let folder: string
const servers: Server[] = []

beforeAll(async () => {
  demo = await startDemo()
  gateway = await openGateway({
    routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: demo.url }],
  })
  user = await gateway.issueKey()
  folder = mkdtempSync(join(tmpdir(), 'postern-check-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})
afterAll(async () => {
  await gateway.close()
  await demo.close()
  rmSync(folder, { recursive: true })
})

async function issue(input: Partial<IssueInput> = {}): Promise<TestKey> {
  const { key, token } = await gateway.postern.keys.issue(
    { serviceUser: user.serviceUserId, ...input },
    'the test',
  )
  return { token, id: key.key.id, serviceUserId: user.serviceUserId }
}

function fileWith(token: string, mode = 0o600): string {
  const file = join(mkdtempSync(join(folder, 'key-')), 'agent.key')
  writeFileSync(file, `${token}\n`)
  chmodSync(file, mode)
  return file
}

interface Found {
  exitCode: number
  lines: string[]
}

/** The command's lines, none of which has the token, and its exit code. */
async function run(
  given: { token?: string; keyFile?: string; url?: string },
  isJson = false,
): Promise<Found> {
  const { token, keyFile = null, url = `${gateway.url}/mcp` } = given
  const environment = token === undefined ? {} : { POSTERN_KEY: token }
  const sender = createSender(process.env)
  const lines: string[] = []
  try {
    const around = { send: sender.send, tell: () => {}, environment, now: Date.now }
    const options = { url: new URL(url), keyFile, isClientCredentials: false, isJson }
    const exitCode = await check(options, around, (line) => void lines.push(line))
    const secret = token ?? (keyFile === null ? 'none' : readFileSync(keyFile, 'utf8').trim())
    if (secret.length > 20) expect(lines.join('\n')).not.toContain(secret)
    return { exitCode, lines }
  } finally {
    sender.close()
  }
}

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return `http://127.0.0.1:${address.port}/mcp`
}

test('where all is well, five lines say so, in one order, and the exit code is 0', async () => {
  const { token } = await issue()
  const { exitCode, lines } = await run({ token })
  expect(exitCode).toBe(0)
  expect(lines).toHaveLength(5)
  expect(lines).toEqual([
    expect.stringMatching(/^ok {4}address {3}http:\/\/127\.0\.0\.1:\d+\/mcp answers .* asks for a key$/),
    expect.stringMatching(
      /^ok {4}key {7}the key pst_.{4}… of POSTERN_KEY is accepted, and expires in 1(79|80) days/,
    ),
    expect.stringMatching(/^ok {4}grants {4}\d+ tools?: .*; it may not renew itself$/),
    expect.stringMatching(/^ok {4}protocol {2}MCP 2026-07-28 with /),
    expect.stringMatching(/^ok {4}renewal {3}the key does not renew itself/),
  ])
})

test('as JSON it is one object with the same findings', async () => {
  const { token } = await issue()
  const { exitCode, lines } = await run({ token }, true)
  expect(exitCode).toBe(0)
  expect(lines).toHaveLength(1)
  const { ok, checks } = JSON.parse(lines[0] ?? '') as {
    ok: boolean
    checks: { name: string; state: string }[]
  }
  expect(ok).toBe(true)
  expect(checks.map(({ name, state }) => [name, state])).toEqual(
    ['address', 'key', 'grants', 'protocol', 'renewal'].map((name) => [name, 'ok']),
  )
})

test('the tools are those that the key may call', async () => {
  const all = await run({ token: (await issue()).token })
  const { lines } = await run({ token: (await issue({ tools: ['whoami'] })).token })
  expect(lines[2]).toContain('1 tool: whoami;')
  expect(all.lines[2]).not.toContain('1 tool:')
  const none = await run({ token: (await issue({ tools: ['nothing_*'] })).token })
  expect(none.lines[2]).toMatch(/^warn {2}grants {4}no tool is listed.*To do: /)
  expect(none.exitCode).toBe(0)
})

describe('a key that may renew itself', () => {
  test('in a file: it is said when, it is tried whether the file can be replaced, and nothing is changed', async () => {
    const key = await issue({ selfRotate: true })
    const keyFile = fileWith(key.token)
    const { exitCode, lines } = await run({ keyFile })
    expect(exitCode).toBe(0)
    expect(lines[2]).toMatch(/it may renew itself$/)
    expect(lines[4]).toMatch(
      /^ok {4}renewal {3}the bridge renews the key in .* around 20\d\d-.* and so on until 20/,
    )
    expect(readFileSync(keyFile, 'utf8').trim()).toBe(key.token)
    expect(readdirSync(join(keyFile, '..'))).toEqual(['agent.key'])
    expect((await gateway.postern.keys.show(key.id)).key.state).toBe('active')
  })

  test('in the environment: it is said that there it can’t', async () => {
    const { token } = await issue({ selfRotate: true })
    const { exitCode, lines } = await run({ token })
    expect(exitCode).toBe(0)
    expect(lines[4]).toMatch(/^warn {2}renewal .*--key-file$/)
  })
})

describe('a key that comes to its end is warned of', () => {
  test('by time', async () => {
    const { exitCode, lines } = await run({ token: (await issue({ expires: '5d' })).token })
    expect(lines[1]).toMatch(/^warn {2}key .*expires in 4 days.*To do: ask for another/)
    expect(exitCode).toBe(0)
  })

  test('by rotation', async () => {
    const { token, id } = await issue()
    await gateway.postern.keys.rotate(id, {}, 'the test')
    await expect
      .poll(async () => (await run({ token })).lines[1], { timeout: 10_000 })
      .toMatch(/^warn {2}key .*was rotated and ends in .*To do: put its successor into POSTERN_KEY/)
  })
})

describe('a key that can’t be used', () => {
  test('since it was revoked: the address is well, and nothing else is looked at', async () => {
    const { token, id } = await issue()
    await gateway.postern.keys.revoke(id, 'the test', 'the test')
    await expect.poll(async () => (await run({ token })).exitCode, { timeout: 10_000 }).toBe(1)
    const { lines } = await run({ token })
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['ok  ', 'FAIL', '-   ', '-   ', '-   '])
    expect(lines[1]).toMatch(/refused, and from outside it can't be told why.*To do: /)
  })

  test.each<[string, () => Promise<{ token?: string; keyFile?: string }>, RegExp]>([
    ['since there is none', () => Promise.resolve({}), /there is no key: set POSTERN_KEY/],
    [
      'since it has a typo',
      async () => {
        const { token } = await issue()
        return { token: token.slice(0, -1) + (token.endsWith('0') ? '1' : '0') }
      },
      /typo/,
    ],
    [
      'since others may read its file',
      async () => ({ keyFile: fileWith((await issue()).token, 0o644) }),
      /chmod 600/,
    ],
    [
      'since its file isn’t there',
      () => Promise.resolve({ keyFile: '/nowhere/agent.key' }).then(noFile),
      /ENOENT/,
    ],
  ])('%s, is a wrong start: exit code 2', async (_, make, words) => {
    const given = await make()
    const { exitCode, lines } = await run(given)
    expect(exitCode).toBe(2)
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/^ok {4}address/)
    expect(lines[1]).toMatch(/^FAIL {2}key/)
    expect(lines[1]).toMatch(words)
  })

  /** Its content can't be compared with what was printed. */
  function noFile(given: { keyFile: string }) {
    return { token: 'x', ...given }
  }
})

describe('an address that leads nowhere, in one line that says what and what to do', () => {
  const closed = async () => {
    const url = await serve(() => {})
    const [server] = servers.splice(0)
    await new Promise((resolve) => server?.close(resolve))
    return url
  }
  const html = (response: Parameters<RequestListener>[1], status: number) => {
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' })
    response.end('<html>Welcome to the hotel</html>')
  }

  test.each<[string, () => Promise<string>, RegExp]>([
    ['a wrong path', () => Promise.resolve(`${gateway.url}/nowhere`), /Check the URL/],
    ['nobody there', closed, /can't be reached \(ECONNREFUSED\)/],
    ['no such name', () => Promise.resolve('https://postern.invalid/mcp'), /postern\.invalid can't be found/],
    [
      'a port that doesn’t speak TLS',
      () => Promise.resolve(gateway.url.replace('http:', 'https:')),
      /does not speak TLS/,
    ],
    ['a page in place of MCP', () => serve((_, response) => html(response, 200)), /A web page came/],
    ['a page with an error', () => serve((_, response) => html(response, 404)), /A web page came/],
    [
      'a sign-in elsewhere',
      () => serve((_, response) => response.writeHead(302, { location: 'https://portal.invalid/' }).end()),
      /redirects to https:\/\/portal\.invalid/,
    ],
    [
      'no HTTP at all',
      () => serve((_, response) => response.socket?.end('SSH-2.0-x\r\n')),
      /does not speak HTTP/,
    ],
    ['a connection that breaks', () => serve((request) => request.socket.destroy()), /broke off/],
    [
      'an API that isn’t MCP',
      () => serve((_, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{}')),
      /not an MCP endpoint/,
    ],
  ])('%s', async (_, at, words) => {
    const { token } = user
    const { exitCode, lines } = await run({ token, url: await at() })
    expect(exitCode).toBe(1)
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/^FAIL {2}address/)
    expect(lines[0]).toMatch(words)
    expect(lines[1]).toMatch(/^- {5}key .*right form; nobody could be asked/)
  })

  test('a proxy that isn’t there', async () => {
    vi.stubEnv('HTTPS_PROXY', new URL(await closed()).origin)
    for (const name of ['https_proxy', 'NO_PROXY', 'no_proxy']) vi.stubEnv(name, '')
    const { lines } = await run({ token: user.token, url: 'https://postern.invalid/mcp' })
    expect(lines[0]).toMatch(/^FAIL {2}address .*proxy .* can't be reached/)
  })

  test('whoever answers there is not shown the key', async () => {
    const seen: string[] = []
    const url = await serve((request, response) => {
      seen.push(JSON.stringify(request.headers))
      html(response, 200)
    })
    const { token } = user
    await run({ token, url })
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.join('')).not.toContain(token)
  })
})

test('a server that answers JSON but no MCP fails at the protocol', async () => {
  const url = await serve((_, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
  )
  const { exitCode, lines } = await run({ token: user.token, url })
  expect(exitCode).toBe(1)
  expect(lines[3]).toMatch(/^FAIL {2}protocol {2}no revision of MCP could be agreed on/)
})
