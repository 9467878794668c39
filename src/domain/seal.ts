/**
 * Seals: what makes an edit of the trail show. Each row has a leaf, each batch the Merkle root of its leaves, and
 * each writer a chain of seals, one a batch. `vectors/seals.json` has examples; docs/decisions/0014 says why.
 *
 * A **leaf** is SHA-256 over a row in one text: byte 0, `call` or `end`, and then, for each field that is not null and
 * in the order below, byte 0, the field's name, `:` and its value. No text of the trail holds byte 0. Numbers are as
 * JavaScript writes them, instants in epoch milliseconds. A field that comes later is added at the end: as long as it
 * is null, the leaves of older rows stay what they are.
 *
 * All digests are 64 hexadecimal digits in lower case.
 */
import { hash } from 'node:crypto'
import type { CallRecord, EndRecord } from './call.ts'

/** A row as it is sealed, and as the trail is exported for verification: null for rows from before sealing. */
export type SealedRow =
  | { call: CallRecord & { batch: number | null } }
  | { end: EndRecord & { writer: string | null; batch: number | null } }

/** The seal of one batch: row of `trail_seals`. */
export interface SealRecord {
  /** Whose chain it is in. */
  writer: string
  /** Its place in the chain: from 1, without gaps. */
  number: number
  /** The run of the writer that sealed it. */
  boot: string
  /** How many rows of either kind it covers. */
  calls: number
  ends: number
  /** The Merkle root of the leaves: calls by id, then ends by call id. */
  root: string
  /** The seal before it; {@link noSeal} for the first. */
  previous: string
  seal: string
}

/** What stands before a chain's first seal. */
export const noSeal = '0'.repeat(64)

/** The leaf of a call's row. Written out: it is made for each call, at some 2 µs. */
export function leafOfCall(call: CallRecord): string {
  return hash(
    'sha256',
    `\0call\0id:${call.id}\0writer:${stored(call.writer)}\0boot:${stored(call.boot)}\0sequence:${call.sequence}` +
      `\0at:${Math.round(call.at)}\0requestId:${stored(call.requestId)}` +
      plain('\0credentialKind:', call.credentialKind) +
      plain('\0keyId:', call.keyId) +
      plain('\0serviceUserId:', call.serviceUserId) +
      text('\0principal:', call.principal) +
      text('\0grantsDigest:', call.grantsDigest) +
      text('\0traceId:', call.traceId) +
      text('\0argumentsHmac:', call.argumentsHmac) +
      text('\0httpMethod:', call.httpMethod) +
      text('\0path:', call.path) +
      text('\0method:', call.method) +
      text('\0tool:', call.tool) +
      plain('\0outcome:', call.outcome) +
      text('\0reason:', call.reason) +
      plain('\0status:', call.status) +
      plain('\0durationMs:', call.durationMs) +
      plain('\0rpcCode:', call.rpcCode) +
      plain('\0isToolError:', call.isToolError) +
      text('\0clientAddress:', call.clientAddress) +
      text('\0userAgent:', call.userAgent) +
      `\0count:${call.count}\0lastAt:${Math.round(call.lastAt)}`,
    'hex',
  )
}

/** The leaf of an end's row. Its writer is in its seal. */
export function leafOfEnd(end: EndRecord): string {
  return hash(
    'sha256',
    `\0end\0callId:${end.callId}\0at:${Math.round(end.at)}` +
      plain('\0outcome:', end.outcome) +
      text('\0reason:', end.reason) +
      plain('\0status:', end.status) +
      plain('\0durationMs:', end.durationMs) +
      plain('\0rpcCode:', end.rpcCode) +
      plain('\0isToolError:', end.isToolError),
    'hex',
  )
}

/**
 * The root over the leaves in their order, as in RFC 6962: a node is SHA-256 over byte 1 and its two children's 32
 * bytes each; one left over at the end of a level goes up as it is. SHA-256 of nothing for no leaves.
 */
export function merkleRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return hash('sha256', '', 'hex')
  let level = leaves
  while (level.length > 1) {
    const next: string[] = []
    for (let at = 0; at < level.length; at += 2) next.push(nodeOf(level[at] ?? '', level[at + 1]))
    level = next
  }
  return level[0] ?? ''
}

/** The root of a batch, whatever the order in which its rows are given. */
export function rootOfRows(calls: readonly CallRecord[], ends: readonly EndRecord[]): string {
  const leaves = inOrder(calls, (call) => call.id).map(leafOfCall)
  for (const end of inOrder(ends, (each) => each.callId)) leaves.push(leafOfEnd(end))
  return merkleRoot(leaves)
}

/** Without sorting anew what is in order, as a batch is that was just written or read. */
function inOrder<T>(rows: readonly T[], id: (row: T) => string): readonly T[] {
  for (let at = 1; at < rows.length; at++) {
    const [before, row] = [rows[at - 1], rows[at]]
    if (before !== undefined && row !== undefined && id(before) > id(row))
      return rows.toSorted((a, b) => (id(a) < id(b) ? -1 : 1))
  }
  return rows
}

/**
 * The seal of a batch: SHA-256 over byte 2, `seal` and the fields below in the form of a leaf's, the seal before it
 * among them.
 */
export function sealOf(batch: Omit<SealRecord, 'seal'>): string {
  const { previous, writer, number, boot, calls, ends, root } = batch
  return hash(
    'sha256',
    `\u0002seal\0previous:${previous}\0writer:${stored(writer)}\0number:${number}\0boot:${stored(boot)}` +
      `\0calls:${calls}\0ends:${ends}\0root:${root}`,
    'hex',
  )
}

const node = Buffer.alloc(1 + 2 * 32, 1)

function nodeOf(left: string, right: string | undefined): string {
  if (right === undefined) return left
  node.write(left, 1, 'hex')
  node.write(right, 33, 'hex')
  return hash('sha256', node, 'hex')
}

/** What an older version left in the spool may lack a field. */
function text(name: string, value: string | null | undefined): string {
  return value === null || value === undefined ? '' : name + stored(value)
}

/** For numbers, and for what the database takes in one form only. */
function plain(name: string, value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined ? '' : `${name}${value}`
}

/** As Postgres keeps it, which has no NUL: the store writes U+FFFD for it, as UTF-8 does for half a surrogate pair. */
function stored(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value
}
