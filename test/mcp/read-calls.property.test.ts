import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCalls, type McpHeaders } from '../../src/mcp/read-calls.ts'

const headers: McpHeaders = {
  contentType: 'application/json',
  contentEncoding: null,
  protocolVersion: null,
  mcpMethod: null,
  mcpName: null,
}
const claimKey = 'io.modelcontextprotocol/protocolVersion'

const toolName = fc.string({ unit: 'binary', maxLength: 20 }).filter((name) => !/\p{Cc}/u.test(name))
const id = fc.oneof(fc.integer(), fc.string())
const callBody = fc
  .record({ id, name: toolName, arguments: fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue()) })
  .map(({ id, ...params }) => ({ jsonrpc: '2.0', id, method: 'tools/call', params }))

interface AnyMessage {
  method?: unknown
  params?: { name?: unknown }
}

/** What a backend that uses JSON.parse would run: the tool of each message, undefined where it is no tool call. */
function toolsOf(text: string): unknown[] {
  const body: AnyMessage | AnyMessage[] = JSON.parse(text)
  const messages = Array.isArray(body) ? body : [body]
  return messages.map(({ method, params }) => (method === 'tools/call' ? params?.name : undefined))
}

function expectAgreement(bytes: Buffer): boolean {
  const result = readCalls(bytes, headers)
  if (!result.ok) return false
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  expect(result.body.messages.map(({ tool }) => tool ?? undefined)).toEqual(toolsOf(text))
  return true
}

describe('the tool that is authorised is the tool that a backend runs (T8)', () => {
  it('for every sound call, which is always accepted', () => {
    fc.assert(
      fc.property(callBody, fc.constantFrom(undefined, 2), (body, indent) => {
        expect(expectAgreement(Buffer.from(JSON.stringify(body, null, indent)))).toBe(true)
      }),
    )
  })

  it('for every sound batch', () => {
    fc.assert(
      fc.property(fc.array(callBody, { minLength: 1, maxLength: 5 }), (batch) => {
        expect(expectAgreement(Buffer.from(JSON.stringify(batch)))).toBe(true)
      }),
    )
  })

  it('for every body with bytes changed that is still accepted', () => {
    const fragments = [
      '"',
      '\\',
      '\\u0000',
      ',',
      '{',
      '}',
      '[',
      ']',
      '"name":"x",',
      '"params":{"name":"x"},',
      '"method":"ping",',
      '"Name":"x",',
      'null',
      '1',
      '\ufeff',
      ' ',
    ]
    const insert = fc.oneof(
      fc.constantFrom(...fragments).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
    )
    const edits = fc.array(fc.record({ at: fc.nat(), remove: fc.nat(3), insert }), {
      minLength: 1,
      maxLength: 2,
    })
    fc.assert(
      fc.property(callBody, edits, (body, changes) => {
        let bytes = Buffer.from(JSON.stringify(body))
        for (const { at, remove, insert } of changes) {
          const from = at % (bytes.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)])
        }
        expectAgreement(bytes)
      }),
      { numRuns: 3000 },
    )
  })

  it('for any JSON at all, and never with an exception', () => {
    fc.assert(fc.property(fc.json(), (text) => void expectAgreement(Buffer.from(text))))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void readCalls(bytes, headers)))
  })
})

it('an id comes back as its exact text, in answers and refusals alike', () => {
  const rawId = fc.oneof(
    fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  )
  fc.assert(
    fc.property(rawId, (raw) => {
      const call = (params: string) =>
        readCalls(
          Buffer.from(`{"jsonrpc":"2.0","id":${raw},"method":"tools/call","params":${params}}`),
          headers,
        )
      const accepted = call('{"name":"t"}')
      expect(accepted.ok && accepted.body.messages[0]?.id).toBe(raw)
      expect(call('{"Name":"t"}')).toMatchObject({ ok: false, id: raw })
    }),
  )
})

describe('an envelope key in any disguise is refused (T8)', () => {
  const disguises: [string, (key: string, at: number) => string][] = [
    ['one letter in the other case', (key, at) => swapped(key, at)],
    ['all in upper case', (key) => key.toUpperCase()],
    [
      'full-width letters',
      (key) => key.replace(/[a-z]/gi, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
    ],
    ['a NUL somewhere', (key, at) => `${key.slice(0, at)}\0${key.slice(at)}`],
    ['a NUL and text behind', (key) => `${key}\0anything`],
    ['white space around', (key) => ` ${key}\t`],
    ['a soft hyphen somewhere', (key, at) => `${key.slice(0, at)}\u00ad${key.slice(at)}`],
    ['a combining mark somewhere', (key, at) => `${key.slice(0, at + 1)}\u0301${key.slice(at + 1)}`],
  ]
  const places: [string, string[], (member: string) => string][] = [
    [
      'message',
      ['jsonrpc', 'id', 'method', 'params'],
      (member) => `{"jsonrpc":"2.0","id":1,${member},"method":"tools/call","params":{"name":"t"}}`,
    ],
    [
      'params',
      ['name', 'uri', 'taskId', '_meta'],
      (member) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${member},"name":"t"}}`,
    ],
    [
      '_meta',
      [claimKey],
      (member) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{${member}}}}`,
    ],
  ]
  const rows = places.flatMap(([place, keys, body]) =>
    keys.flatMap((key) => disguises.map(([how, disguise]) => [place, key, how, disguise, body] as const)),
  )
  it.each(rows)('in %s: %s with %s', (_place, key, _how, disguise, body) => {
    for (let at = 0; at < key.length; at++) {
      const member = disguise(key, at)
      if (member === key) continue
      const result = readCalls(Buffer.from(body(`${JSON.stringify(member)}:"x"`)), headers)
      expect(result).toMatchObject({ ok: false, reason: 'body_ambiguous' })
    }
  })
})

function swapped(key: string, at: number): string {
  const letter = key.charAt(at)
  const other = letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()
  return key.slice(0, at) + other + key.slice(at + 1)
}

const modern = (name: string, mcpName: string) => {
  const meta = { [claimKey]: '2026-07-28' }
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, _meta: meta } }
  const mirrors = { protocolVersion: '2026-07-28', mcpMethod: 'tools/call', mcpName }
  return readCalls(Buffer.from(JSON.stringify(body)), { ...headers, ...mirrors })
}
const encoded = (name: string) => `=?base64?${Buffer.from(name).toString('base64')}?=`

describe('Mcp-Name (T9)', () => {
  it('is decoded before it is compared, whatever the name', () => {
    fc.assert(
      fc.property(toolName, (name) => {
        expect(modern(name, encoded(name)).ok).toBe(true)
      }),
    )
  })

  it('of any other value is a mismatch', () => {
    fc.assert(
      fc.property(toolName, fc.oneof(toolName, fc.string()), (name, other) => {
        fc.pre(name !== other)
        expect(modern(name, encoded(other))).toMatchObject({ ok: false, reason: 'header_mismatch' })
        if (other.trim() !== name) expect(modern(name, other)).toMatchObject({ reason: 'header_mismatch' })
      }),
    )
  })
})
