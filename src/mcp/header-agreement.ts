import { Buffer, isUtf8 } from 'node:buffer'
import type { ReadMessage } from './message.ts'

/** The headers of a request that say something about its body; null where one is absent. */
export interface McpHeaders {
  contentType: string | null
  contentEncoding: string | null
  protocolVersion: string | null
  mcpMethod: string | null
  mcpName: string | null
}

/** Methods that a modern client mirrors into `Mcp-Name`; with other methods the header says nothing. */
const mirroredMethods: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
])

/**
 * Whether a revision has the semantics of 2026-07-28. Compared as text, as the SDKs do, so that a version of
 * an unknown form counts as modern, where more is checked.
 */
export function isModernRevision(revision: string | null): boolean {
  return revision !== null && revision >= '2026-07-28'
}

/** Whether a batch may come under this MCP-Protocol-Version: none, or a date before 2025-06-18. */
export function allowsBatches(protocolVersion: string | null): boolean {
  if (protocolVersion === null) return true
  return /^\d{4}-\d{2}-\d{2}$/.test(protocolVersion) && protocolVersion < '2025-06-18'
}

/** Whether a revision is one token, fit to be compared and logged; two headers joined by a comma are not. */
export function isRevision(protocolVersion: string): boolean {
  return /^[0-9A-Za-z._-]{1,64}$/.test(protocolVersion)
}

/**
 * What the headers say otherwise than the body, in a few stable words; null where they agree. Legacy messages
 * have no mirrors to compare. The body stays the truth: this only protects those who read the mirrors.
 */
export function headerDisagreement(headers: McpHeaders, message: ReadMessage): string | null {
  const protocolVersion = trimmed(headers.protocolVersion)
  if (protocolVersion !== null && !isRevision(protocolVersion)) return 'MCP-Protocol-Version is malformed'
  if (message.kind === 'response') return null
  const { claim } = message
  if (claim === null && !isModernRevision(protocolVersion)) return null
  if (claim === null && message.method === 'initialize') return 'initialize under a modern version'
  // Without a claim the backend answers by itself what is missing from `_meta`.
  if (claim !== null && protocolVersion !== null && protocolVersion !== claim.value)
    return 'MCP-Protocol-Version differs'
  const isRequest = message.kind === 'request'
  if (isRequest && protocolVersion === null) return 'MCP-Protocol-Version is missing'
  return (
    mirrorFault('Mcp-Method', headers.mcpMethod, message.method, isRequest) ??
    mirrorFault('Mcp-Name', headers.mcpName, message.target, isRequest && isMirrored(message))
  )
}

/** The value that a mirror header stands for, its `=?base64?…?=` form decoded; null where it is malformed. */
export function decodeMirror(value: string): string | null {
  if (!/^[\t\x20-\x7e]*$/.test(value)) return null
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value
  const encoded = value.slice('=?base64?'.length, -'?='.length)
  const bytes = Buffer.from(encoded, 'base64')
  // Only the canonical form: what Node decodes leniently, another decoder reads otherwise.
  const isCanonical = value.length >= '=?base64??='.length && bytes.toString('base64') === encoded
  return isCanonical && isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** A header value without the white space around it that HTTP says is no part of it; in linear time. */
export function trimmed(value: string | null): string | null {
  if (value === null) return null
  let from = 0
  let to = value.length
  while (from < to && isSpace(value.charCodeAt(from))) from++
  while (to > from && isSpace(value.charCodeAt(to - 1))) to--
  return value.slice(from, to)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function isMirrored(message: ReadMessage): boolean {
  return message.method !== null && mirroredMethods.has(message.method)
}

function mirrorFault(
  name: string,
  header: string | null,
  expected: string | null,
  isRequired: boolean,
): string | null {
  if (expected === null) return null
  const value = trimmed(header)
  if (value === null) return isRequired ? `${name} is missing` : null
  const decoded = decodeMirror(value)
  if (decoded === null) return `${name} is malformed`
  return decoded === expected ? null : `${name} differs`
}
