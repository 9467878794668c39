import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseToken } from '../../src/domain/service-key.ts'
import { end, linesOf, run, start, type Ran } from './bin.ts'

// Each command is a process of its own, and most open a database.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'postern-cli-'))
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

function postern(...args: string[]): Promise<Ran> {
  return run(args, { cwd })
}

async function json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await postern(...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.trimEnd()).not.toContain('\n')
  return JSON.parse(stdout) as T
}

/** Exit code and the one line of stderr. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await postern(...args)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^postern: [^\n]+\n$/)
  return `${code} ${stderr.slice('postern: '.length).trimEnd()}`
}

describe('usage is answered with 2 and one line', () => {
  test.each([
    [['nope'], "2 unknown command 'nope'"],
    [['keys', 'list', '--nope'], "2 unknown option '--nope'"],
    [['keys', 'create'], "2 required option '--service-user <name>' not specified"],
    [
      ['keys', 'create', '--service-user', 'x', '--concurrent', 'many'],
      '2 --concurrent must be a whole number',
    ],
    [
      ['keys', 'create', '--service-user', 'x', '--tool-rate', '10/m'],
      '2 --tool-rate must be a pattern and a rate',
    ],
    [['keys', 'edit', '00000000-0000-7000-8000-000000000000'], '2 say what to change'],
    [
      ['keys', 'edit', '00000000-0000-7000-8000-000000000000', '--tool', 'x', '--all-tools'],
      '2 give either --tool or --all-tools',
    ],
    [['service-users', 'edit', 'x'], '2 say what to change'],
    [['keys', 'snippet'], '2 say for which client: --client claude-code|'],
    [['keys', 'snippet', '--client', 'emacs'], '2 option'],
    [['management-keys', 'create', 'x'], "2 required option '--role <role>' not specified"],
    [['management-keys', 'create', 'x', '--role', 'owner'], '2 option'],
    [['audit', 'export', '--format', 'xml'], '2 option'],
    [['keys', 'show'], "2 missing required argument 'id'"],
    [['keys', 'turn', 'x'], "2 unknown command 'turn'"],
    [['keys', 'rotate'], "2 missing required argument 'id'"],
    [['keys', 'rotate', 'x', '--rate', '1/s'], "2 unknown option '--rate'"],
    [['service-users', 'disable'], "2 missing required argument 'name'"],
    [['keys', 'extend-overlap', '00000000-0000-7000-8000-000000000000'], '2 give either --until or --for'],
    [['audit', 'list', '--outcome', 'fine'], '2 option'],
    [['keys', 'list', '--no\u001b[2Jpe'], "2 unknown option '--no\\u{1b}[2Jpe'"],
  ])('%j', async (args, line) => {
    expect(await refusal(...args)).toContain(line)
  })

  test('a key that was pasted into an argument is not repeated', async () => {
    const token = `pst_${'A'.repeat(49)}`
    for (const args of [[token], ['keys', 'show', token], ['keys', 'list', `--${token}`]]) {
      expect(await refusal(...args)).not.toContain('AAAA')
    }
  })

  test('help and version are no failure', async () => {
    expect((await postern('--version')).code).toBe(0)
    expect((await postern('keys', 'create', '--help')).code).toBe(0)
  })
})

describe('what can not be done is answered with 1 and one line that says what to do', () => {
  test('no data directory: none is made by asking', async () => {
    const nowhere = join(cwd, 'nowhere')
    expect(await refusal('keys', 'list', '--data', nowhere)).toMatch(
      /^1 there is no data directory .*postern serve/,
    )
    expect(existsSync(nowhere)).toBe(false)
  })

  test('wrong settings, all of them', async () => {
    const file = join(cwd, 'wrong.json')
    writeFileSync(file, '{"schema": "X", "rotes": []}')
    const line = await refusal('keys', 'list', '--config', file)
    expect(line).toMatch(/^1 .*schema is "X".*; rotes is no setting/)
  })

  test('a database away, without its password', async () => {
    const env = { DATABASE_URL: 'postgres://u:CanarySecret7@127.0.0.1:1/x' }
    const { code, stderr } = await run(['keys', 'list'], { cwd, env })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^postern: [^\n]*database[^\n]*\n$/)
    expect(stderr).not.toContain('CanarySecret7')
  })
})

test('migrate makes the embedded database, once, and its lists begin empty and say what to do next', async () => {
  const dataDir = join(cwd, 'fresh')
  const at = ['--data', dataDir]
  const { applied } = await json<{ applied: number[] }>('migrate', ...at)
  expect(applied[0]).toBe(1)
  expect(await json('migrate', ...at)).toEqual({ applied: [] })
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  expect((await postern('keys', 'list', ...at)).stdout).toContain('No keys. Issue one: postern keys create')
  expect((await postern('service-users', 'list', ...at)).stdout).toContain('No service users. Create one')
  expect((await postern('audit', 'list', ...at)).stdout).toContain('No calls yet')
  expect(await json('keys', 'list', ...at)).toEqual({ data: [], nextCursor: null })
  expect(await refusal('audit', 'tail', ...at)).toMatch(/^1 no server runs/)
})

describe('with no server, the CLI works on the embedded database itself', () => {
  const dataDir = () => join(cwd, '.postern')
  const keyFiles = () => readdirSync(dataDir()).filter((name) => name.startsWith('key-'))
  beforeAll(async () => {
    await json('migrate')
    await json('service-users', 'create', 'rep bot', '--owner', 'team@example.com')
  })

  test('service-users create answers the user, and refuses what the rules refuse', async () => {
    const create = ['service-users', 'create']
    const user = await json(...create, 'other', '--owner', 'team@example.com', '--customer', 'Acme')
    expect(user).toMatchObject({ name: 'other', owner: 'team@example.com', customer: 'Acme' })
    expect((await json<{ data: unknown[] }>('service-users', 'list')).data).toContainEqual(user)
    expect(await refusal(...create, 'other', '--owner', 'x@y.z')).toMatch(/^1 .*name_taken/)
    expect(await refusal(...create, 'third', '--owner', 'x')).toMatch(/^1 .*owner_invalid/)
  })

  test('keys create prints the token by --json', async () => {
    const key = await json('keys', 'create', '--service-user', 'rep bot', '--expires', '30d')
    expect(parseToken(String(key['token']), ['pst'])).not.toBe(null)
    expect(String(key['token'])).toContain(String(key['start']))
  })

  test('keys create into a pipe keeps the token in a file that only its user may read, and nowhere else', async () => {
    const { code, stdout } = await postern('keys', 'create', '--service-user', 'rep bot', '--name', 'laptop')
    expect(code).toBe(0)
    expect(stdout).not.toMatch(/pst_/)
    expect(stdout).toMatch(/\(in 179 days\)/)
    const path = /in the file (\S+)/.exec(stdout)?.[1] ?? ''
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const token = readFileSync(path, 'utf8').trim()
    expect(parseToken(token, ['pst'])).not.toBe(null)
    const files = readdirSync(dataDir(), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    expect(files.length).toBeGreaterThan(100)
    expect(files.filter((file) => readFileSync(file).includes(token))).toEqual([path])
  })

  test('a refused key leaves no file behind', async () => {
    const before = keyFiles()
    expect(await refusal('keys', 'create', '--service-user', 'nobody')).toMatch(/^1 .*not_found/)
    expect(await refusal('keys', 'create', '--service-user', 'rep bot', '--expires', '2y')).toMatch(
      /expiry_invalid/,
    )
    expect(keyFiles()).toEqual(before)
  })

  test('keys show, revoke and list tell its life', async () => {
    await json('service-users', 'create', 'life', '--owner', 'team@example.com')
    const create = ['keys', 'create', '--service-user', 'life', '--expires', '30d']
    const { id } = await json<{ id: string }>(...create)
    expect(await json('keys', 'revoke', id, '--reason', 'lost')).toMatchObject({ state: 'revoked' })
    expect(await json('keys', 'show', id)).toMatchObject({
      state: 'revoked',
      revokedReason: 'lost',
      history: [{ what: 'revoked', reason: 'lost' }, { what: 'created' }],
    })
    expect(await refusal('keys', 'revoke', id)).toMatch(/^1 .*already_revoked/)
    expect((await postern('keys', 'show', id)).stdout).toContain('lost')
    await json(...create)
    const list = ['keys', 'list', '--service-user', 'life']
    const { stdout } = await postern(...list)
    expect(stdout).toMatch(/^STATE +KEY +SERVICE USER/)
    expect(stdout).toMatch(
      /^revoked +life +life +pst_.{4} +\d{4}-\d\d-\d\d \d\d:\d\d +never +[0-9a-f-]{36}$/m,
    )
    const page = await json<{ data: unknown[]; nextCursor: string }>(...list, '--limit', '1')
    expect(page.data).toHaveLength(1)
    expect(await json(...list, '--limit', '1', '--cursor', page.nextCursor)).toMatchObject({
      data: [{ id }],
      nextCursor: null,
    })
  })
})

describe('with a server, the CLI speaks to it', () => {
  const env = { POSTERN_PORT: '0', POSTERN_ADMIN_PORT: '0' }
  const servers: ReturnType<typeof start>[] = []
  afterAll(async () => {
    for (const server of servers) await end(server, 'SIGTERM')
  })

  /** A demo server in a directory of its own. */
  async function serve(name: string) {
    const place = { cwd: join(cwd, name), env }
    mkdirSync(place.cwd)
    const server = start(['serve', '--demo', '--json'], place)
    servers.push(server)
    const { mcpUrl, demoKey } = JSON.parse(await linesOf(server)()) as { mcpUrl: string; demoKey: string }
    return { place, server, mcpUrl, demoKey }
  }

  async function call(mcpUrl: string, token: string): Promise<number> {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    const response = await fetch(mcpUrl, { method: 'POST', headers, body })
    await response.text()
    return response.status
  }

  test('keys that it makes work at once, and the trail can be followed as it grows', async () => {
    const { place, server, mcpUrl } = await serve('served')
    const { stdout } = await run(['keys', 'create', '--service-user', 'demo-agent', '--json'], place)
    const { id, token } = JSON.parse(stdout) as { id: string; token: string }
    const tail = start(['audit', 'tail', '--json', '--key', id], place)
    try {
      const nextLine = linesOf(tail)
      expect(await call(mcpUrl, token)).toBe(200)
      const first = JSON.parse(await nextLine()) as Record<string, unknown>
      expect(first).toMatchObject({ keyId: id, outcome: 'succeeded', method: 'tools/list', status: 200 })
      expect(await call(mcpUrl, token)).toBe(200)
      const second = JSON.parse(await nextLine()) as Record<string, unknown>
      expect(second).toMatchObject({ keyId: id })
      expect(second['id']).not.toBe(first['id'])
    } finally {
      expect(await end(tail, 'SIGINT')).toBe(0)
    }
    const listed = await run(['audit', 'list', '--key', id], place)
    expect(listed.stdout).toMatch(/^TIME +OUTCOME +STATUS +SERVICE USER/)
    expect(listed.stdout.match(/succeeded +200 +demo-agent +tools\/list/g)).toHaveLength(2)
    const migrated = await run(['migrate'], place)
    expect(migrated.code).toBe(1)
    expect(migrated.stderr).toContain(`process ${server.pid}`)
  })

  test("one that does not answer gets one clear line; killed, it is in nobody's way", async () => {
    const { place, server, demoKey } = await serve('killed')
    server.kill('SIGSTOP')
    rmSync(join(place.cwd, '.postern/admin.sock'))
    const { code, stderr } = await run(['keys', 'list'], place)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^postern: the server \(process \d+\) holds [^\n]* but does not answer[^\n]*\n$/)
    expect(stderr).toContain(`process ${server.pid}`)
    await end(server, 'SIGKILL')
    const after = await run(['keys', 'list', '--json'], place)
    expect(after.code).toBe(0)
    expect(after.stdout).not.toContain(demoKey)
    expect((JSON.parse(after.stdout) as { data: unknown[] }).data).toHaveLength(1)
  })
})
