import { fetchOver } from '../credential/fetch-over.ts'
import { BridgeFailure, type SendOutbound } from '../contracts.ts'

/** What an MCP server said of itself, and what it lists for this credential. */
export interface Spoken {
  revision: string
  server: string
  /** Null where it offers no tools at all. */
  tools: string[] | null
}

const timeoutMs = 20_000

/**
 * Connects as the official client does, by whatever revision both know, and lists the tools. Rejects with
 * {@link BridgeFailure}.
 */
export async function speakMcp(url: URL, authorization: string, send: SendOutbound): Promise<Spoken> {
  let failure: BridgeFailure | null = null
  let status = 0
  const over = fetchOver(send, (each) => {
    failure = each
  })
  // Loaded for this command alone: the bridge itself starts without it.
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { authorization } },
    fetch: async (to, init) => {
      const answer = await over(String(to), init ?? {})
      if (answer.status >= 400) ({ status } = answer)
      return answer
    },
  })
  const client = new Client(
    { name: 'postern-connect-check', version: '1' },
    { versionNegotiation: { mode: 'auto' } },
  )
  const options = { timeout: timeoutMs, maxTotalTimeout: timeoutMs }
  try {
    await client.connect(transport, options)
    const tools: string[] = []
    const hasTools = client.getServerCapabilities()?.tools !== undefined
    if (hasTools) tools.push(...(await client.listTools(undefined, options)).tools.map(({ name }) => name))
    const { name = 'a server without a name', version: ofServer = '' } = client.getServerVersion() ?? {}
    return {
      revision: client.getNegotiatedProtocolVersion() ?? 'an unknown revision',
      server: `${name} ${ofServer}`.trim(),
      tools: hasTools ? tools : null,
    }
  } catch {
    if (failure !== null) throw failure
    throw new BridgeFailure(
      'not_mcp',
      status === 0
        ? `no revision of MCP could be agreed on with ${url.host}, or its answers break it. Ask its operator.`
        : `${url.host} answered HTTP ${status} to the first messages of MCP. Ask its operator.`,
      true,
    )
  } finally {
    // Ends a session, where there is one.
    await transport.terminateSession().catch(() => {})
    await client.close().catch(() => {})
  }
}
