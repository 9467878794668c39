import { escapeLength, numberEnd } from './json-tokens.ts'
import { depthLimit, refuse, type JsonCursor } from './strict-json.ts'

/**
 * Goes past any value and checks that it is JSON, as `skipValue` does, but not its keys: for what nobody decides by.
 * It makes nothing, so that a list of 500 tools with their schemas takes half a millisecond, not one and a quarter.
 */
export function skipUnjudged(cursor: JsonCursor): void {
  const at = endOfValue(cursor.text, cursor.at, cursor.depth)
  if (at === -1) refuse(cursor, 'body_malformed', 'not JSON')
  else cursor.at = at
}

const quote = 0x22
const comma = 0x2c

/** Where the value that begins here ends; -1 where none does. */
function endOfValue(text: string, from: number, depth: number): number {
  const code = text.charCodeAt(from)
  if (code === quote) return endOfString(text, from)
  if (code === 0x7b) return endOfObject(text, from, depth + 1)
  if (code === 0x5b) return endOfArray(text, from, depth + 1)
  if (code === 0x74) return text.startsWith('true', from) ? from + 4 : -1
  if (code === 0x66) return text.startsWith('false', from) ? from + 5 : -1
  if (code === 0x6e) return text.startsWith('null', from) ? from + 4 : -1
  return numberEnd(text, from)
}

function endOfObject(text: string, from: number, depth: number): number {
  if (depth > depthLimit) return -1
  let at = pastSpace(text, from + 1)
  if (text.charCodeAt(at) === 0x7d) return at + 1
  for (;;) {
    if (text.charCodeAt(at) !== quote) return -1
    at = endOfString(text, at)
    if (at === -1) return -1
    at = pastSpace(text, at)
    if (text.charCodeAt(at) !== 0x3a) return -1
    at = endOfValue(text, pastSpace(text, at + 1), depth)
    if (at === -1) return -1
    at = pastSpace(text, at)
    const code = text.charCodeAt(at)
    if (code === 0x7d) return at + 1
    if (code !== comma) return -1
    at = pastSpace(text, at + 1)
  }
}

function endOfArray(text: string, from: number, depth: number): number {
  if (depth > depthLimit) return -1
  let at = pastSpace(text, from + 1)
  if (text.charCodeAt(at) === 0x5d) return at + 1
  for (;;) {
    at = endOfValue(text, at, depth)
    if (at === -1) return -1
    at = pastSpace(text, at)
    const code = text.charCodeAt(at)
    if (code === 0x5d) return at + 1
    if (code !== comma) return -1
    at = pastSpace(text, at + 1)
  }
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === quote) return at + 1
    if (code === 0x5c) {
      const length = escapeLength(text, at)
      if (length === 0) return -1
      at += length
    } else if (code >= 0x20) at++
    // A control character, or the end of the text, where it is NaN.
    else return -1
  }
}

function pastSpace(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code > 0x20 || (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09)) return at
    at++
  }
}
