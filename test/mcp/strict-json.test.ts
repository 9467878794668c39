import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
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
  type JsonRefusal,
} from '../../src/mcp/strict-json.ts'

/** The value as the public readers give it: keys and strings unescaped, numbers from their exact text. */
function build(cursor: JsonCursor): unknown {
  switch (kindAt(cursor)) {
    case 'object': {
      const entries: [string, unknown][] = []
      readObject(cursor, (key) => entries.push([key, build(cursor)]))
      return Object.fromEntries(entries)
    }
    case 'array': {
      const elements: unknown[] = []
      readArray(cursor, () => elements.push(build(cursor)))
      return elements
    }
    case 'string':
      return readString(cursor)
    case 'number':
      return Number(readRaw(cursor))
    case 'literal':
    case 'nothing':
      break
  }
  return { true: true, false: false, null: null }[readRaw(cursor)]
}

function read(bytes: Uint8Array): { value: unknown } | JsonRefusal {
  const cursor = openJson(bytes)
  const value = build(cursor)
  return closeJson(cursor) ?? { value }
}

function check(bytes: Uint8Array): JsonRefusal | null {
  const cursor = openJson(bytes)
  skipValue(cursor)
  return closeJson(cursor)
}

const corpus = fileURLToPath(new URL('../../../shared/corpora/json-parsing/', import.meta.url))
const isPresent = existsSync(corpus)

/** `y_` files that are refused on purpose: RFC 8259 allows them, but backends read them differently. */
const refusedOnPurpose = new Map([
  ['y_object_duplicated_key.json', 'duplicate keys: some keep the first, some the last'],
  ['y_object_duplicated_key_and_value.json', 'duplicate keys, even with the same value'],
])

const suite = isPresent ? 'JSONTestSuite' : 'JSONTestSuite (skipped: ../shared/corpora is not here)'
describe.skipIf(!isPresent)(suite, () => {
  const names = isPresent ? readdirSync(corpus).filter((name) => name.endsWith('.json')) : []
  const files = names.map((name) => [name, readFileSync(join(corpus, name))] as const)

  it('the corpus is whole', () => {
    const counts = ['y_', 'n_', 'i_'].map((kind) => names.filter((name) => name.startsWith(kind)).length)
    expect(counts).toEqual([95, 188, 35])
  })

  it.each(files)('%s', (name, bytes) => {
    const result = read(bytes)
    const isAccepted = 'value' in result
    expect(check(bytes) === null).toBe(isAccepted)
    if (refusedOnPurpose.has(name)) expect(result).toMatchObject({ reason: 'body_ambiguous' })
    else if (name.startsWith('y_')) expect(isAccepted).toBe(true)
    else if (name.startsWith('n_')) expect(result).toMatchObject({ reason: 'body_malformed' })
    if (isAccepted) expect(result.value).toEqual(JSON.parse(bytes.toString('utf8')))
  })

  it('of the files that parsers may treat either way, only finite numbers are accepted', () => {
    const accepted = files.filter(([name, bytes]) => name.startsWith('i_') && check(bytes) === null)
    expect(accepted.map(([name]) => name)).toEqual([
      'i_number_double_huge_neg_exp.json',
      'i_number_real_underflow.json',
      'i_number_too_big_neg_int.json',
      'i_number_too_big_pos_int.json',
      'i_number_very_big_negative_int.json',
    ])
  })
})

const jsonText = fc.oneof(fc.json({ maxDepth: 6 }), fc.json({ maxDepth: 6, stringUnit: 'binary' }))

describe('differential against JSON.parse (T8)', () => {
  it('whatever is accepted means the same, and its own output is accepted', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const result = read(Buffer.from(text, 'utf8'))
        if ('value' in result) expect(result.value).toEqual(JSON.parse(text))
        else expect(result.reason === 'body_ambiguous' || /\\u[dD][89a-fA-F]/.test(text)).toBe(true)
      }),
    )
  })

  it('mutated bytes are refused, or mean the same to JSON.parse', () => {
    const mutation = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) })
    const fragment = fc.constantFrom(
      '"',
      '\\',
      '\\u0000',
      '\\ud800',
      ',',
      ':',
      '{',
      '}',
      '[',
      ']',
      '0',
      '-',
      'e',
      '.',
      ' ',
      '\u00a0',
      '\ufeff',
      '"a":1,',
    )
    const insertion = fc.record({
      at: fc.nat(),
      remove: fc.nat(2),
      insert: fragment.map((text) => new Uint8Array(Buffer.from(text))),
    })
    fc.assert(
      fc.property(
        jsonText,
        fc.array(fc.oneof(mutation, insertion), { minLength: 1, maxLength: 3 }),
        (text, edits) => {
          let bytes = Buffer.from(text, 'utf8')
          for (const { at, remove, insert } of edits) {
            const from = at % (bytes.length + 1)
            bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)])
          }
          const result = read(bytes)
          expect(check(bytes) === null).toBe('value' in result)
          if ('value' in result)
            expect(result.value).toEqual(
              JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)),
            )
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('arbitrary bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void check(bytes)),
      { numRuns: 1000 },
    )
  })
})

/** The key as a JSON string in which every UTF-16 unit is escaped. */
const escaped = (key: string) =>
  `"${[...Array(key.length).keys()].map((at) => `\\u${key.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`

describe('duplicate keys (T8)', () => {
  const anyKey = fc.string({ unit: 'binary', maxLength: 8 })
  it('are refused at any depth, among any number of keys, however they are escaped', () => {
    const around = fc.array(fc.constantFrom('array', 'object'), { maxLength: 40 })
    fc.assert(
      fc.property(
        anyKey,
        fc.uniqueArray(anyKey, { maxLength: 30 }),
        fc.nat(),
        fc.boolean(),
        around,
        (key, others, at, isEscaped, wraps) => {
          const keys = others.filter((other) => other !== key).map((other) => JSON.stringify(other))
          const place = at % (keys.length + 1)
          const members = [...keys.slice(0, place), JSON.stringify(key), ...keys.slice(place)]
          const wrapped = (inner: string) =>
            wraps.reduce((text, wrap) => (wrap === 'array' ? `[0,${text}]` : `{"a":${text},"b":1}`), inner)
          const once = wrapped(`{${members.map((member) => `${member}:0`).join(',')}}`)
          const repeated = isEscaped ? escaped(key) : JSON.stringify(key)
          const twice = wrapped(`{${[...members, repeated].map((member) => `${member}:0`).join(',')}}`)
          expect(check(Buffer.from(once))).toBeNull()
          expect(check(Buffer.from(twice))).toEqual({ reason: 'body_ambiguous', detail: 'duplicate key' })
        },
      ),
    )
  })

  it('the same key in different objects is no duplicate', () => {
    expect(check(Buffer.from('{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}}'))).toBeNull()
  })
})
