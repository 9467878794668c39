import type { IncomingMessage, ServerResponse } from 'node:http'
import { Transform } from 'node:stream'
import type { Readable } from 'node:stream'
import type { Reason } from '../domain/verdict.ts'
import type { Head } from '../front/head.ts'

export interface BodyLimits {
  limitBytes: number
  timeoutMs: number
}

/**
 * Reads a body whole, within its limits; or answers the reason to refuse it, or `gone` where the client left.
 * A body whose announced length is over the limit is refused unread. Answers at once where all of it is here.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  head: Head,
  limits: BodyLimits,
): Buffer | Reason | 'gone' | Promise<Buffer | Reason | 'gone'> {
  const { contentLength } = head
  if ((contentLength ?? 0) > limits.limitBytes) return 'body_too_large'
  // Left while its key was looked up: its close has been, and won't come again.
  if (request.destroyed) return 'gone'
  if (request.readableLength > 0 && request.readableLength === contentLength) return readAtOnce(request)
  if (head.get('expect') !== null) response.writeContinue()

  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    // The listeners stay, since a request goes with its body: taking them off took longer than all else here.
    let isSettled = false
    const timer = setTimeout(() => settle('request_timeout'), limits.timeoutMs)

    function settle(result: Buffer | Reason | 'gone'): void {
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      // What still comes of a refused body is not kept.
      if (!(result instanceof Buffer)) request.pause()
      resolve(result)
    }

    request.on('data', (chunk: Buffer) => {
      if (isSettled) return
      bytes += chunk.length
      if (bytes > limits.limitBytes) settle('body_too_large')
      else chunks.push(chunk)
    })
    request.on('end', () =>
      settle(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    )
    request.on('close', () => settle('gone'))
    // An aborted request emits an error before it closes; it is settled by the close.
    request.on('error', ignore)
  })
}

/** Nearly every call's body comes along with its head: four listeners, a timer and a promise were 4 % of a call. */
function readAtOnce(request: IncomingMessage): Buffer {
  const bytes: unknown = request.read()
  // Else its end, and so its close, would never be told.
  request.resume()
  if (!Buffer.isBuffer(bytes)) throw new TypeError('a body that is here could not be read')
  return bytes
}

/** A streamed body that broke its limits, when part of it had gone on already. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused'
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reason)
    this.reason = reason
  }
}

/** Passes a body on as it comes, and breaks off with {@link BodyRefused} where it breaks its limits. */
export function streamBody(
  request: IncomingMessage,
  response: ServerResponse,
  head: Head,
  limits: BodyLimits,
): Readable {
  if (head.get('expect') !== null) response.writeContinue()
  let bytes = 0
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done(bytes > limits.limitBytes ? new BodyRefused('body_too_large') : null, chunk)
    },
  })
  const timer = setTimeout(() => limited.destroy(new BodyRefused('request_timeout')), limits.timeoutMs)
  request.once('end', () => clearTimeout(timer))
  limited.once('close', () => clearTimeout(timer))
  request.once('close', () => {
    if (!request.complete) limited.destroy(new Error('the client left'))
  })
  request.on('error', ignore)
  // Whoever sends it on listens while it does; it may break off before or after.
  limited.on('error', ignore)
  return request.pipe(limited)
}

function ignore(): void {}
