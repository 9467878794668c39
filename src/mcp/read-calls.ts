import type { Reason } from '../domain/verdict.ts'
import {
  allowsBatches,
  headerDisagreement,
  isModernRevision,
  isRevision,
  trimmed,
  type McpHeaders,
} from './header-agreement.ts'
import { readMessage, type ArgumentsHmac, type McpMessage, type ReadMessage } from './message.ts'
import { closeJson, kindAt, openJson, readArray, refuse, type JsonCursor } from './strict-json.ts'

export type { McpHeaders } from './header-agreement.ts'
export type { ArgumentsHmac, McpMessage } from './message.ts'

/** What a body holds, once it is certain that every backend reads the same in it. */
export interface McpBody {
  /** At least one, in the order of the body. */
  messages: McpMessage[]
  isBatch: boolean
  /** Whether the semantics of 2026-07-28 or later apply. */
  isModern: boolean
  /** The revision that the body claims, else the header's; null where neither names one. */
  revision: string | null
}

/** The id that a refusal of these calls answers to, as its exact JSON text; a batch has none. */
export function idToAnswer(calls: McpBody | null): string | null {
  const [message] = calls?.messages ?? []
  return calls?.isBatch === false && message?.kind === 'request' ? message.id : null
}

export type ReadResult =
  | { ok: true; body: McpBody }
  | {
      ok: false
      reason: Reason
      /** Exact JSON text of the request's id where it could be read safely, else null. */
      id: string | null
      /** Short and stable, for logs and tests; never holds any of the body. */
      detail: string
    }

/** The most elements that a batch may have. */
export const batchLimit = 100

/**
 * Reads the calls in a body of a request to an MCP route, or says why it is refused. The body alone decides
 * which calls there are; headers can only cause a refusal. The caller has kept the limit on its size. With `hmac`,
 * each message has that of its arguments.
 */
export function readCalls(
  bytes: Uint8Array,
  headers: McpHeaders,
  hmac: ArgumentsHmac | null = null,
): ReadResult {
  const mediaRefusal = refuseMediaType(headers)
  if (mediaRefusal !== null) return refused(mediaRefusal, null, 'headers')
  const cursor = openJson(bytes)
  return kindAt(cursor) === 'array' ? readBatch(cursor, headers, hmac) : readSingle(cursor, headers, hmac)
}

/** Why a body of this media type or encoding is not read at all (415); judged before a byte of it is read. */
export function refuseMediaType(headers: McpHeaders): Reason | null {
  const { contentType, contentEncoding } = headers
  if (contentEncoding !== null && contentEncoding.toLowerCase() !== 'identity') return 'encoding_refused'
  if (contentType === 'application/json') return null
  return contentType !== null && isJsonInUtf8(contentType) ? null : 'media_type_refused'
}

function readSingle(cursor: JsonCursor, headers: McpHeaders, hmac: ArgumentsHmac | null): ReadResult {
  const message = readMessage(cursor, hmac)
  const broken = closeJson(cursor)
  if (broken !== null) return refused(broken.reason, null, broken.detail)
  const id = message.kind === 'request' ? message.id : null
  if (message.issue !== null) return refused(message.issue.reason, id, message.issue.detail)
  const disagreement = headerDisagreement(headers, message)
  if (disagreement !== null) return refused('header_mismatch', id, disagreement)
  const headerRevision = trimmed(headers.protocolVersion)
  const isModern = message.claim !== null || isModernRevision(headerRevision)
  const claimed = message.claim?.value ?? null
  const revision = claimed !== null && isRevision(claimed) ? claimed : headerRevision
  return { ok: true, body: { messages: [bare(message)], isBatch: false, isModern, revision } }
}

function readBatch(cursor: JsonCursor, headers: McpHeaders, hmac: ArgumentsHmac | null): ReadResult {
  const messages: ReadMessage[] = []
  readArray(cursor, () => {
    if (messages.length === batchLimit) return refuse(cursor, 'batch_refused', 'too many elements')
    messages.push(readMessage(cursor, hmac))
  })
  const broken = closeJson(cursor)
  if (broken !== null) return refused(broken.reason, null, broken.detail)
  if (messages.length === 0) return refused('body_malformed', null, 'empty batch')
  const revision = trimmed(headers.protocolVersion)
  if (!allowsBatches(revision)) return refused('batch_refused', null, 'no batches in this revision')
  if (messages.some((message) => message.claim !== null))
    return refused('batch_refused', null, 'modern element')
  for (const { issue } of messages) if (issue !== null) return refused(issue.reason, null, issue.detail)
  return { ok: true, body: { messages: messages.map(bare), isBatch: true, isModern: false, revision } }
}

function bare({ kind, id, method, tool, target, mentions, traceId, argumentsHmac }: ReadMessage): McpMessage {
  const message: McpMessage = { kind, id, method, tool, target }
  if (mentions !== undefined) message.mentions = mentions
  if (traceId !== undefined) message.traceId = traceId
  if (argumentsHmac !== undefined) message.argumentsHmac = argumentsHmac
  return message
}

function refused(reason: Reason, id: string | null, detail: string): ReadResult {
  return { ok: false, reason, id, detail }
}

const mediaType = /^application\/json(?=[ \t]*(?:;|$))/i
const parameter = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)=(?:([!#$%&'*+.^_`|~0-9a-z-]+)|"([^"\\]*)")/iy

function isJsonInUtf8(contentType: string): boolean {
  const text = trimmed(contentType) ?? ''
  if (!mediaType.test(text)) return false
  const names = new Set<string>()
  let at = 'application/json'.length
  while (at < text.length) {
    parameter.lastIndex = at
    const match = parameter.exec(text)
    const name = match?.[1]?.toLowerCase()
    if (match === null || name === undefined || names.has(name)) return false
    if (name === 'charset' && (match[2] ?? match[3])?.toLowerCase() !== 'utf-8') return false
    names.add(name)
    at = parameter.lastIndex
  }
  return true
}
