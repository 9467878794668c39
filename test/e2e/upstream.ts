import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What the backend of a test got, exactly as it came. */
export interface Received {
  method: string
  /** Path and query. */
  url: string
  rawHeaders: readonly string[]
  body: Buffer
  rawTrailers: readonly string[]
  /** Resolves when the request is whole; never, where its sender left before. */
  whole: Promise<void>
  /** Resolves when the request or its answer is over, and tells whether the answer went out whole. */
  over: Promise<'answered' | 'aborted'>
}

/** Called at the request's head. */
export type Answer = (
  received: Received,
  response: ServerResponse,
  request: IncomingMessage,
) => void | Promise<void>

export interface Upstream {
  origin: string
  /** In the order of their heads. */
  readonly received: Received[]
  /** How requests are answered from now on. */
  answer(how: Answer): void
  /** Forgets what was received and answers plainly again. */
  reset(): void
  close(): Promise<void>
}

/** The values that a request had under a name, in any case. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name.toLowerCase(),
  )
}

/** Answers, once the request is whole, like an MCP server that has nothing to say. */
export const plainAnswer: Answer = async (received, response) => {
  await received.whole
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end('{"jsonrpc":"2.0","id":1,"result":{}}')
}

/** A real backend that keeps what it got. */
export async function startUpstream(): Promise<Upstream> {
  const received: Received[] = []
  let how = plainAnswer
  const server = createServer({ requireHostHeader: false, requestTimeout: 0 }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    const entry: Received = {
      method: request.method ?? '',
      url: request.url ?? '',
      rawHeaders: request.rawHeaders,
      body: Buffer.alloc(0),
      rawTrailers: [],
      whole: new Promise((resolve) => {
        request.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          entry.body = Buffer.concat(chunks)
        })
        request.once('end', () => {
          entry.rawTrailers = request.rawTrailers
          resolve()
        })
      }),
      over: new Promise((resolve) => {
        response.once('close', () => resolve(response.writableFinished ? 'answered' : 'aborted'))
      }),
    }
    received.push(entry)
    void how(entry, response, request)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the upstream does not listen')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    received,
    answer(given) {
      how = given
    },
    reset() {
      received.length = 0
      how = plainAnswer
    },
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
