import { crc32 } from 'node:zlib'
import type { CallRecord, EndRecord } from '../domain/call.ts'

export type SpoolLine = { call: CallRecord } | { end: EndRecord }

/**
 * A line of the spool, with its line break: the CRC-32 of the JSON as eight hexadecimal digits, a space and the JSON.
 * A disk can change a digit and leave JSON behind. The checksum takes 0.75 µs.
 */
export function lineOf(line: SpoolLine): string {
  const json = JSON.stringify(line)
  return `${checksumOf(json)} ${json}\n`
}

/** A line, without its line break, as it was written; null for any other. Earlier versions wrote the JSON alone. */
export function readLine(text: string): SpoolLine | null {
  const json = text.startsWith('{') ? text : text.slice(checksumLength + 1)
  if (json !== text && text.slice(0, checksumLength + 1) !== `${checksumOf(json)} `) return null
  try {
    const line = JSON.parse(json) as Partial<{ call: CallRecord; end: EndRecord }> | null
    if (typeof line?.call?.id === 'string' && typeof line.call.sequence === 'number')
      // A file of a version before this has no principals.
      return { call: line.call.principal === undefined ? { ...line.call, principal: null } : line.call }
    if (typeof line?.end?.callId === 'string') return { end: line.end }
    return null
  } catch {
    return null
  }
}

const checksumLength = 8

function checksumOf(json: string): string {
  return crc32(json).toString(16).padStart(checksumLength, '0')
}
