import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface Asked {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

/** A real server on loopback that keeps what it was asked. */
export interface TestServer {
  origin: string
  asked: Asked[]
  answer(how: (asked: Asked, response: ServerResponse) => void | Promise<void>): void
  close(): Promise<void>
}

export async function startServer(): Promise<TestServer> {
  const asked: Asked[] = []
  let how: (asked: Asked, response: ServerResponse) => void | Promise<void> = (_, response) => {
    response.end('{}')
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const entry = { method, url, headers, body: Buffer.concat(chunks).toString() }
      asked.push(entry)
      void how(entry, response)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    asked,
    answer(given) {
      how = given
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
