import { readLength } from '../../front/length.ts'

/** Why bytes are no answer that we take. `cut_off` alone may be the network's fault. */
export type ResponseFault =
  | 'status_line'
  | 'field'
  | 'too_large'
  | 'framing'
  | 'switching'
  | 'chunk'
  | 'excess'
  | 'cut_off'

/** The head of one response (RFC 9112, 4 and 5), and what it says of its body and its connection. */
export interface ResponseHead {
  status: number
  isHttp10: boolean
  /** Flat list: name, value, … as they came. */
  headers: string[]
  /** `Content-Length`; null where it says none. */
  lengthBytes: number | null
  isChunked: boolean
  isClosing: boolean
  isKeptAlive: boolean
  /** How long the server keeps an idle connection, in seconds; null where it doesn't say. */
  keepAliveSeconds: number | null
}

export const carriageReturn = 0x0d
export const lineFeed = 0x0a
const space = 0x20
const tab = 0x09
const colon = 0x3a
const zero = 0x30

const fieldLimit = 500
const beginning = Buffer.from('HTTP/1.')

const isTokenByte = tableOf((byte) => /[A-Za-z0-9!#$%&'*+\-.^_`|~]/.test(String.fromCharCode(byte)))
/** A tab, and all else but control characters. */
const isFieldByte = tableOf((byte) => byte === tab || (byte >= space && byte !== 0x7f))

/** Whether bytes may be the beginning of a response, as far as they go. */
export function mayBegin(bytes: Buffer): boolean {
  for (let at = 0; at < beginning.length && at < bytes.length; at++) {
    if (bytes[at] !== beginning[at]) return false
  }
  return true
}

/**
 * Where the lines that begin at `start` end, with the empty line that ends them; -1 where they aren't whole, -2
 * where a line ends in a bare LF. What stands before `from` was searched already.
 */
export function endOfLines(bytes: Buffer, start: number, from: number): number {
  for (let at = bytes.indexOf(lineFeed, from); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
    if (at === start || bytes[at - 1] !== carriageReturn) return -2
    if (at - 1 === start || (at - 2 > start && bytes[at - 2] === lineFeed)) return at + 1
  }
  return -1
}

/** Reads the lines in front of `end`, which {@link endOfLines} has found. */
export function readHead(bytes: Buffer, start: number, end: number): ResponseHead | ResponseFault {
  const text = bytes.toString('latin1', start, end)
  const status = readStatusLine(bytes, start)
  if (status === -1) return 'status_line'
  const head: ResponseHead = {
    status,
    isHttp10: bytes[start + beginning.length] === zero,
    headers: [],
    lengthBytes: null,
    isChunked: false,
    isClosing: false,
    isKeptAlive: false,
    keepAliveSeconds: null,
  }
  const firstField = bytes.indexOf(lineFeed, start) + 1
  const fault = readFields(bytes, firstField, end, text, firstField - start, head.headers)
  return fault ?? readFraming(head) ?? head
}

/** Whether the lines in front of `end` are the trailers of a chunked body. Nobody is told of them (T3). */
export function areTrailers(bytes: Buffer, start: number, end: number): boolean {
  return readFields(bytes, start, end, bytes.toString('latin1', start, end), 0, []) === null
}

/** The status; -1 where the line is none. Its reason is not read further than it takes to see that it is text. */
function readStatusLine(bytes: Buffer, start: number): number {
  for (let at = 0; at < beginning.length; at++) if (bytes[start + at] !== beginning[at]) return -1
  let at = start + beginning.length
  const minor = bytes[at++]!
  if ((minor !== zero && minor !== zero + 1) || bytes[at++] !== space) return -1
  let status = 0
  for (const end = at + 3; at < end; at++) {
    const digit = bytes[at]! - zero
    if (digit < 0 || digit > 9) return -1
    status = status * 10 + digit
  }
  if (status < 100) return -1
  if (bytes[at] === space) while (isFieldByte[bytes[at]!] === 1) at++
  return bytes[at] === carriageReturn && bytes[at + 1] === lineFeed ? status : -1
}

/** Field lines, then the empty one. No folded lines, no space before the colon, no control characters. */
function readFields(
  bytes: Buffer,
  start: number,
  end: number,
  text: string,
  textStart: number,
  into: string[],
): ResponseFault | null {
  const shift = textStart - start
  let at = start
  for (let fields = 0; bytes[at] !== carriageReturn; fields++) {
    const nameStart = at
    while (isTokenByte[bytes[at]!] === 1) at++
    const nameEnd = at
    if (nameEnd === nameStart || bytes[at++] !== colon || fields === fieldLimit) return 'field'
    while (bytes[at] === space || bytes[at] === tab) at++
    const valueStart = at
    while (isFieldByte[bytes[at]!] === 1) at++
    if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) return 'field'
    let valueEnd = at
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--
    into.push(
      text.slice(nameStart + shift, nameEnd + shift),
      text.slice(valueStart + shift, valueEnd + shift),
    )
    at += 2
  }
  return at + 2 === end ? null : 'field'
}

/** RFC 9112, 6.3, with nothing forgiven: a length that is said twice, even alike, is one too many. */
function readFraming(head: ResponseHead): ResponseFault | null {
  const { headers } = head
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    switch (name.length) {
      case 14:
        if (name.toLowerCase() !== 'content-length') break
        if (head.lengthBytes !== null) return 'framing'
        head.lengthBytes = readLength(value)
        if (head.lengthBytes === null) return 'framing'
        break
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break
        if (head.isChunked || head.isHttp10 || value.toLowerCase() !== 'chunked') return 'framing'
        head.isChunked = true
        break
      case 10:
        readConnection(name.toLowerCase(), value, head)
        break
      default:
    }
  }
  return head.isChunked && head.lengthBytes !== null ? 'framing' : null
}

function readConnection(name: string, value: string, head: ResponseHead): void {
  if (name === 'connection') {
    if (value === 'keep-alive') head.isKeptAlive = true
    else
      for (const option of value.toLowerCase().split(',')) {
        if (option.trim() === 'close') head.isClosing = true
        if (option.trim() === 'keep-alive') head.isKeptAlive = true
      }
  } else if (name === 'keep-alive') {
    if (value !== lastHint.text) lastHint = { text: value, seconds: hintedSeconds(value) }
    head.keepAliveSeconds = lastHint.seconds ?? head.keepAliveSeconds
  }
}

/** A backend says the same each time. */
let lastHint: { text: string; seconds: number | null } = { text: '', seconds: null }

function hintedSeconds(value: string): number | null {
  const seconds = /(?:^|[\s,;])timeout=([0-9]{1,9})/i.exec(value)?.[1]
  return seconds === undefined ? null : Number(seconds)
}

function tableOf(isIn: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isIn(byte) ? 1 : 0))
}
