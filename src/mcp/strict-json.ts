/**
 * Reads JSON text more strictly than RFC 8259 asks for, so that no other parser can find another meaning in
 * the same bytes. It moves a cursor over the text and hands members and elements to its caller; nothing is
 * built from keys, so `__proto__` is a key like any other.
 *
 * A refusal sticks: the first one stays, the cursor jumps to the end, and every later read fails at once.
 * Callers need not check after each step, only at the end.
 */
import { Buffer, isAscii, isUtf8 } from 'node:buffer'
import { escapeLength, isDigit, numberEnd } from './json-tokens.ts'

export interface JsonRefusal {
  reason: 'body_malformed' | 'body_ambiguous' | 'batch_refused'
  /** Short and stable; never holds any of the text. */
  detail: string
}

/** Where the reading stands. Readers expect it on the first character of a value. */
export interface JsonCursor {
  readonly text: string
  at: number
  depth: number
  refusal: JsonRefusal | null
}

/** How many objects and arrays may stand inside each other. */
export const depthLimit = 64

/** A cursor on the first value in these bytes, which have to be UTF-8 without a byte order mark. */
export function openJson(bytes: Uint8Array): JsonCursor {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // One-byte strings are read twice as fast as two-byte ones, and nearly every body is ASCII.
  const ascii = isAscii(buffer)
  const valid = ascii || isUtf8(buffer)
  const text = valid ? buffer.toString(ascii ? 'latin1' : 'utf8') : ''
  const cursor: JsonCursor = { text, at: 0, depth: 0, refusal: null }
  if (!valid) refuse(cursor, 'body_malformed', 'invalid UTF-8')
  skipSpace(cursor)
  return cursor
}

/** To be called after the last value: nothing but white space may follow. Answers the first refusal, if any. */
export function closeJson(cursor: JsonCursor): JsonRefusal | null {
  skipSpace(cursor)
  if (cursor.at !== cursor.text.length) refuse(cursor, 'body_malformed', 'trailing bytes')
  return cursor.refusal
}

/** Stops the reading for good. The first refusal is the one that stays. */
export function refuse(cursor: JsonCursor, reason: JsonRefusal['reason'], detail: string): void {
  cursor.refusal ??= { reason, detail }
  cursor.at = cursor.text.length
}

/** What kind of value begins here, judged by its first character; `nothing` where none can begin. */
export function kindAt(cursor: JsonCursor): 'object' | 'array' | 'string' | 'number' | 'literal' | 'nothing' {
  const code = cursor.text.charCodeAt(cursor.at)
  if (code === 0x22) return 'string'
  if (code === 0x7b) return 'object'
  if (code === 0x5b) return 'array'
  if (code === 0x2d || isDigit(code)) return 'number'
  return code === 0x74 || code === 0x66 || code === 0x6e ? 'literal' : 'nothing'
}

/** Reads an object. `onMember` is called with each key, unescaped, and has to read or skip the value. */
export function readObject(cursor: JsonCursor, onMember: (key: string) => void): void {
  const { text } = cursor
  if (!enter(cursor, 0x7b)) return
  if (text.charCodeAt(cursor.at) === 0x7d) return leave(cursor)
  const keys: SeenKeys = { few: [], many: null }
  for (;;) {
    const key = readString(cursor)
    if (isRepeated(keys, key)) return refuse(cursor, 'body_ambiguous', 'duplicate key')
    skipSpace(cursor)
    if (text.charCodeAt(cursor.at) !== 0x3a) return refuse(cursor, 'body_malformed', 'not JSON')
    cursor.at++
    skipSpace(cursor)
    onMember(key)
    if (!nextItem(cursor, 0x7d)) return
  }
}

/** Reads an array. `onElement` is called at each element and has to read or skip it. */
export function readArray(cursor: JsonCursor, onElement: () => void): void {
  if (!enter(cursor, 0x5b)) return
  if (cursor.text.charCodeAt(cursor.at) === 0x5d) return leave(cursor)
  do onElement()
  while (nextItem(cursor, 0x5d))
}

/** Reads a string and answers its value, unescaped; the empty string after a refusal. */
export function readString(cursor: JsonCursor): string {
  const from = cursor.at
  const hasEscapes = scanString(cursor)
  if (cursor.refusal !== null) return ''
  if (!hasEscapes) return cursor.text.slice(from + 1, cursor.at - 1)
  // The literal has just been checked, so this can only unescape.
  const value: unknown = JSON.parse(cursor.text.slice(from, cursor.at))
  return String(value)
}

/** Reads any value, checks all that is in it, and answers its exact text. */
export function readRaw(cursor: JsonCursor): string {
  const from = cursor.at
  skipValue(cursor)
  return cursor.refusal === null ? cursor.text.slice(from, cursor.at) : ''
}

/** Checks any value, down to its last key, and goes past it. */
export function skipValue(cursor: JsonCursor): void {
  switch (kindAt(cursor)) {
    case 'string':
      scanString(cursor)
      return
    case 'object':
      return readObject(cursor, () => skipValue(cursor))
    case 'array':
      return readArray(cursor, () => skipValue(cursor))
    case 'number':
      return scanNumber(cursor)
    case 'literal':
      return scanLiteral(cursor)
    case 'nothing':
      return refuse(cursor, 'body_malformed', 'not JSON')
  }
}

function enter(cursor: JsonCursor, openCode: number): boolean {
  if (cursor.text.charCodeAt(cursor.at) !== openCode) {
    refuse(cursor, 'body_malformed', 'not JSON')
    return false
  }
  if (cursor.depth === depthLimit) {
    refuse(cursor, 'body_malformed', 'nested too deep')
    return false
  }
  cursor.depth++
  cursor.at++
  skipSpace(cursor)
  return true
}

function leave(cursor: JsonCursor): void {
  cursor.depth--
  cursor.at++
}

/** After an item: true on the next one, false after the end of the object or array, or a refusal. */
function nextItem(cursor: JsonCursor, closeCode: number): boolean {
  skipSpace(cursor)
  const code = cursor.text.charCodeAt(cursor.at)
  if (code === 0x2c) {
    cursor.at++
    skipSpace(cursor)
    return true
  }
  if (code === closeCode) leave(cursor)
  else refuse(cursor, 'body_malformed', 'not JSON')
  return false
}

/** Most objects have so few keys that a Set would cost more. */
interface SeenKeys {
  few: string[]
  many: Set<string> | null
}

/** Says of each key whether it came before. */
function isRepeated(keys: SeenKeys, key: string): boolean {
  const { few, many } = keys
  if (many !== null) return many.size === many.add(key).size
  if (few.includes(key)) return true
  few.push(key)
  if (few.length > 8) keys.many = new Set(few)
  return false
}

function skipSpace(cursor: JsonCursor): void {
  const { text } = cursor
  for (;;) {
    const code = text.charCodeAt(cursor.at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    cursor.at++
  }
}

/** Goes past a string and answers whether it has escapes. Past the end, char codes are NaN and compare false. */
function scanString(cursor: JsonCursor): boolean {
  const { text } = cursor
  if (text.charCodeAt(cursor.at) !== 0x22) {
    refuse(cursor, 'body_malformed', 'not JSON')
    return false
  }
  let hasEscapes = false
  let at = cursor.at + 1
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === 0x22) break
    if (code === 0x5c) {
      const length = escapeLength(text, at)
      if (length === 0) {
        refuse(cursor, 'body_malformed', 'bad escape')
        return false
      }
      hasEscapes = true
      at += length
    } else if (code >= 0x20) at++
    else {
      refuse(cursor, 'body_malformed', 'not JSON')
      return false
    }
  }
  cursor.at = at + 1
  return hasEscapes
}

function scanNumber(cursor: JsonCursor): void {
  const end = numberEnd(cursor.text, cursor.at)
  if (end < 0) return refuse(cursor, 'body_malformed', 'not JSON')
  // Beyond a double, parsers answer infinity, an exact integer or an error; 9e999 is the shortest of these.
  if (end - cursor.at > 4 && !Number.isFinite(Number(cursor.text.slice(cursor.at, end))))
    return refuse(cursor, 'body_malformed', 'number out of range')
  cursor.at = end
}

function scanLiteral(cursor: JsonCursor): void {
  for (const literal of ['true', 'false', 'null']) {
    if (!cursor.text.startsWith(literal, cursor.at)) continue
    cursor.at += literal.length
    return
  }
  refuse(cursor, 'body_malformed', 'not JSON')
}
