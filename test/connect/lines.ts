import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { buildConnect } from '../../build/connect.mjs'
import { newToken } from '../../src/domain/service-key.ts'

const root = join(import.meta.dirname, '../..')
const program = join(root, 'connect/dist/connect.js')
const ends: (() => unknown)[] = []

/** Before the tests of a file: builds the bridge. */
export async function buildBridge(): Promise<void> {
  await buildConnect(root)
}
/** After each test: ends what it started. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end()
}

export interface Asked {
  method: string
  headers: IncomingMessage['headers']
  body: string
  rpc: { id?: unknown; method?: string; params?: Record<string, unknown> }
}
export type Answer = (asked: Asked, response: ServerResponse, count: number) => void | Promise<void>

/** A server of which each test says what it answers. */
export async function serve(answer: Answer, port = 0) {
  const asked: Asked[] = []
  const server = createServer((request, response) => void take(request, response))
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const one: Asked = {
      method: request.method ?? '',
      headers: request.headers,
      body,
      rpc: body.startsWith('{') ? (JSON.parse(body) as Asked['rpc']) : {},
    }
    asked.push(one)
    await answer(one, response, asked.length)
  }
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  const close = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise<void>((resolve) => void server.close(() => resolve()))
  }
  ends.push(close)
  return { asked, port: address.port, url: `http://127.0.0.1:${address.port}/mcp`, close }
}

export type Line = {
  id?: unknown
  method?: string
  params?: unknown
  result?: unknown
  error?: { code: number; message: string; data?: unknown }
}

/** The bridge in a process of its own, spoken to by lines. */
export function start(
  args: readonly string[],
  env: Record<string, string> = { POSTERN_KEY: newToken('pst') },
) {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env['PATH'], ...env } })
  ends.push(() => child.kill('SIGKILL'))
  const raw: string[] = []
  let stderr = ''
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  createInterface(child.stdout).on('line', (line) => raw.push(line))
  const closed = once(child, 'close') as Promise<[number | null]>
  return {
    child,
    raw,
    stderr: () => stderr,
    say: (message: object | string) =>
      child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`),
    async next(matches: (line: Line) => boolean): Promise<Line> {
      let found: Line | undefined
      await expect
        .poll(
          () => {
            found = raw.map((line) => JSON.parse(line) as Line).find(matches)
            return found !== undefined
          },
          { timeout: 15_000 },
        )
        .toBe(true)
      return found ?? {}
    },
    closed: async () => (await closed)[0],
  }
}

export const call = (id: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'run', arguments: {} },
})
export const modern = (id: number | string, method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method,
  params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
})
export const json = (
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
) =>
  void response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify(body))
export const result = (asked: Asked, value: object = { ok: true }) => ({
  jsonrpc: '2.0',
  id: asked.rpc.id,
  result: value,
})
export const rpcError = (asked: Asked, code: number) => ({
  jsonrpc: '2.0',
  id: asked.rpc.id,
  error: { code, message: 'no' },
})
