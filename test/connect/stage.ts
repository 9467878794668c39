import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/client'
import type { VersionNegotiationOptions } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { CallOptions, ClientMode, OpenClient } from '../e2e/clients.ts'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** The bridge as people get it: packed, and installed into an empty folder. */
export interface PackedBridge {
  /** The program, to be run by Node. */
  program: string
  folder: string
  tarballBytes: number
  files: string[]
  remove(): Promise<void>
}

export async function packBridge(): Promise<PackedBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-connect-'))
  const quiet = { env: { ...process.env, npm_config_loglevel: 'error' } }
  const { stdout } = await execute('npm', ['pack', '-w', 'connect', '--json', '--pack-destination', folder], {
    ...quiet,
    cwd: root,
  })
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as {
    filename: string
    size: number
    files: { path: string }[]
  }[]
  if (packed === undefined) throw new Error('npm packed nothing')
  const tarball = join(folder, packed.filename)
  // Or npm looks for a project above.
  await writeFile(join(folder, 'package.json'), '{"private":true}')
  await execute('npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', tarball], {
    ...quiet,
    cwd: folder,
  })
  const installed = await readdir(join(folder, 'node_modules'))
  if (installed.some((name) => name !== 'postern-connect' && !name.startsWith('.')))
    throw new Error(`more than the bridge was installed: ${installed.join(', ')}`)
  return {
    program: join(folder, 'node_modules/postern-connect/dist/connect.js'),
    folder,
    tarballBytes: packed.size,
    files: packed.files.map(({ path }) => path),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

export interface Backend {
  url: string
  /** How often each tool was really run. */
  runs: Map<string, number>
  /** Runs that were told to stop. */
  stopped: number
  /** The headers of each `tools/call` of `regional`. */
  regions: (string | null)[]
  changeTools(): Promise<void>
  close(): Promise<void>
}

/** An MCP server of every revision, without sessions, with what these tests ask for. */
export async function startBackend(): Promise<Backend> {
  const runs = new Map<string, number>()
  const backend = { runs, stopped: 0, regions: [] as (string | null)[] }
  const count = (name: string) => runs.set(name, (runs.get(name) ?? 0) + 1)
  const mcp = createMcpHandler(() => {
    const server = new McpServer(
      { name: 'backend', version: '1.0.0' },
      { capabilities: { tools: { listChanged: true } } },
    )
    const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
    server.registerTool('add', { inputSchema: z.object({ a: z.number(), b: z.number() }) }, ({ a, b }) => {
      count('add')
      return text(String(a + b))
    })
    server.registerTool('big', { inputSchema: z.object({ bytes: z.number() }) }, ({ bytes }) =>
      text('x'.repeat(bytes)),
    )
    server.registerTool(
      'regional',
      { inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }) },
      ({ region }, context) => {
        count('regional')
        backend.regions.push(context.http?.req?.headers.get('mcp-param-region') ?? null)
        return text(region)
      },
    )
    server.registerTool('count', { inputSchema: z.object({ to: z.number() }) }, async ({ to }, context) => {
      const { _meta: meta } = context.mcpReq
      for (let progress = 1; progress <= to; progress++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        if (meta?.progressToken !== undefined)
          await context.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken: meta.progressToken, progress, total: to },
          })
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
      return text(String(to))
    })
    server.registerTool('slow', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }, context) => {
      count('slow')
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        context.mcpReq.signal.addEventListener('abort', () => {
          backend.stopped++
          clearTimeout(timer)
          resolve()
        })
      })
      return text('slow')
    })
    return server
  })
  const answer = toNodeHandler(mcp)
  const http = createServer((request, response) => {
    const { method = '', url = '' } = request
    void answer(Object.assign(request, { method, url }), response)
  })
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('the backend does not listen')
  return Object.assign(backend, {
    url: `http://127.0.0.1:${address.port}/mcp`,
    async changeTools() {
      await Promise.resolve(mcp.notify.toolsChanged())
    },
    async close() {
      await mcp.close()
      http.closeAllConnections()
      await new Promise<void>((resolve) => void http.close(() => resolve()))
    },
  })
}

export interface BridgedClient extends OpenClient {
  stderr(): string
  pid: number | null
}

const negotiation: Record<Exclude<ClientMode, 'v1'>, VersionNegotiationOptions> = {
  'v2-legacy': { mode: 'legacy' },
  'v2-auto': { mode: 'auto' },
  'v2-pinned': { mode: { pin: '2026-07-28' } },
}
const clientInfo = { name: 'postern-test', version: '0.0.0' }

export interface BridgeStart {
  program: string
  url: string
  args?: readonly string[]
  env?: Record<string, string>
}

/** Connects a real client to the bridge, as a desktop program does: it spawns it. */
export async function openBridged(mode: ClientMode, start: BridgeStart): Promise<BridgedClient> {
  const { program, url, args = [], env = {} } = start
  const spawned = { command: process.execPath, args: [program, url, ...args], env, stderr: 'pipe' as const }
  let stderr = ''
  if (mode === 'v1') {
    const client = new V1Client(clientInfo)
    const transport = new V1Transport(spawned)
    transport.stderr?.on('data', (data: Buffer) => (stderr += data.toString()))
    await client.connect(transport)
    return {
      protocolVersion: '2025-11-25',
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      callTool: async (name, values = {}, options: CallOptions = {}) =>
        resultOf(await client.callTool({ name, arguments: values }, undefined, options)),
      close: () => client.close(),
      stderr: () => stderr,
      pid: transport.pid,
    }
  }
  const client = new Client(clientInfo, { versionNegotiation: negotiation[mode] })
  const transport = new StdioClientTransport(spawned)
  transport.stderr?.on('data', (data: Buffer) => (stderr += data.toString()))
  await client.connect(transport)
  return {
    protocolVersion: client.getNegotiatedProtocolVersion(),
    listTools: async () =>
      (await client.listTools({}, { cacheMode: 'refresh' })).tools.map(({ name }) => name),
    callTool: async (name, values = {}, options: CallOptions = {}) =>
      resultOf(await client.callTool({ name, arguments: values }, options)),
    close: () => client.close(),
    stderr: () => stderr,
    pid: transport.pid,
  }
}

function resultOf(result: Readonly<Record<string, unknown>>) {
  const content = Array.isArray(result['content']) ? (result['content'] as unknown[]) : []
  const [first] = content
  const text = typeof first === 'object' && first !== null && 'text' in first ? String(first.text) : ''
  return { isError: result['isError'] === true, text, structured: result['structuredContent'] }
}
