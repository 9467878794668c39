import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Pool } from 'undici'
import type { Begun } from '../audit/recorder.ts'
import type { Reason } from '../domain/verdict.ts'
import { createExchange } from './exchange.ts'

const connectTimeoutMs = 5_000
/** A plain upload or answer that stands still this long is given up, in milliseconds. MCP streams may be idle. */
const idleTimeoutMs = 300_000

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
  isMcp: boolean
  /** Whether the client's leaving is a cancel, which ends the call upstream, too. */
  cancelsOnClose: boolean
  timeoutMs: number
  /** The trail's part; null on public routes, which leave no trail. */
  begun: Begun | null
  durationMs: () => number
  responseHeaders: (rawHeaders: readonly Buffer[]) => string[]
  /** Answers the client in place of the backend. Not a denial: the call was sent on. */
  refuse: (reason: Reason) => void
}

export interface Forwarder {
  /**
   * Sends the request on and its answer back. Resolves when both are over, with why the client did not get the
   * backend's answer, where it didn't. Never rejects.
   */
  forward(forwarding: Forwarding): Promise<Reason | null>
  close(): Promise<void>
}

/** Steps 7 and 8: the backend's connection pools, and the answer that waits for its row. */
export function createForwarder(): Forwarder {
  const pools = new Map<string, Pool>()

  function poolFor(origin: string): Pool {
    let pool = pools.get(origin)
    if (pool === undefined) {
      // Unlimited connections: an open stream holds one, and a limit would let streams starve calls.
      pool = new Pool(origin, { connections: null, pipelining: 1, connect: { timeout: connectTimeoutMs } })
      pools.set(origin, pool)
    }
    return pool
  }

  return {
    forward: (forwarding) =>
      new Promise((resolve) => {
        const { origin, path, method, headers, body, timeoutMs, isMcp } = forwarding
        const options: Dispatcher.DispatchOptions = {
          origin,
          path,
          method,
          headers,
          body,
          headersTimeout: timeoutMs,
          bodyTimeout: isMcp ? 0 : idleTimeoutMs,
        }
        poolFor(origin).dispatch(options, createExchange(forwarding, resolve))
      }),
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
    },
  }
}
