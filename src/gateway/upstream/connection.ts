import type { Socket } from 'node:net'
import { createDeadline } from './deadline.ts'
import { UpstreamFailure } from './failure.ts'
import type { ResponseHead } from './head-fields.ts'
import type { UpstreamRequest } from './request-head.ts'
import { requestHead } from './request-head.ts'
import { createResponseParser } from './response-parser.ts'
import type { Upload } from './upload.ts'
import { startUpload } from './upload.ts'

/** Who waits for the response to a request. After `onComplete` or `onError` nothing more is said. */
export interface ResponseSink {
  /** Told first. From then on it may be aborted. */
  onConnection(connection: Connection): void
  /** The head of the final response. False where no more is to be read at present. */
  onHead(status: number, headers: string[], lengthBytes: number | null): boolean
  /** Part of the body, to keep. False as in {@link ResponseSink.onHead}; what is in hand still comes. */
  onData(chunk: Buffer): boolean
  onComplete(): void
  /** The deadline that it has set is over. */
  onDue(): void
  /** An UpstreamFailure, or the error that the request's body or its sink gave. */
  onError(error: Error): void
}

/** One connection to a backend, with at most one request on it. What a sink asks for counts while it waits. */
export interface Connection {
  /** Whether a request may be sent on it, while there is none. */
  isOpen(): boolean
  send(request: UpstreamRequest, sink: ResponseSink): void
  /** Reads on. */
  resume(sink: ResponseSink): void
  /** Ends the call, and the connection with it. */
  abort(sink: ResponseSink, error: Error): void
  /** Tells the sink when it is due, unless its call ends, or another deadline is set, before. Null: there is none. */
  setDeadline(sink: ResponseSink, afterMs: number | null): void
  /** Ends it at once; a call on it fails with this error. */
  destroy(error: Error): void
}

/** What a connection needs of its pool. */
export interface ConnectionHooks {
  /** It may be used again. */
  onIdle(): void
  onClosed(): void
}

const connectTimeoutMs = 5_000
/** How long an idle connection is kept where the server doesn't say, and at the most, in milliseconds. */
const idleMs = 4_000
const idleLimitMs = 600_000
/** A server that closes when it said it would must not be met on the way. */
const idleMarginMs = 2_000
/** Up to this size, head and body are one string: one write, no copy of the body, and no Buffer made. */
const oneStringBytes = 16 * 1024

/**
 * `open` starts the socket; its bytes are read by `onRead`, which answers whether to read on. `readyEvent` is
 * emitted once it may be written to, for TLS with the certificate checked.
 */
export function createConnection(
  open: (onRead: (count: number, buffer: Buffer) => boolean) => Socket,
  readyEvent: 'connect' | 'secureConnect',
  hooks: ConnectionHooks,
): Connection {
  const deadline = createDeadline()
  let call: ResponseSink | null = null
  /** Waits for the connection. */
  let unsent: UpstreamRequest | null = null
  let headTimeoutMs = 0
  let upload: Upload | null = null
  let isReady = false
  let isHeadDone = false
  let isReading = false
  let isPaused = false
  let isOver = false
  let isReusable = false
  let keptMs = idleMs
  let failure: Error | null = null

  const parser = createResponseParser({
    onHead(head) {
      isHeadDone = true
      keptMs = keptMsOf(head)
      deadline.lift()
      if (call?.onHead(head.status, head.headers, head.lengthBytes) === false) isPaused = true
    },
    onBody(bytes, start, end) {
      const chunk = Buffer.allocUnsafe(end - start)
      bytes.copy(chunk, 0, start, end)
      if (call?.onData(chunk) === false) isPaused = true
    },
    onEnd(isAgain) {
      isOver = true
      isReusable = isAgain && unsentBytes() === 0
      deadline.lift()
      const sink = call
      call = null
      sink?.onComplete()
    },
  })

  const socket = open((count, buffer) => {
    read(count === buffer.length ? buffer : buffer.subarray(0, count))
    return !isPaused
  })
  deadline.move(connectTimeoutMs, () =>
    destroy(new UpstreamFailure('upstream_timeout', 'no connection in time')),
  )
  deadline.watch()
  socket.once(readyEvent, () => {
    isReady = true
    deadline.lift()
    const request = unsent
    unsent = null
    if (request !== null) write(request)
  })
  socket.on('drain', () => {
    if (upload !== null && !upload.isOver()) upload.resume()
  })
  socket.on('end', () => {
    const fault = parser.end()
    if (fault === null) settle()
    destroy(new UpstreamFailure('upstream_unreachable', 'the backend closed the connection'))
  })
  socket.on('error', (error) => {
    failure ??= error
  })
  socket.on('close', () => {
    deadline.end()
    upload?.end()
    hooks.onClosed()
    const sink = call
    call = null
    sink?.onError(asFailure(failure))
  })

  function read(bytes: Buffer): void {
    isReading = true
    try {
      const fault = parser.read(bytes)
      if (fault !== null) destroy(new UpstreamFailure('upstream_invalid', `the answer is no HTTP: ${fault}`))
    } catch (error) {
      destroy(error as Error)
    }
    isReading = false
    settle()
  }

  /** After a piece was read: the connection rests, ends, or waits for what comes next. */
  function settle(): void {
    if (isOver && !socket.destroyed) rest()
    deadline.watch()
  }

  function rest(): void {
    isOver = false
    if (!isReusable || keptMs <= 0) {
      socket.destroy()
      return
    }
    upload = null
    if (isPaused) {
      isPaused = false
      socket.resume()
    }
    deadline.move(keptMs, () => void socket.destroy())
    hooks.onIdle()
  }

  /** A request that isn't whole when its answer is makes the connection useless: the rest would be the next request. */
  function unsentBytes(): number {
    return upload === null || upload.isOver() ? socket.writableLength : Infinity
  }

  function write(request: UpstreamRequest): void {
    const { body } = request
    let head: string
    try {
      head = requestHead(request)
    } catch (error) {
      destroy(error as Error)
      return
    }
    parser.expect(request.method)
    if (body === null || Buffer.isBuffer(body)) {
      writeWhole(head, body)
    } else {
      socket.write(head, 'latin1')
      upload = startUpload(socket, body, request.streamBytes, { onPart: awaitHead, onFailed: destroy })
    }
    awaitHead()
    deadline.watch()
  }

  function writeWhole(head: string, body: Buffer | null): void {
    if (body === null) socket.write(head, 'latin1')
    else if (body.length <= oneStringBytes) socket.write(head + body.toString('latin1'), 'latin1')
    else {
      socket.cork()
      socket.write(head, 'latin1')
      socket.write(body)
      socket.uncork()
    }
  }

  /** Each part of an upload gives the backend its time anew. */
  function awaitHead(): void {
    if (isHeadDone || call === null) return
    deadline.move(headTimeoutMs, () => destroy(new UpstreamFailure('upstream_timeout', 'no answer in time')))
  }

  function onSinkDue(): void {
    call?.onDue()
  }

  function destroy(error: Error): void {
    failure ??= error
    socket.destroy()
  }

  const connection: Connection = {
    isOpen: () => !socket.destroyed,
    send(request, sink) {
      call = sink
      isHeadDone = false
      headTimeoutMs = request.headTimeoutMs
      sink.onConnection(connection)
      // Its client may have left meanwhile: then nothing is sent.
      if (socket.destroyed) return
      if (isReady) write(request)
      else unsent = request
    },
    resume(sink) {
      if (call !== sink || !isPaused) return
      isPaused = false
      // While a piece is read, the reader goes on by itself.
      if (!isReading) socket.resume()
    },
    abort(sink, error) {
      if (call === sink) destroy(error)
    },
    setDeadline(sink, afterMs) {
      if (call !== sink) return
      if (afterMs === null) deadline.lift()
      else deadline.move(afterMs, onSinkDue)
      if (!isReading) deadline.watch()
    },
    destroy,
  }
  return connection
}

function keptMsOf({ keepAliveSeconds }: ResponseHead): number {
  return keepAliveSeconds === null ? idleMs : Math.min(keepAliveSeconds * 1000 - idleMarginMs, idleLimitMs)
}

/** What the network says is that the backend can't be reached; what anyone of ours says stays. */
function asFailure(error: Error | null): Error {
  if (error === null || 'code' in error)
    return new UpstreamFailure('upstream_unreachable', error?.message ?? 'the connection was closed')
  return error
}
