import { Buffer } from 'node:buffer'

/** One server-sent event, as far as it matters to a proxy. */
export interface ServerEvent {
  /** `message` unless the event says otherwise. */
  type: string
  /** The lines of its data, with a line feed between them; null where it has none, so that nobody is told of it. */
  data: string | null
}

/**
 * Judges one event, its bytes with the empty line that ends them: null where it goes on as it came, else what goes
 * on in its place.
 */
export type JudgeEvent = (event: Buffer) => Buffer | null

/** A stream of server-sent events on its way through, event by event. */
export interface EventFilter {
  /** What of the stream may go on now. Null where an event is too long: nothing may go on any more. */
  push(chunk: Buffer): Buffer | null
  /** What is left at the end: part of an event, which no client acts on. */
  rest(): Buffer
}

/** The most bytes of one event. Images and the like come in one. */
export const eventLimitBytes = 16 * 1024 * 1024

const lineFeed = 0x0a
const carriageReturn = 0x0d
const colon = 0x3a

/**
 * Holds each event back until it is whole, since until then no client acts on it, and then lets it through as
 * `judge` says. Comments go on with the end of their line. Lines end in CR, LF or CRLF, as the standard has it: what
 * is one long line to us must not be events to the client.
 */
export function createEventFilter(judge: JudgeEvent, limitBytes = eventLimitBytes): EventFilter {
  let held: Buffer[] = []
  /** The last pieces held: a chunk of one byte takes a hundred, so they are put together now and then. */
  let small: Buffer[] = []
  let heldBytes = 0
  let isLineEmpty = true
  let isAfterReturn = false
  /** Whether the event under way is nothing but comments so far, and whether its present line is one. */
  let isBare = true
  let isComment = false
  let isTooLong = false
  /** Whether the LF of a CRLF may be still to come whose event was replaced, end and all. */
  let isEndReplaced = false

  /** Where the next event, or comment, ends in `chunk`; -1 where it doesn't. */
  function endOfEvent(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]
      const isPairEnd = isAfterReturn && byte === lineFeed
      isAfterReturn = false
      if (isPairEnd) continue
      if (byte !== lineFeed && byte !== carriageReturn) {
        if (isLineEmpty) isComment = byte === colon
        if (!isComment) isBare = false
        isLineEmpty = false
        continue
      }
      isAfterReturn = byte === carriageReturn
      const isEnd = isLineEmpty || (isComment && isBare)
      isLineEmpty = true
      if (!isEnd) continue
      isBare = true
      // The LF of a CRLF belongs to the event, where it is here already.
      if (isAfterReturn && chunk[at + 1] === lineFeed) {
        isAfterReturn = false
        return at + 2
      }
      return at + 1
    }
    return -1
  }

  return {
    push(bytes) {
      if (isTooLong) return null
      if (bytes.length === 0) return bytes
      const isLeftOver = isEndReplaced && bytes[0] === lineFeed
      isEndReplaced = false
      if (isLeftOver) isAfterReturn = false
      const chunk = isLeftOver ? bytes.subarray(1) : bytes
      let parts: Buffer[] | null = null
      let from = 0
      let sent = 0
      for (let end = endOfEvent(chunk, from); end !== -1; end = endOfEvent(chunk, from)) {
        const piece = chunk.subarray(from, end)
        const isHeld = heldBytes > 0
        if (heldBytes + piece.length > limitBytes) return tooLong()
        const event = isHeld ? takeHeld(piece) : piece
        const instead = judge(event)
        isEndReplaced = instead !== null && isAfterReturn && end === chunk.length
        if (isHeld || instead !== null) {
          parts ??= []
          if (from > sent) parts.push(chunk.subarray(sent, from))
          parts.push(instead ?? event)
          sent = end
        }
        from = end
      }
      if (from < chunk.length) {
        heldBytes += chunk.length - from
        if (heldBytes > limitBytes) return tooLong()
        small.push(chunk.subarray(from))
        if (small.length === smallPieces) {
          held.push(Buffer.concat(small))
          small = []
        }
      }
      const plain = chunk.subarray(sent, from)
      if (parts === null) return plain
      return Buffer.concat([...parts, plain])
    },
    rest() {
      return takeHeld(nothing)
    },
  }

  function takeHeld(last: Buffer): Buffer {
    const all = Buffer.concat([...held, ...small, last])
    held = []
    small = []
    heldBytes = 0
    return all
  }

  function tooLong(): null {
    isTooLong = true
    takeHeld(nothing)
    return null
  }
}

const nothing = Buffer.alloc(0)
const smallPieces = 1024

/** Reads an event as clients do (HTML, 9.2.6). */
export function readEvent(bytes: Buffer): ServerEvent {
  let type = ''
  let data: string | null = null
  for (const line of linesOf(bytes)) {
    const [name, value] = fieldOf(line)
    if (name === 'event') type = value
    else if (name === 'data') data = data === null ? value : `${data}\n${value}`
  }
  return { type: type === '' ? 'message' : type, data }
}

/** The same event with other data: its other fields stay as they are. */
export function withData(bytes: Buffer, data: string): Buffer {
  const kept = linesOf(bytes).filter((line) => line !== '' && fieldOf(line)[0] !== 'data')
  const lines = [...kept, ...data.split('\n').map((line) => `data: ${line}`)]
  return Buffer.from(`${lines.join('\n')}\n\n`)
}

function linesOf(bytes: Buffer): string[] {
  // A byte order mark is only ever dropped, so that nothing hides behind one.
  return bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
}

function fieldOf(line: string): [string, string] {
  const at = line.indexOf(':')
  if (at === -1) return [line, '']
  return [line.slice(0, at), line.slice(line.charAt(at + 1) === ' ' ? at + 2 : at + 1)]
}
