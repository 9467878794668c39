import {
  Client,
  StreamableHTTPClientTransport,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client'
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

/** The real clients, and how each finds its revision. */
export const clientModes = ['v2-legacy', 'v2-auto', 'v2-pinned', 'v1'] as const
export type ClientMode = (typeof clientModes)[number]

export interface ToolResult {
  isError: boolean
  /** The first text of the content; empty where there is none. */
  text: string
  structured: unknown
}

export interface CallOptions {
  onprogress?: (progress: { progress: number; total?: number | undefined }) => void
  signal?: AbortSignal
}

export interface OpenClient {
  /** The revision that was agreed on. */
  protocolVersion: string | undefined
  listTools(): Promise<string[]>
  callTool(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolResult>
  close(): Promise<void>
}

const clientInfo = { name: 'postern-test', version: '0.0.0' }

const negotiation: Record<Exclude<ClientMode, 'v1'>, VersionNegotiationOptions> = {
  'v2-legacy': { mode: 'legacy' },
  'v2-auto': { mode: 'auto' },
  'v2-pinned': { mode: { pin: '2026-07-28' } },
}

/** Connects a client to an MCP endpoint. Rejects with the client's own error when it can't. */
export async function openClient(
  mode: ClientMode,
  url: string,
  headers: Record<string, string> = {},
): Promise<OpenClient> {
  return mode === 'v1' ? await openV1(url, headers) : await openV2(negotiation[mode], url, headers)
}

async function openV2(
  versionNegotiation: VersionNegotiationOptions,
  url: string,
  headers: Record<string, string>,
): Promise<OpenClient> {
  const client = new Client(clientInfo, { versionNegotiation })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  return {
    protocolVersion: client.getNegotiatedProtocolVersion(),
    // Each list is a request of its own, never the client's cached answer.
    listTools: async () =>
      (await client.listTools({}, { cacheMode: 'refresh' })).tools.map(({ name }) => name),
    callTool: async (name, args = {}, options = {}) =>
      readResult(await client.callTool({ name, arguments: args }, options)),
    close: () => client.close(),
  }
}

async function openV1(url: string, headers: Record<string, string>): Promise<OpenClient> {
  const client = new V1Client(clientInfo)
  const transport = new V1Transport(new URL(url), { requestInit: { headers } })
  await client.connect(transport)
  return {
    protocolVersion: transport.protocolVersion,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args = {}, options = {}) =>
      readResult(await client.callTool({ name, arguments: args }, undefined, options)),
    close: () => client.close(),
  }
}

function readResult(result: Readonly<Record<string, unknown>>): ToolResult {
  const first: unknown = Array.isArray(result['content']) ? result['content'][0] : undefined
  const text = typeof first === 'object' && first !== null && 'text' in first ? first.text : undefined
  return {
    isError: result['isError'] === true,
    text: typeof text === 'string' ? text : '',
    structured: result['structuredContent'],
  }
}
