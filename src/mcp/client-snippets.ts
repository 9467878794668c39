export const snippetClients = [
  'claude-code',
  'claude-code-json',
  'claude-desktop',
  'cursor',
  'vscode',
  'windsurf',
  'codex',
  'gemini-cli',
  'zed',
  'curl',
  'typescript',
  'python',
] as const

/** Which client or language a snippet is for. */
export type SnippetClient = (typeof snippetClients)[number]

/** Something to paste that connects a client to an MCP endpoint. */
export interface Snippet {
  client: SnippetClient
  title: string
  language: 'shell' | 'json' | 'toml' | 'typescript' | 'python'
  /** Where it goes; null where it is run. */
  file: string | null
  text: string
  /** The environment variable that the key must be in when the client starts; null where it needs none. */
  environment: string | null
  /** Whether the client itself asks for the key. */
  asksForKey: boolean
  /** The program that it starts. */
  needs?: 'postern-connect'
}

export interface SnippetInput {
  /** What the client is to call the server: any text, narrowed to what all clients take. */
  name: string
  /** The endpoint: http or https. */
  url: string
  /** The key's token, which the snippet then holds; null: it reads the variable, or has a placeholder. */
  token: string | null
  /** The environment variable for the key; `POSTERN_KEY` unless given. */
  variable?: string
}

/** What stands for the key where a client can't read it from anywhere. */
export const tokenPlaceholder = 'YOUR_KEY'

/**
 * The snippets for all clients, with the field names of each. Throws a TypeError for a URL that is no http or https
 * one, and for a token or a variable with characters that none has.
 */
export function clientSnippets({ name, url, token, variable = 'POSTERN_KEY' }: SnippetInput): Snippet[] {
  if (token !== null && !/^[A-Za-z0-9_-]+$/.test(token)) throw new TypeError('the token has a wrong form')
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new TypeError('the variable has a wrong form')
  const given: Given = { name: serverName(name), url: plainUrl(url), token, variable }
  return makers.map((make) => make(given))
}

interface Given {
  name: string
  url: string
  token: string | null
  variable: string
}

const makers: readonly ((given: Given) => Snippet)[] = [
  ({ name, url, token, variable }) => ({
    ...shell('claude-code', 'Claude Code', token, variable),
    text: `claude mcp add --transport http ${name} ${quoted(url)} --header "Authorization: Bearer ${token ?? `$${variable}`}"`,
  }),
  ({ name, url, token, variable }) => ({
    ...json('claude-code-json', 'Claude Code (project)', '.mcp.json'),
    ...readsVariable(token, variable),
    text: pretty({
      mcpServers: { [name]: { type: 'http', url, headers: bearer(token ?? `\${${variable}}`) } },
    }),
  }),
  ({ name, url, token }) => ({
    // Its file takes no remote URL, so the bridge is what it starts.
    ...json('claude-desktop', 'Claude Desktop', 'claude_desktop_config.json'),
    text: pretty({
      mcpServers: {
        [name]: {
          command: 'npx',
          args: ['-y', 'postern-connect', url],
          env: { POSTERN_KEY: token ?? tokenPlaceholder },
        },
      },
    }),
    needs: 'postern-connect',
  }),
  ({ name, url, token, variable }) => ({
    ...json('cursor', 'Cursor', '~/.cursor/mcp.json'),
    ...readsVariable(token, variable),
    text: pretty({ mcpServers: { [name]: { url, headers: bearer(token ?? `\${env:${variable}}`) } } }),
  }),
  ({ name, url }) => ({
    ...json('vscode', 'VS Code', '.vscode/mcp.json'),
    asksForKey: true,
    text: pretty({
      inputs: [{ type: 'promptString', id: 'key', description: 'API key', password: true }],
      servers: { [name]: { type: 'http', url, headers: bearer('${input:key}') } },
    }),
  }),
  ({ name, url, token, variable }) => ({
    ...json('windsurf', 'Windsurf', '~/.codeium/windsurf/mcp_config.json'),
    ...readsVariable(token, variable),
    text: pretty({
      mcpServers: { [name]: { serverUrl: url, headers: bearer(token ?? `\${env:${variable}}`) } },
    }),
  }),
  ({ name, url, variable }) => ({
    ...snippet('codex', 'Codex', 'toml', '~/.codex/config.toml'),
    // It takes the key from nowhere else.
    environment: variable,
    text: `[mcp_servers.${name}]\nurl = ${JSON.stringify(url)}\nbearer_token_env_var = ${JSON.stringify(variable)}`,
  }),
  ({ name, url, token }) => ({
    ...json('gemini-cli', 'Gemini CLI', '~/.gemini/settings.json'),
    text: pretty({ mcpServers: { [name]: { httpUrl: url, headers: bearer(token ?? tokenPlaceholder) } } }),
  }),
  ({ name, url, token }) => ({
    ...json('zed', 'Zed', '~/.config/zed/settings.json'),
    text: pretty({ context_servers: { [name]: { url, headers: bearer(token ?? tokenPlaceholder) } } }),
  }),
  ({ url, token, variable }) => ({
    ...shell('curl', 'curl', token, variable),
    text: [
      `curl -sS ${quoted(url)} \\`,
      `  -H "Authorization: Bearer ${token ?? `$${variable}`}" \\`,
      `  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\`,
      `  -d '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'`,
    ].join('\n'),
  }),
  ({ url, token, variable }) => ({
    ...snippet('typescript', 'TypeScript', 'typescript'),
    ...readsVariable(token, variable),
    text: [
      `import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'`,
      '',
      `const client = new Client({ name: 'my-agent', version: '1.0.0' })`,
      'await client.connect(',
      `  new StreamableHTTPClientTransport(new URL(${JSON.stringify(url)}), {`,
      `    requestInit: { headers: { Authorization: ${token === null ? `\`Bearer \${process.env.${variable}}\`` : JSON.stringify(`Bearer ${token}`)} } },`,
      '  }),',
      ')',
      'const { tools } = await client.listTools()',
      'console.log(tools.map((tool) => tool.name))',
      'await client.close()',
    ].join('\n'),
  }),
  ({ url, token, variable }) => ({
    ...snippet('python', 'Python', 'python'),
    ...readsVariable(token, variable),
    text: [
      'import asyncio',
      ...(token === null ? ['import os'] : []),
      '',
      'import httpx',
      'from mcp import ClientSession',
      'from mcp.client.streamable_http import streamable_http_client',
      '',
      '',
      'async def main():',
      `    headers = {"Authorization": ${token === null ? `"Bearer " + os.environ["${variable}"]` : JSON.stringify(`Bearer ${token}`)}}`,
      '    async with httpx.AsyncClient(headers=headers, timeout=60) as http:',
      `        async with streamable_http_client(${JSON.stringify(url)}, http_client=http) as streams:`,
      '            async with ClientSession(streams[0], streams[1]) as session:',
      '                await session.initialize()',
      '                print([tool.name for tool in (await session.list_tools()).tools])',
      '',
      '',
      'asyncio.run(main())',
    ].join('\n'),
  }),
]

function snippet(
  client: SnippetClient,
  title: string,
  language: Snippet['language'],
  file: string | null = null,
): Omit<Snippet, 'text'> {
  return { client, title, language, file, environment: null, asksForKey: false }
}

function json(client: SnippetClient, title: string, file: string): Omit<Snippet, 'text'> {
  return snippet(client, title, 'json', file)
}

function shell(client: SnippetClient, title: string, token: string | null, variable: string) {
  return { ...snippet(client, title, 'shell'), ...readsVariable(token, variable) }
}

function readsVariable(token: string | null, variable: string): { environment: string | null } {
  return { environment: token === null ? variable : null }
}

function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` }
}

function pretty(value: object): string {
  return JSON.stringify(value, null, 2)
}

const mostNameCharacters = 40

/** A name as every client takes it: letters, digits, `-` and `_`, the first and the last no sign. */
function serverName(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .slice(0, mostNameCharacters)
    .replaceAll(/^[-_]+|[-_]+$/g, '')
  return plain === '' ? 'postern' : plain
}

/**
 * A URL of printable ASCII without what a shell or a client would replace: several read `${…}` inside their files,
 * and a `$` goes through as `%24`.
 */
function plainUrl(text: string): string {
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new TypeError('the URL must be http or https')
  return url.href.replaceAll(
    /["$'`{|}\\^<>\s]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** For a shell; the URL holds no quote any more. */
function quoted(url: string): string {
  return `'${url}'`
}
