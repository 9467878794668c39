import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errorText, readMessages } from '../../connect/src/protocol/message.ts'
import { encodeMirror, mirroredParams, paramHeaders } from '../../connect/src/protocol/param-headers.ts'
import { decodeMirror } from '../../src/mcp/header-agreement.ts'

describe('messages', () => {
  test.each([
    ['not JSON', '{', -32700],
    ['a number', '1', -32600],
    ['no version', '{"id":1,"method":"a"}', -32600],
    ['an id that is none', '{"jsonrpc":"2.0","id":{},"method":"a"}', -32600],
    ['neither result nor error', '{"jsonrpc":"2.0","id":1}', -32600],
    ['an empty batch', '[]', -32600],
    ['a batch with something else in it', '[{"jsonrpc":"2.0","method":"a"},1]', -32600],
  ])('%s is none', (_what, text, code) => {
    expect(readMessages(text)).toBe(code)
  })

  test('an error answers to the very id that was asked with', () => {
    for (const id of ['1', '"a\\"b"', '9007199254740993', '-9007199254740993']) {
      const reading = readMessages(`{"jsonrpc":"2.0","id":${id},"method":"a"}`)
      if (typeof reading === 'number') throw new Error('not read')
      expect(errorText(reading.messages[0]?.id ?? null, 1, 'no')).toContain(`"id":${id},`)
    }
  })

  test('whatever JSON is read, the text that goes on is one line and means the same', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('\n', '\r\n', ' \n\n '), (params, gap) => {
        const text = `{"jsonrpc":"2.0",${gap}"method":"a","params":{"p":${params}}}`
        const reading = readMessages(text)
        if (typeof reading === 'number') throw new Error('not read')
        expect(reading.text).not.toMatch(/[\r\n]/)
        expect(JSON.parse(reading.text)).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe('x-mcp-header', () => {
  const property = (schema: object) => ({ type: 'object', properties: { region: schema } })
  test.each<[string, object, string[] | null]>([
    ['a string', property({ type: 'string', 'x-mcp-header': 'Region' }), ['Region']],
    ['a nested one', property(property({ type: 'integer', 'x-mcp-header': 'R' })), ['R']],
    ['none', property({ type: 'string' }), []],
    ['a number', property({ type: 'number', 'x-mcp-header': 'R' }), null],
    ['no type', property({ 'x-mcp-header': 'R' }), null],
    ['a name that is no token', property({ type: 'string', 'x-mcp-header': 'a b' }), null],
    ['a line break in the name', property({ type: 'string', 'x-mcp-header': 'a\r\nb' }), null],
    ['under items', property({ type: 'array', items: { type: 'string', 'x-mcp-header': 'R' } }), null],
    ['under $defs', { $defs: { a: { type: 'string', 'x-mcp-header': 'R' } } }, null],
    ['at the root', { type: 'string', 'x-mcp-header': 'R' }, null],
    [
      'the same name twice',
      {
        properties: {
          a: { type: 'string', 'x-mcp-header': 'R' },
          b: { type: 'string', 'x-mcp-header': 'r' },
        },
      },
      null,
    ],
  ])('%s', (_what, schema, names) => {
    expect(mirroredParams(schema)?.map(({ name }) => name) ?? null).toEqual(names)
  })

  test('mirrors what is there and of a kind that can be, and nothing else', () => {
    const mirrored = ['s', 'n', 'b', 'o', 'nothing', 'far'].map((name) => ({ name, path: [name] }))
    const args = { s: 'x', n: 5, b: false, o: {}, nothing: null, far: 2 ** 53 }
    expect(paramHeaders(mirrored, args)).toEqual({
      'mcp-param-s': 'x',
      'mcp-param-n': '5',
      'mcp-param-b': 'false',
    })
  })

  test('every string is read back as itself by the gateway, and is fit for a header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const encoded = encodeMirror(value)
        expect(encoded).toMatch(/^[\t\x20-\x7e]+$/)
        expect(encoded).toBe(encoded.trim())
        expect(decodeMirror(encoded)).toBe(Buffer.from(value).toString())
      }),
    )
  })
})
