import { readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../cli/bin.ts'
import { openClient } from './clients.ts'
import { bearer, callOf, mcpHeaders } from './gateway.ts'
import { cli, freePorts, makePlace, startServer, trailOf } from './server.ts'
import type { ServerProcess } from './server.ts'
import { plainAnswer, startUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'

/** These run the built CLI. `npm test` builds it first. */
let upstream: Upstream
const places: string[] = []
let running: ServerProcess[] = []

beforeAll(async () => {
  upstream = await startUpstream()
})
afterEach(async () => {
  for (const server of running) await server.end('SIGKILL')
  running = []
})
afterAll(async () => {
  await upstream.close()
  for (const place of places) await rm(place, { recursive: true, force: true })
})

async function place(settings: Parameters<typeof makePlace>[0] = null) {
  const made = await makePlace(settings)
  places.push(made.cwd)
  return made
}

async function serve(...args: Parameters<typeof startServer>): Promise<ServerProcess> {
  const server = await startServer(...args)
  running.push(server)
  return server
}

const ours = () => ({
  routes: [
    { path: '/mcp', mcp: true, accepts: ['service-key' as const], upstream: `${upstream.origin}/mcp` },
    { path: '/api/*', accepts: ['service-key' as const], upstream: upstream.origin },
  ],
})
const post = (server: ServerProcess, token: string, tool = 't') =>
  fetch(`${server.ready.url}/mcp`, {
    method: 'POST',
    headers: { ...mcpHeaders, ...bearer({ token }) },
    body: callOf(tool),
  })

async function issue(cwd: string): Promise<{ id: string; token: string }> {
  await cli(cwd, 'service-users', 'create', 'agent', '--owner', 'team@example.com').catch(() => {})
  return cli(cwd, 'keys', 'create', '--service-user', 'agent')
}

test('a start that fails keeps no demo key back: the next one shows it', async () => {
  const { cwd } = await place()
  const taken = Number(new URL(upstream.origin).port)
  await expect(serve(cwd, ['--demo'], { POSTERN_PORT: String(taken) })).rejects.toThrow(
    /is taken.*POSTERN_PORT/,
  )
  const server = await serve(cwd, ['--demo'])
  expect((await post(server, server.ready.demoKey ?? '', 'list_channels')).status).toBe(200)
  await server.end('SIGTERM')
  expect((await serve(cwd, ['--demo'])).ready.demoKey).toBeNull()
})

test('serve --demo --json says in one line where everything is, and its key calls a tool', async () => {
  const { cwd, dataDir } = await place()
  const server = await serve(cwd, ['--demo'])
  expect(server.ready).toEqual({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    mcpUrl: `${server.ready.url}/mcp`,
    adminUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    setupUrl: expect.stringMatching(/\/admin\/api-keys\/setup#[\w-]{43}$/),
    dataDir: expect.stringMatching(/data$/),
    demoKey: expect.stringMatching(/^pst_[0-9A-Za-z]{49}$/),
  })
  const client = await openClient('v2-auto', server.ready.mcpUrl!, bearer({ token: server.ready.demoKey! }))
  expect((await client.callTool('list_channels')).isError).toBe(false)
  await client.close()
  expect(await server.end('SIGTERM')).toBe(0)
  expect(server.stdout().trimEnd().split('\n')).toHaveLength(1)
  expect(server.stderr()).not.toContain(server.ready.demoKey)

  const again = await serve(cwd, ['--demo'])
  expect(again.ready.demoKey).toBe(null)
  const old = await openClient('v1', again.ready.mcpUrl!, bearer({ token: server.ready.demoKey! }))
  expect(await old.listTools()).toContain('whoami')
  await old.close()
  expect(await again.end('SIGTERM')).toBe(0)
  const tools = (await trailOf(dataDir)).flatMap(({ tool }) => tool ?? [])
  expect(tools).toEqual(['list_channels'])
})

test.each<[string, NodeJS.Signals[]]>([
  ['SIGTERM', ['SIGTERM']],
  ['a Ctrl-C, which npm passes on once more,', ['SIGINT', 'SIGINT']],
])('%s lets a slow call finish, takes no new ones, and ends with 0', async (_name, [first, second]) => {
  const { cwd, dataDir } = await place(ours())
  const server = await serve(cwd)
  const { token } = await issue(cwd)
  let finish = () => {}
  const arrived = new Promise<void>((resolve) => {
    upstream.answer(async (received, response, request) => {
      await received.whole
      if (received.body.includes('"late"')) return plainAnswer(received, response, request)
      finish = () => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}')
      resolve()
    })
  })
  const answer = post(server, token, 'slow')
  await arrived
  const ended = server.end(first ?? 'SIGTERM')
  if (second !== undefined) server.child.kill(second)
  await expect
    .poll(() =>
      post(server, token, 'late').then(
        () => 'answered',
        () => 'refused',
      ),
    )
    .toBe('refused')
  finish()
  const response = await answer
  expect([response.status, await response.json()]).toEqual([200, { done: true }])
  expect(await ended).toBe(0)
  const rows = (await trailOf(dataDir)).filter(({ tool }) => tool === 'slow')
  expect(rows).toMatchObject([{ outcome: 'succeeded', status: 200 }])
})

test('a second serve on the same data directory ends with 1 and one line that says who holds it', async () => {
  const { cwd } = await place(ours())
  const server = await serve(cwd)
  const second = await run(['serve', '--json', '--data', join(cwd, 'data')], { cwd, env: { ...freePorts } })
  expect(second.code).toBe(1)
  expect(second.stdout).toBe('')
  expect(second.stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(second.stderr).toContain(String(server.child.pid))
  expect((await fetch(`${server.ready.adminUrl}/_postern/readyz`)).status).toBe(200)
})

describe('wrong settings stop the start with 1, and name themselves', () => {
  const route = { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: 'http://127.0.0.1:1' }
  test.each<[string, unknown, Record<string, string>]>([
    ['POSTERN_PORT', { routes: [route] }, { POSTERN_PORT: 'http' }],
    ['DATABASE_URL', { routes: [route] }, { DATABASE_URL: 'mysql://u:hidden@h/d' }],
    ['routes[0].upstream', { routes: [{ ...route, upstream: 'ftp://h' }] }, {}],
    ['routes[0]', { routes: [{ ...route, public: true }] }, {}],
    ['trail.mode', { routes: [route], trail: { mode: 'lax' } }, {}],
    ['limits.bodyBytes', { routes: [route], limits: { bodyBytes: '1 MB' } }, {}],
    ['trial', { routes: [route], trial: {} }, {}],
    ['headers.serviceUser', { routes: [route], headers: { serviceUser: 'Host' } }, {}],
    ['routes', {}, {}],
  ])('%s', async (name, settings, env) => {
    const { cwd } = await place(settings as Parameters<typeof makePlace>[0])
    const ran = await run(['serve', '--data', join(cwd, 'data')], { cwd, env: { ...freePorts, ...env } })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain(name)
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(ran.stderr).not.toContain('hidden')
    expect(ran.stdout).toBe('')
  })
})

test('a key that the CLI revokes fails within a second', async () => {
  const { cwd } = await place(ours())
  const server = await serve(cwd)
  upstream.reset()
  const { id, token } = await issue(cwd)
  expect((await post(server, token)).status).toBe(200)
  await cli(cwd, 'keys', 'revoke', id, '--reason', 'left')
  const revokedAt = performance.now()
  let latestMs = 0
  for (;;) {
    const sentMs = performance.now() - revokedAt
    const { status } = await post(server, token)
    if (status === 401) break
    expect(status).toBe(200)
    latestMs = sentMs
  }
  expect(latestMs).toBeLessThan(1000)
})

test('T22: a token is in no output, log, trail, error or file, and all files are closed to others', async () => {
  const { cwd, dataDir } = await place({ ...ours(), log: { level: 'trace' } })
  const server = await serve(cwd)
  upstream.reset()
  const { id, token } = await issue(cwd)
  const bodies: string[] = []
  const keep = async (answer: Promise<Response>) => {
    const response = await answer
    bodies.push(`${JSON.stringify([...response.headers])}${await response.text()}`)
  }
  const { url, adminUrl } = server.ready
  const headers = { ...mcpHeaders, ...bearer({ token }) }
  await keep(post(server, token))
  await keep(post(server, token, token))
  await keep(fetch(`${url}/mcp?key=${token}`, { method: 'POST', headers, body: callOf('t') }))
  await keep(fetch(`${url}/api/${token}`, { headers }))
  await keep(fetch(`${url}/nowhere/${token}`, { headers: { 'user-agent': token } }))
  await keep(
    fetch(`${url}/api/x;${token}`, { headers: { ...headers, cookie: `k=${token}`, 'x-request-id': token } }),
  )
  await keep(fetch(`${url}/mcp`, { method: 'POST', headers, body: `{"jsonrpc":"2.0","method":"${token}",` }))
  await keep(
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { ...headers, 'mcp-protocol-version': token },
      body: callOf(token),
    }),
  )
  await keep(fetch(`${adminUrl}/_postern/metrics`, { headers }))
  await keep(fetch(`${adminUrl}/${token}`, { headers }))
  // The spool, while a call is under way.
  let finish = () => {}
  const arrived = new Promise<void>((resolve) => {
    upstream.answer(async (received, response) => {
      await received.whole
      finish = () => void response.end('{}')
      resolve()
    })
  })
  const last = keep(post(server, token, `spooled ${token}`))
  await arrived
  const files = await filesIn(dataDir)
  const spool = files.filter(({ path }) => path.includes('/spool/'))
  expect(spool.map(({ text }) => text).join('')).toContain('spooled')
  finish()
  await last
  const outputs = [
    JSON.stringify(await cli(cwd, 'audit', 'list')),
    JSON.stringify(await cli(cwd, 'keys', 'show', id)),
    JSON.stringify(await cli(cwd, 'keys', 'list')),
    (await run(['keys', 'show', token, '--data', dataDir], { cwd })).stderr,
    (await run(['keys', 'create', '--service-user', token, '--data', dataDir], { cwd })).stderr,
  ]
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
  for (const { path, mode, isDirectory } of files) {
    // The engine sets the modes of its files; they lie in the data directory, which nobody else may enter.
    if (/\/pglite(?:\/|$)/.test(path)) continue
    expect([path, mode & (isDirectory ? 0o077 : 0o177)]).toEqual([path, 0])
  }
  await server.end('SIGTERM')
  outputs.push(server.stdout(), server.stderr(), JSON.stringify(await trailOf(dataDir)), ...bodies)
  outputs.push(...(await filesIn(dataDir)).map(({ text }) => text), ...files.map(({ text }) => text))
  const secret = token.slice(token.indexOf('_') + 1)
  expect(outputs.filter((text) => text.includes(secret))).toEqual([])
  // What the harness looks for would be found: the harmless start of the key is in its list.
  expect(outputs.some((text) => text.includes(secret.slice(0, 4)))).toBe(true)
})

interface Found {
  path: string
  mode: number
  isDirectory: boolean
  text: string
}

async function filesIn(directory: string): Promise<Found[]> {
  const found: Found[] = []
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    // Files of the database come and go.
    const stats = await stat(path).catch(() => null)
    if (stats === null) continue
    const text = entry.isFile() ? await readFile(path, 'latin1').catch(() => '') : ''
    found.push({ path, mode: stats.mode, isDirectory: entry.isDirectory(), text })
  }
  return found
}
