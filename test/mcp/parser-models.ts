/** What a JSON-RPC backend would run: its method, and the tool of a `tools/call`; null where there is none. */
export interface Run {
  method: string | null
  tool: string | null
}

/** A way in which JSON parsers differ. */
export interface ParserModel {
  name: string
  /** What a key is to this parser: keys with the same name are one field. */
  nameOf: (key: string) => string
  /** What a string is to this parser. */
  valueOf: (text: string) => string
  keeps: 'first' | 'last'
}

type Value = string | number | boolean | null | Value[] | Members
/** The members of an object as they stand in the text, doubles and all. */
interface Members {
  members: [string, Value][]
}

const same = (text: string) => text
const foldCase = (key: string) => key.toUpperCase().toLowerCase()
const cutAtNul = (text: string) => text.split('\0', 1)[0] ?? ''
const dropNul = (text: string) => text.replaceAll('\0', '')
const normalize = (key: string) => key.normalize('NFKC')
const all = (key: string) => foldCase(normalize(cutAtNul(key)).trim())

const readings = [
  { name: 'takes keys as they are (JavaScript, Python)', nameOf: same, valueOf: same },
  { name: 'ignores case, as Go does, ſ and K included', nameOf: foldCase, valueOf: same },
  { name: 'ends strings at a NUL, as C does', nameOf: cutAtNul, valueOf: cutAtNul },
  { name: 'leaves NULs out', nameOf: dropNul, valueOf: dropNul },
  { name: 'trims keys', nameOf: (key: string) => key.trim(), valueOf: same },
  { name: 'normalises keys (NFKC)', nameOf: normalize, valueOf: same },
  { name: 'does all of this to keys', nameOf: all, valueOf: cutAtNul },
]

/** Every reading of keys, once with the first of two members counting and once with the last. */
export const parserModels: readonly ParserModel[] = readings.flatMap((reading) =>
  (['first', 'last'] as const).map((keeps) => ({
    ...reading,
    name: `${reading.name} and keeps the ${keeps}`,
    keeps,
  })),
)

/** What a backend on this parser runs for a body: one entry for each message. Throws where it is no JSON. */
export function runsOf(model: ParserModel, bytes: Uint8Array): Run[] {
  const body = readTolerantly(new TextDecoder().decode(bytes))
  const messages = Array.isArray(body) ? body : [body]
  return messages.map((message) => {
    const method = textOf(model, memberOf(model, message, 'method'))
    const name = memberOf(model, memberOf(model, message, 'params'), 'name')
    return { method, tool: method === 'tools/call' ? textOf(model, name) : null }
  })
}

function memberOf({ nameOf, keeps }: ParserModel, value: Value | undefined, name: string): Value | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const found = value.members.filter(([key]) => nameOf(key) === nameOf(name))
  return found.at(keeps === 'first' ? 0 : -1)?.[1]
}

function textOf({ valueOf }: ParserModel, value: Value | undefined): string | null {
  return typeof value === 'string' ? valueOf(value) : null
}

/**
 * Written without any of the product's code, and laxer: it takes a byte order mark (the decoder drops it),
 * trailing commas and bytes, raw control characters, any number and half surrogates.
 */
function readTolerantly(text: string): Value {
  let at = 0

  function token(pattern: RegExp): string | null {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? null
    at += found?.length ?? 0
    return found
  }
  function skip(code: string): boolean {
    token(space)
    if (text[at] !== code) return false
    at++
    return true
  }
  function string(): string {
    token(space)
    const found = token(stringToken)
    if (found === null) throw new SyntaxError(`no string at ${at}`)
    return found.slice(1, -1).replace(escape, (_all, hex: string | undefined, letter: string) => {
      return hex === undefined ? (letters[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16))
    })
  }
  function value(): Value {
    if (skip('{')) {
      const members: [string, Value][] = []
      while (!skip('}')) {
        const key = string()
        if (!skip(':')) throw new SyntaxError(`no colon at ${at}`)
        members.push([key, value()])
        skip(',')
      }
      return { members }
    }
    if (skip('[')) {
      const elements: Value[] = []
      while (!skip(']')) {
        elements.push(value())
        skip(',')
      }
      return elements
    }
    if (text[at] === '"') return string()
    const word = token(bareWord)
    if (word === null) throw new SyntaxError(`no value at ${at}`)
    return words.has(word) ? (words.get(word) ?? null) : Number(word)
  }
  return value()
}

const space = /[ \t\r\n]*/y
const stringToken = /"(?:[^"\\]|\\[^])*"/y
const escape = /\\(?:u([0-9a-fA-F]{4})|([^]))/g
const letters: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const bareWord = /[-+.\w]+/y
const words = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
])
