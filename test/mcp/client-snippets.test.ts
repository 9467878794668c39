import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientSnippets, snippetClients, type Snippet } from '../../src/mcp/client-snippets.ts'

const root = join(import.meta.dirname, '../..')
const url = 'https://mcp.example.com/mcp'
const token = `pst_${'k'.repeat(49)}`
const variable = 'REPORTS_KEY'

const withToken = clientSnippets({ name: 'reports', url, token, variable })
const withoutToken = clientSnippets({ name: 'reports', url, token: null, variable })

function of(client: string, made: readonly Snippet[] = withToken): Snippet {
  const found = made.find((snippet) => snippet.client === client)
  if (found === undefined) throw new Error(`no snippet for ${client}`)
  return found
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-snippets-'))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const hasPython = spawnSync('python3', ['-c', 'import tomllib']).status === 0

/** What a shell makes of a command: its words. */
function wordsOf(command: string, env: Record<string, string> = {}): string[] {
  const script = `claude() { printf '%s\\0' "$@"; }\ncurl() { printf '%s\\0' "$@"; }\n${command}\n`
  const out = execFileSync('bash', ['--norc', '-c', script], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'utf8',
  })
  return out.split('\0').slice(0, -1)
}

/** Keys and plain strings of TOML, as much of it as a snippet has. */
function readToml(text: string): Record<string, Record<string, string>> {
  const tables: Record<string, Record<string, string>> = Object.create(null) as Record<
    string,
    Record<string, string>
  >
  let current = ''
  for (const line of text.split('\n')) {
    const table = /^\[([A-Za-z0-9_.-]+)\]$/.exec(line)?.[1]
    const pair = /^([a-z_]+) = ("(?:[^"\\\p{Cc}]|\\["\\])*")$/u.exec(line)
    if (table !== undefined) tables[(current = table)] = {}
    else if (pair?.[1] !== undefined && pair[2] !== undefined)
      (tables[current] ??= {})[pair[1]] = JSON.parse(pair[2]) as string
    else throw new Error(`not TOML: ${line}`)
  }
  return tables
}

test('there is one for each client', () => {
  expect(withToken.map(({ client }) => client)).toEqual([...snippetClients])
  expect(withoutToken.map(({ client }) => client)).toEqual([...snippetClients])
})

describe('with a key, each has it where its client looks for it, and the names of its fields', () => {
  const headers = { Authorization: `Bearer ${token}` }
  test.each<[string, unknown]>([
    ['claude-code-json', { mcpServers: { reports: { type: 'http', url, headers } } }],
    [
      'claude-desktop',
      {
        mcpServers: {
          reports: { command: 'npx', args: ['-y', 'postern-connect', url], env: { POSTERN_KEY: token } },
        },
      },
    ],
    ['cursor', { mcpServers: { reports: { url, headers } } }],
    [
      'vscode',
      {
        inputs: [{ type: 'promptString', id: 'key', description: 'API key', password: true }],
        servers: { reports: { type: 'http', url, headers: { Authorization: 'Bearer ${input:key}' } } },
      },
    ],
    ['windsurf', { mcpServers: { reports: { serverUrl: url, headers } } }],
    ['gemini-cli', { mcpServers: { reports: { httpUrl: url, headers } } }],
    ['zed', { context_servers: { reports: { url, headers } } }],
  ])('%s', (client, expected) => {
    expect(of(client).language).toBe('json')
    expect(JSON.parse(of(client).text)).toEqual(expected)
  })

  test('claude-code and curl, as a shell reads them', () => {
    expect(wordsOf(of('claude-code').text)).toEqual([
      ...['mcp', 'add', '--transport', 'http', 'reports', url],
      ...['--header', `Authorization: Bearer ${token}`],
    ])
    const words = wordsOf(of('curl').text)
    expect(words.slice(0, 4)).toEqual(['-sS', url, '-H', `Authorization: Bearer ${token}`])
    expect(JSON.parse(words.at(-1) ?? '')).toMatchObject({ jsonrpc: '2.0', method: 'tools/list' })
  })

  test('codex, which reads it from the environment only', () => {
    expect(readToml(of('codex').text)).toEqual({
      'mcp_servers.reports': { url, bearer_token_env_var: variable },
    })
    expect(of('codex').environment).toBe(variable)
    expect(of('codex').text).not.toContain(token)
  })

  test('the one that starts the bridge says so', () => {
    expect(withToken.filter(({ needs }) => needs !== undefined).map(({ client }) => client)).toEqual([
      'claude-desktop',
    ])
  })
})

describe('without a key, each reads the variable or says where the key goes', () => {
  test.each(withoutToken.map((snippet) => [snippet.client, snippet] as const))('%s', (_, snippet) => {
    const { text, environment, asksForKey, client } = snippet
    const ways = [environment !== null, asksForKey, text.includes('YOUR_KEY')]
    expect(ways.filter(Boolean)).toHaveLength(1)
    if (environment !== null) expect(text).toContain(variable)
    if (client === 'claude-code')
      expect(wordsOf(text, { [variable]: 'a b"c' })).toContain('Authorization: Bearer a b"c')
  })
})

test('TypeScript compiles against the SDK, with and without a key', () => {
  for (const [index, made] of [withToken, withoutToken].entries())
    writeFileSync(join(directory, `snippet-${index}.mts`), of('typescript', made).text)
  const compiler = join(root, 'node_modules/.bin/tsc')
  const files = ['snippet-0.mts', 'snippet-1.mts']
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext']
  const { stdout, status } = spawnSync(compiler, [...options, '--types', 'node', ...files], {
    cwd: directory,
    encoding: 'utf8',
  })
  expect([stdout, status]).toEqual(['', 0])
}, 120_000)

test.skipIf(!hasPython)(
  'Python and TOML are read by Python itself (skipped where there is no python3)',
  () => {
    const read =
      'import ast,json,sys,tomllib; d=json.load(sys.stdin); [ast.parse(t) for t in d["python"]]; print(json.dumps(tomllib.loads(d["toml"])))'
    const { stdout, stderr } = spawnSync('python3', ['-c', read], {
      input: JSON.stringify({
        python: [withToken, withoutToken].map((made) => of('python', made).text),
        toml: of('codex').text,
      }),
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ mcp_servers: { reports: { url, bearer_token_env_var: variable } } })
  },
)

describe('whatever a name and a URL hold, they stay a name and a URL', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      ...['"; rm -rf ~ #', "'$(id)'", '`id`', '--header', '__proto__', '..', '', '👩🏽‍💻', 'a\nb', '\u202ex'],
      ...['"]\n[mcp_servers.evil]', '${env:HOME}', '{{x}}', '</script>', 'ﬁ', 'Ünïcode'],
    ),
  )
  const addresses = fc
    .tuple(fc.constantFrom('https', 'http'), hostile, hostile)
    .map(([scheme, path, search]) => `${scheme}://mcp.example.com/${path}?${search}`)
    .filter((address) => URL.canParse(address))

  test('in JSON and TOML, and in the words of a shell', () => {
    fc.assert(
      fc.property(hostile, addresses, (name, address) => {
        const made = clientSnippets({ name, url: address, token, variable })
        for (const { language, text } of made) {
          if (language === 'json') expect(serversOf(JSON.parse(text))).toMatchObject([[plainName, plainUrl]])
          if (language === 'toml') {
            const [[table, pairs] = ['', {}], ...others] = Object.entries(readToml(text))
            expect(others).toEqual([])
            expect(table.replace('mcp_servers.', '')).toEqual(plainName)
            expect(pairs).toEqual({ url: plainUrl, bearer_token_env_var: variable })
          }
          // Nothing in them is anything to a shell, to a template of a client, or to a string of a language.
          expect(text).not.toMatch(/\$\((?!\{)|`(?!Bearer)|\u202e/)
        }
        // In single quotes, and with none inside.
        const shell = made.filter(({ language }) => language === 'shell').map(({ text }) => text)
        for (const text of shell)
          expect(text).toMatch(/ '(https?:\/\/[!#%&()*+,\-./0-9:;=?@A-Z[\]_a-z~]+)'[ ]/)
      }),
      { numRuns: 300 },
    )
  })

  test('and the URL still leads to the same place', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        const [made] = clientSnippets({ name: 'x', url: address, token })
        const written = / '([^']+)' /.exec(made?.text ?? '')?.[1] ?? ''
        expect(decodeURIComponentLoosely(written)).toBe(decodeURIComponentLoosely(new URL(address).href))
      }),
      { numRuns: 200 },
    )
  })

  test('a real shell takes the worst of them for one word', () => {
    const address = `https://mcp.example.com/'$(id)\`id\`/"\\?q=';id;'&x=\${HOME}`
    const words = wordsOf(of('claude-code', clientSnippets({ name: "'; id #", url: address, token })).text)
    expect(words).toHaveLength(8)
    expect(words[4]).toBe('id')
    expect(decodeURIComponent(words[5] ?? '')).toBe(decodeURIComponent(new URL(address).href))
  })

  test.each(['javascript:alert(1)', 'file:///etc/passwd', 'no url', ''])(
    '%j is no URL to give away',
    (address) => {
      expect(() => clientSnippets({ name: 'x', url: address, token })).toThrow(TypeError)
    },
  )

  test('a token or a variable of another form is refused', () => {
    expect(() => clientSnippets({ name: 'x', url, token: 'a"b' })).toThrow(TypeError)
    expect(() => clientSnippets({ name: 'x', url, token: null, variable: 'A;B' })).toThrow(TypeError)
  })
})

const plainName = expect.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}[A-Za-z0-9])?$/) as string
const plainUrl = expect.stringMatching(/^https?:\/\/mcp\.example\.com\/[^"$'`{|}\\^<>\s]*$/) as string

/** The servers of any of the files, with their URLs. */
function serversOf(file: unknown): [string, unknown][] {
  const { mcpServers, servers, context_servers: context } = file as Record<string, Record<string, Server>>
  return Object.entries(mcpServers ?? servers ?? context ?? {}).map(([name, server]) => [
    name,
    server.url ?? server.serverUrl ?? server.httpUrl ?? server.args?.[2],
  ])
}

interface Server {
  url?: string
  serverUrl?: string
  httpUrl?: string
  args?: string[]
}

/** Percent escapes of ASCII, one by one: what is left is not to be understood. */
function decodeURIComponentLoosely(text: string): string {
  return text.replaceAll(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}
