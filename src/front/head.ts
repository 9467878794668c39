import type { Reason } from '../domain/verdict.ts'
import { readLength } from './length.ts'

/** The head of one request, each header read once. */
export interface Head {
  /** A header's value by its lower-case name; the values of one that may be repeated are joined. */
  get(name: string): string | null
  authorization: string | null
  host: string
  /** Bytes; null where the length is not said. */
  contentLength: number | null
  /** Whether a body of unsaid length follows. */
  isChunked: boolean
}

export type HeadReading = { ok: true; head: Head } | { ok: false; reason: Reason }

const invalid = { ok: false, reason: 'header_invalid' } as const satisfies HeadReading
const ambiguous = { ok: false, reason: 'ambiguous_credentials' } as const satisfies HeadReading

const singletons: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'last-event-id',
  'origin',
  'transfer-encoding',
])

const token = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/
const hostPattern = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/

/**
 * Reads Node's `rawHeaders` (name, value, name, value…). Refuses a head that another server could read
 * differently: a second copy of what is judged here, a look-alike of it (`Mcp_Name`), or a `Connection` that
 * makes the next hop drop it. That values hold no control characters is the strict parser's work.
 */
export function readHead(rawHeaders: readonly string[]): HeadReading {
  const values = new Map<string, string>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = nameOf(rawHeaders[at]!)
    const value = rawHeaders[at + 1]!
    if (name === null) return invalid
    const before = values.get(name)
    if (before === undefined) values.set(name, value)
    else if (name === 'authorization') return ambiguous
    else if (isSingleton(name)) return invalid
    else values.set(name, before + (name === 'cookie' ? '; ' : ', ') + value)
  }

  const host = values.get('host')
  if (host === undefined || !hostPattern.test(host)) return invalid
  const saidLength = values.get('content-length')
  const contentLength = saidLength === undefined ? null : readLength(saidLength)
  const transferEncoding = values.get('transfer-encoding')
  if (saidLength !== undefined && (transferEncoding !== undefined || contentLength === null)) return invalid
  if (transferEncoding !== undefined && transferEncoding !== 'chunked') return invalid
  const expect = values.get('expect')
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return invalid
  if (namesSingleton(values.get('connection'))) return invalid

  return {
    ok: true,
    head: {
      get: (name) => values.get(name) ?? null,
      authorization: values.get('authorization') ?? null,
      host,
      contentLength,
      isChunked: transferEncoding !== undefined,
    },
  }
}

/** Names that were sound, with their lower case. Clients send the same few again and again; bounded. */
const knownNames = new Map<string, string>()

/** A header's name in lower case; null where it is none, or a look-alike of one that is judged here. */
function nameOf(rawName: string): string | null {
  const known = knownNames.get(rawName)
  if (known !== undefined) return known
  if (!token.test(rawName)) return null
  const name = rawName.toLowerCase()
  if (name.includes('_') && isSingleton(name.replaceAll('_', '-'))) return null
  if (knownNames.size < 500 && rawName.length <= 64) knownNames.set(rawName, name)
  return name
}

function isSingleton(name: string): boolean {
  return singletons.has(name) || name.startsWith('mcp-')
}

function namesSingleton(connection: string | undefined): boolean {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return false
  return connection.split(',').some((option) => isSingleton(option.trim().toLowerCase()))
}
