import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Begun } from '../audit/recorder.ts'
import type { Reason } from '../domain/verdict.ts'
import { Exchange } from './exchange.ts'
import type { McpAnswer } from './mcp-answer.ts'
import type { Connections } from './upstream/connections.ts'
import { createConnections } from './upstream/connections.ts'

/** One checked request on its way to the backend. */
export interface Forwarding {
  response: ServerResponse
  origin: string
  /** Path and query, as they were checked. */
  path: string
  method: string
  /** Flat list: name, value, … */
  headers: string[]
  /** The exact bytes that were checked, a stream of them, or none. */
  body: Buffer | Readable | null
  /** Bytes of a body that is a stream; null where its length isn't known. */
  streamBytes: number | null
  isMcp: boolean
  /** Reads the answer of an MCP route; null on others. */
  mcp: McpAnswer | null
  /** Response headers (name, value, …) that tell of the key's end; null where there is nothing to tell. */
  warning: readonly string[] | null
  /** Watches over the key of an open stream; answers what ends the watch. Null where nobody is named. */
  watch: ((end: (reason: Reason) => void) => () => void) | null
  /** Whether the client's leaving is a cancel, which ends the call upstream, too. */
  cancelsOnClose: boolean
  timeoutMs: number
  /** The trail's part; null on public routes, which leave no trail. */
  begun: Begun | null
  durationMs: () => number
  responseHeaders: (rawHeaders: readonly string[]) => string[]
  /** Answers the client in place of the backend. Not a denial: the call was sent on. */
  refuse: (reason: Reason) => void
  /** Called once, at the end, with why the client did not get the backend's answer, where it didn't. */
  onOver: (reason: Reason | null) => void
}

export interface Forwarder {
  /** Sends the request on and its answer back. */
  forward(forwarding: Forwarding): void
  close(): Promise<void>
}

/** Steps 7 and 8: the connections to the backends, and the answer that waits for its row. */
export function createForwarder(): Forwarder {
  const backends = new Map<string, Connections>()

  function backendAt(origin: string): Connections {
    let connections = backends.get(origin)
    if (connections === undefined) {
      connections = createConnections(origin)
      backends.set(origin, connections)
    }
    return connections
  }

  return {
    forward(forwarding) {
      const { origin, path, method, headers, body, streamBytes, timeoutMs } = forwarding
      const request = { path, method, headers, body, streamBytes, headTimeoutMs: timeoutMs }
      backendAt(origin).dispatch(request, new Exchange(forwarding))
    },
    async close() {
      await Promise.all([...backends.values()].map((connections) => connections.destroy()))
    },
  }
}
