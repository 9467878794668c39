import type { ResponseFault, ResponseHead } from './head-fields.ts'
import { areTrailers, endOfLines, mayBegin, readHead } from './head-fields.ts'
import { createChunks } from './chunks.ts'

/** What a parser finds, in this order: one head, any number of pieces of a body, one end. */
export interface ResponseEvents {
  onHead(head: ResponseHead): void
  /** Part of the body: the bytes from `start` to `end`, which are the caller's again afterwards. */
  onBody(bytes: Buffer, start: number, end: number): void
  /** The response is whole. A connection that can't be reused must be closed. */
  onEnd(isReusable: boolean): void
}

export interface ResponseParser {
  /** A request goes out: one response to it may come, and no more. */
  expect(method: string): void
  /** Reads on. After a fault nothing is read any more: the connection can't be trusted. */
  read(bytes: Buffer): ResponseFault | null
  /** The server has closed its end. */
  end(): ResponseFault | null
}

/** Heads and trailers, each, in bytes; Node's own limit for requests. */
export const linesLimitBytes = 16 * 1024

type State = 'idle' | 'head' | 'length' | 'chunks' | 'trailers' | 'until_close' | 'failed'

/**
 * Reads the responses of one connection to the requests sent on it, one at a time, bytes in and events out. It
 * reads strictly (RFC 9112): what another reader could take for something else is no response. Bytes that
 * follow a response are a fault, so that they never become the answer to the next request.
 */
export function createResponseParser(events: ResponseEvents): ResponseParser {
  let state: State = 'idle'
  let isHead = false
  let isReusable = false
  let leftBytes = 0
  let fault: ResponseFault | null = null
  /** Lines that are not whole yet. */
  let held: Buffer | null = null
  const chunks = createChunks((bytes, start, end) => events.onBody(bytes, start, end))

  function read(bytes: Buffer): ResponseFault | null {
    let at = 0
    while (at < bytes.length) {
      if (state === 'head') at = readLines(bytes, at, readOneHead)
      else if (state === 'length') at = readLength(bytes, at)
      else if (state === 'chunks') at = readChunks(bytes, at)
      else if (state === 'trailers') at = readLines(bytes, at, readTrailers)
      else if (state === 'until_close') {
        events.onBody(bytes, at, bytes.length)
        return null
      } else return fail('excess')
      if (fault !== null) return fail(fault)
    }
    return null
  }

  function fail(as: ResponseFault): ResponseFault {
    state = 'failed'
    held = null
    fault = as
    return as
  }

  /** Hands lines on once they are whole; answers where it is in `bytes`. */
  function readLines(
    bytes: Buffer,
    at: number,
    take: (lines: Buffer, start: number, end: number) => ResponseFault | null,
  ): number {
    const heldBytes = held?.length ?? 0
    const lines = held === null ? bytes : Buffer.concat([held, at === 0 ? bytes : bytes.subarray(at)])
    const start = held === null ? at : 0
    const end = endOfLines(lines, start, start + heldBytes)
    const length = (end < 0 ? lines.length : end) - start
    if (end === -2) fault = 'field'
    else if (length > linesLimitBytes) fault = 'too_large'
    else if (end === -1) {
      // A copy, since the bytes are the caller's.
      held = held === null ? Buffer.from(bytes.subarray(at)) : lines
      if (state === 'head' && !mayBegin(held)) fault = 'status_line'
    } else {
      held = null
      fault = take(lines, start, end)
      return at + length - heldBytes
    }
    return bytes.length
  }

  function readOneHead(lines: Buffer, start: number, end: number): ResponseFault | null {
    const head = readHead(lines, start, end)
    if (typeof head === 'string') return head
    const { status, lengthBytes, isChunked } = head
    if (status === 101) return 'switching'
    // Neither has a body, nor may it say so; and a 1xx is only the first word.
    if ((status < 200 || status === 204) && (isChunked || (lengthBytes ?? 0) > 0)) return 'framing'
    if (status < 200) return null

    const isBodiless = isHead || status === 204 || status === 304
    const isDelimited = isBodiless || isChunked || lengthBytes !== null
    // Some servers send the body of a HEAD all the same.
    isReusable = isDelimited && !isHead && !head.isClosing && (!head.isHttp10 || head.isKeptAlive)
    leftBytes = lengthBytes ?? 0
    events.onHead(head)
    if (isBodiless || (leftBytes === 0 && isDelimited && !isChunked)) finish()
    else if (isChunked) {
      chunks.begin()
      state = 'chunks'
    } else state = lengthBytes === null ? 'until_close' : 'length'
    return null
  }

  function readLength(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + leftBytes)
    leftBytes -= end - at
    events.onBody(bytes, at, end)
    if (leftBytes === 0) finish()
    return end
  }

  function readChunks(bytes: Buffer, at: number): number {
    const end = chunks.read(bytes, at)
    if (end === -1) fault = 'chunk'
    else if (chunks.areOver()) state = 'trailers'
    return end
  }

  function readTrailers(lines: Buffer, start: number, end: number): ResponseFault | null {
    if (!areTrailers(lines, start, end)) return 'field'
    finish()
    return null
  }

  function finish(): void {
    state = 'idle'
    events.onEnd(isReusable)
  }

  return {
    expect(method) {
      isHead = method === 'HEAD'
      state = state === 'idle' ? 'head' : 'failed'
    },
    read,
    end() {
      if (state === 'idle') return null
      if (state !== 'until_close') return fail('cut_off')
      finish()
      return null
    },
  }
}
