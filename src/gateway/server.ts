import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { STATUS_CODES, createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'

export interface FrontServerOptions {
  headerBytes: number
  headerTimeoutMs: number
  /** Deals with one request, and calls `onOver` once when that is done, its rows included. */
  handle: (request: IncomingMessage, response: ServerResponse, onOver: () => void) => void
  /** Told of requests whose head Node's strict parser refused: they are answered here, and get their row there. */
  onUnreadable: (reason: Reason, peer: string) => void
}

export interface FrontServer {
  /** Answers the port that it listens on. Throws where the address is taken. */
  listen(address: { host: string; port: number }): Promise<number>
  /** Takes no more requests, waits up to `graceMs` for those under way, then cuts the connections of what is left. */
  close(graceMs: number): Promise<void>
  /** Resolves when every request taken is dealt with, its rows included. */
  settled(): Promise<void>
}

/** Time to read an answer for a client that may still be sending, in milliseconds. */
const lingerMs = 500
/** Requests of one connection that may wait for their answers at once. */
const pipelineLimit = 100

/** `node:http` with the strict parser, its limits and time-outs, and a stop that lets calls finish. */
export function createFrontServer(options: FrontServerOptions): FrontServer {
  let underWay = 0
  let onSettled: (() => void)[] = []
  /** Requests of a connection that are not answered to their end yet. */
  const unanswered = new WeakMap<Socket, number>()
  let isClosing = false

  const server: Server = createServer(
    {
      maxHeaderSize: options.headerBytes,
      insecureHTTPParser: false,
      requireHostHeader: false,
      headersTimeout: options.headerTimeoutMs,
      // Bodies have a time-out of their own, and streams none.
      requestTimeout: 0,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 65_000,
      noDelay: true,
      // A client that vanished with a stream open is noticed, though nothing is sent to it.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    },
    onRequest,
  )
  // Node drops what is over this number without a word; the limit in bytes is the one that holds.
  server.maxHeadersCount = 0
  // What `Expect` asks for is judged with the rest of the head, and answered when the body is wanted.
  server.on('checkContinue', onRequest)
  server.on('checkExpectation', onRequest)
  server.on('clientError', onClientError)

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (isClosing) response.shouldKeepAlive = false
    const { socket } = request
    const count = (unanswered.get(socket) ?? 0) + 1
    if (count > pipelineLimit) {
      socket.destroy()
      return
    }
    unanswered.set(socket, count)
    // Pipelined: it waits for its turn, and falls with its connection. Node tells no response of the end of a
    // connection that it hasn't been given yet.
    if (response.socket === null) response.once('socket', () => take(request, response, socket))
    else take(request, response, socket)
  }

  /**
   * What is over has been given to its connection whole, or its connection is gone. Told by the handler: a second
   * listener for a response's close made some 8 KB of each call outlive the young heap.
   */
  function take(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
    underWay++
    options.handle(request, response, () => {
      unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1)
      onOver()
    })
  }

  function onOver(): void {
    if (--underWay > 0) return
    const waiting = onSettled
    onSettled = []
    for (const resolve of waiting) resolve()
  }

  function settled(): Promise<void> {
    return new Promise((resolve) => {
      if (underWay === 0) resolve()
      else onSettled.push(resolve)
    })
  }

  function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    // Answered, and what still comes is not read.
    if (socket.writableEnded) return
    const reason = reasonOf(error)
    if (reason !== null) options.onUnreadable(reason, socket.remoteAddress ?? '')
    // While an earlier request of the connection waits, an answer written here would be taken for its own.
    if (reason === null || !socket.writable || (unanswered.get(socket) ?? 0) > 0) {
      socket.destroy()
      return
    }
    const { status, message, shownAs } = refusalFor(reason)
    const body = JSON.stringify({ type: 'about:blank', title: message, status, code: shownAs })
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    // A client that sends on regardless, or never ends its half, would keep the connection open for ever.
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }

  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          const address = server.address()
          resolve(typeof address === 'object' && address !== null ? address.port : port)
        })
      }),
    async close(graceMs) {
      isClosing = true
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      server.closeIdleConnections()
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs)
      })
      await Promise.race([settled(), enough])
      clearTimeout(timer)
      server.closeAllConnections()
      await closed
    },
    settled,
  }
}

function reasonOf(error: NodeJS.ErrnoException): Reason | null {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'header_too_large'
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout'
  // The client left in the middle of its request: nothing was refused.
  if (error.code === 'HPE_INVALID_EOF_STATE') return null
  if (error.code?.startsWith('HPE_') === true) return 'header_invalid'
  return null
}
