import type { ResponseHead } from '../../src/gateway/upstream/head-fields.ts'
import { createResponseParser } from '../../src/gateway/upstream/response-parser.ts'

/** What the parser made of the bytes that a server sent as the answer to one request. */
export interface Reading {
  heads: ResponseHead[]
  body: string
  /** How often the end of a response was told. */
  ends: number
  isReusable: boolean | null
  fault: string | null
}

/** Reads pieces of bytes as they would come from a socket, whose buffer is another's after each. */
export function readResponse(pieces: readonly Buffer[], method = 'GET', endsAfter = false): Reading {
  const reading: Reading = { heads: [], body: '', ends: 0, isReusable: null, fault: null }
  const parser = createResponseParser({
    onHead: (head) => void reading.heads.push(head),
    onBody(bytes, start, end) {
      reading.body += bytes.toString('latin1', start, end)
    },
    onEnd(isReusable) {
      reading.ends++
      reading.isReusable = isReusable
    },
  })
  parser.expect(method)
  for (const piece of pieces) {
    const bytes = Buffer.from(piece)
    reading.fault = parser.read(bytes)
    bytes.fill(0x58)
    if (reading.fault !== null) return reading
  }
  if (endsAfter) reading.fault = parser.end()
  return reading
}

/** The bytes in pieces of the lengths given, over and over. */
export function split(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const length = lengths[index % lengths.length] ?? bytes.length
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}
