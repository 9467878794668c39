import { Buffer, isAscii } from 'node:buffer'
import { skipUnjudged } from './json-skip.ts'
import { lookAlikeOf } from './look-alike.ts'
import {
  closeJson,
  kindAt,
  openJson,
  readArray,
  readObject,
  readRaw,
  readString,
  skipValue,
  type JsonCursor,
} from './strict-json.ts'

/** By what a list is filtered. */
export interface ListRules {
  /** Whether the caller may make the call that an entry of a list leads to. */
  mayAsk: (asked: { method: string; target: string }) => boolean
  /** Whether the answer is of 2026-07-28 or later, whose lists say who may keep them, and for how long. */
  isModern: boolean
}

/** What became of a message, or a batch of them. */
export type FilteredLists =
  | { kind: 'same' }
  | { kind: 'changed'; bytes: Buffer }
  | { kind: 'invalid'; detail: string }

/** How long a client may keep a filtered list, in milliseconds: what it may call can be changed meanwhile. */
export const listLifeMs = 60_000

/**
 * Cuts the entries out of the lists in JSON-RPC replies that the caller may not call; all that stays is as it came, to
 * the byte. Every result is looked at, whichever request it answers: an id could be written in more than one way.
 */
export function filterLists(bytes: Uint8Array, rules: ListRules): FilteredLists {
  const cursor = openJson(bytes)
  const reading: Reading = { cursor, rules, cuts: [], fault: null }
  if (kindAt(cursor) === 'array') readArray(cursor, () => readReply(reading))
  else readReply(reading)
  const broken = closeJson(cursor)
  if (broken !== null) return { kind: 'invalid', detail: broken.detail }
  if (reading.fault !== null) return { kind: 'invalid', detail: reading.fault }
  if (reading.cuts.length === 0) return { kind: 'same' }
  return {
    kind: 'changed',
    bytes: written(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), cursor.text, reading.cuts),
  }
}

/** A part of the text, and what stands there instead. */
interface Cut {
  from: number
  to: number
  instead: string
}

interface Reading {
  cursor: JsonCursor
  rules: ListRules
  /** In the order of the text, but for those of one result. */
  cuts: Cut[]
  fault: string | null
}

interface ListKind {
  /** The member of an entry that the call names. */
  named: string
  /** The call that an entry leads to. */
  method: string
  /** Whether two entries of one name could be taken for each other. */
  isUnique: boolean
  looksLikeName: (key: string) => boolean
}

const listKinds: ReadonlyMap<string, ListKind> = new Map([
  ['tools', listKind('name', 'tools/call', true)],
  ['resources', listKind('uri', 'resources/read', false)],
  ['resourceTemplates', listKind('uriTemplate', 'resources/read', false)],
  ['prompts', listKind('name', 'prompts/get', true)],
  ['tasks', listKind('taskId', 'tasks/get', false)],
])

function listKind(named: string, method: string, isUnique: boolean): ListKind {
  return { named, method, isUnique, looksLikeName: lookAlikeOf([named]) }
}

const looksLikeMember = lookAlikeOf(['result'])
const looksLikeResult = lookAlikeOf([...listKinds.keys(), 'cacheScope', 'ttlMs'])

/** What most entries hold, and is no look-alike of anything. */
const plainKeys: ReadonlySet<string> = new Set([
  ...['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations', '_meta', 'icons'],
  ...['execution', 'uri', 'uriTemplate', 'mimeType', 'size', 'arguments', 'taskId', 'status'],
])

function readReply(reading: Reading): void {
  const { cursor } = reading
  if (kindAt(cursor) !== 'object') {
    reading.fault ??= 'not a JSON-RPC message'
    return skipValue(cursor)
  }
  readObject(cursor, (key) => {
    if (key === 'result') return readResult(reading)
    if (looksLikeMember(key)) reading.fault ??= 'look-alike key'
    skipValue(cursor)
  })
}

function readResult(reading: Reading): void {
  const { cursor, rules } = reading
  if (kindAt(cursor) !== 'object') return skipValue(cursor)
  const start = cursor.at + 1
  let hasList = false
  let scope: Cut | null = null
  let life: Cut | null = null
  readObject(cursor, (key) => {
    const kind = listKinds.get(key)
    if (kind !== undefined) {
      hasList = true
      return readList(reading, kind)
    }
    const from = cursor.at
    if (key === 'cacheScope') {
      if (readRaw(cursor) !== '"private"') scope = { from, to: cursor.at, instead: '"private"' }
      else scope = kept
      return
    }
    if (key === 'ttlMs') {
      const raw = readRaw(cursor)
      const isBounded = /^[0-9]+$/.test(raw) && Number(raw) <= listLifeMs
      if (!isBounded) life = { from, to: cursor.at, instead: Number(raw) > 0 ? String(listLifeMs) : '0' }
      return
    }
    if (looksLikeResult(key)) reading.fault ??= 'look-alike key'
    skipValue(cursor)
  })
  if (!hasList) return
  if (scope === null && rules.isModern) scope = { from: start, to: start, instead: '"cacheScope":"private",' }
  if (scope !== null && scope !== kept) reading.cuts.push(scope)
  if (life !== null) reading.cuts.push(life)
}

const kept: Cut = { from: 0, to: 0, instead: '' }

function readList(reading: Reading, kind: ListKind): void {
  const { cursor, rules } = reading
  if (kindAt(cursor) !== 'array') {
    reading.fault ??= 'not a list'
    return skipValue(cursor)
  }
  const names = new Set<string>()
  const start = cursor.at + 1
  /** Where the last entry that stays ends, and where the entries that go begin; -1 where none is going. */
  let keptTo = -1
  let cutFrom = -1
  readArray(cursor, () => {
    const from = cursor.at
    const name = readEntry(reading, kind)
    if (name === null) return
    if (kind.isUnique && names.size === names.add(name).size) reading.fault ??= 'two of one name'
    if (!rules.mayAsk({ method: kind.method, target: name })) {
      if (cutFrom === -1) cutFrom = from
      return
    }
    if (cutFrom !== -1) reading.cuts.push({ from: cutFrom, to: from, instead: '' })
    cutFrom = -1
    keptTo = cursor.at
  })
  // Entries that go at the end take the comma before them along.
  if (cutFrom !== -1)
    reading.cuts.push({ from: keptTo === -1 ? start : keptTo, to: cursor.at - 1, instead: '' })
}

/** Reads an entry and answers what it is called by; null after a fault. */
function readEntry(reading: Reading, { named, looksLikeName }: ListKind): string | null {
  const { cursor } = reading
  let name: string | null = null
  if (kindAt(cursor) === 'object') {
    readObject(cursor, (key) => {
      if (key === named && kindAt(cursor) === 'string') {
        name = readString(cursor)
        return
      }
      if (!plainKeys.has(key) && looksLikeName(key)) reading.fault ??= 'look-alike key'
      skipUnjudged(cursor)
    })
  } else skipValue(cursor)
  if (name === null) reading.fault ??= 'an entry without a name'
  return name
}

function written(bytes: Buffer, text: string, cuts: readonly Cut[]): Buffer {
  const inOrder = cuts.toSorted((a, b) => a.from - b.from)
  if (!isAscii(bytes)) return Buffer.from(spliced(text, inOrder), 'utf8')
  // Where each character is a byte, nothing has to be written again.
  const length = cuts.reduce((sum, { from, to, instead }) => sum + instead.length - (to - from), bytes.length)
  const out = Buffer.allocUnsafe(length)
  let read = 0
  let at = 0
  for (const { from, to, instead } of inOrder) {
    at += bytes.copy(out, at, read, from)
    if (instead !== '') at += out.write(instead, at, 'latin1')
    read = to
  }
  bytes.copy(out, at, read)
  return out
}

function spliced(text: string, cuts: readonly Cut[]): string {
  const parts: string[] = []
  let at = 0
  for (const { from, to, instead } of cuts) {
    parts.push(text.slice(at, from), instead)
    at = to
  }
  return parts.join('') + text.slice(at)
}
