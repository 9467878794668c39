import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { decideTool } from '../../src/domain/grant.ts'
import { filterLists, type ListRules } from '../../src/mcp/list-cuts.ts'
import { createListFilter, type AnswerHead } from '../../src/mcp/list-filter.ts'

interface Vector {
  why: string
  isModern?: boolean
  body: string
  after?: string | null
  fault?: string
}
const { replies } = JSON.parse(
  readFileSync(new URL('../../vectors/list-filter.json', import.meta.url), 'utf8'),
) as { replies: Vector[] }

const grants = { tools: ['a*', 'resource:file:///a*', 'prompt:a*', 'task:a*'] }
const rules: ListRules = {
  mayAsk: (asked) => decideTool(grants, null, false, asked) === 'allowed',
  isModern: false,
}
const json: AnswerHead = {
  status: 200,
  contentType: 'Application/JSON; charset=utf-8',
  contentEncoding: null,
}
const events: AnswerHead = { status: 200, contentType: 'text/event-stream', contentEncoding: null }

test.each(replies)('vectors/list-filter.json: $why', ({ body, isModern = false, after = null, fault }) => {
  const filtered = filterLists(Buffer.from(body), { ...rules, isModern })
  if (fault !== undefined) expect(filtered).toEqual({ kind: 'invalid', detail: fault })
  else if (after === null) expect(filtered).toEqual({ kind: 'same' })
  else expect(filtered.kind === 'changed' && filtered.bytes.toString()).toBe(after)
})

/** What comes out when an answer comes in these pieces. */
function through(head: AnswerHead, chunks: readonly Buffer[], limitBytes?: number) {
  const filter = createListFilter(head, rules, limitBytes)
  const out: Buffer[] = []
  for (const piece of [...chunks, null]) {
    const { bytes, fault } = piece === null ? filter.end() : filter.push(piece)
    out.push(bytes)
    if (fault !== null) return { text: Buffer.concat(out).toString(), fault }
  }
  return { text: Buffer.concat(out).toString(), fault: null }
}

const cutInto = (bytes: Buffer, places: readonly number[]) => {
  const at = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].toSorted(
    (a, b) => a - b,
  )
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

describe('a filtered list', () => {
  it('has no part of an event that the server never ended: nobody judged it', () => {
    const head = { status: 200, contentType: 'text/event-stream', contentEncoding: null }
    const reply = 'data: {"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"b"}]}}\n'
    expect(through(head, [Buffer.from(`: hi\n\n${reply}`)])).toEqual({ text: ': hi\n\n', fault: null })
  })

  const name = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', 'ä', '💡', ' '), maxLength: 5 })
  const tool = fc.record({ name, description: fc.string({ unit: 'grapheme' }), inputSchema: fc.jsonValue() })
  const list = fc.uniqueArray(tool, { selector: (each) => each.name, maxLength: 8 })

  it('is what filtering the parsed reply gives, in its order and whatever the white space', () => {
    fc.assert(
      fc.property(list, fc.constantFrom(0, 1, '\t'), fc.option(fc.string()), (tools, indent, nextCursor) => {
        const reply = {
          jsonrpc: '2.0',
          id: 1,
          result: { tools, ...(nextCursor === null ? {} : { nextCursor }) },
        }
        const bytes = Buffer.from(JSON.stringify(reply, null, indent))
        const filtered = filterLists(bytes, rules)
        expect(filtered.kind).not.toBe('invalid')
        const after = filtered.kind === 'changed' ? filtered.bytes : bytes
        const kept = tools.filter((each) => each.name.startsWith('a'))
        expect(JSON.parse(after.toString())).toEqual(
          JSON.parse(JSON.stringify({ ...reply, result: { ...reply.result, tools: kept } })),
        )
        // What stays is a part of what came, byte for byte.
        for (const each of kept)
          if (indent === 0) expect(after.includes(Buffer.from(JSON.stringify(each)))).toBe(true)
      }),
    )
  })

  it('holds nothing that may not be called, whatever a server sends', () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({
        unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', 'tools', 'name', 'result', 'b', 'a'),
      }),
      fc
        .array(fc.constantFrom('{"result":', '{"tools":', '[', '{"name":"b"}', '{"name":"a"}', ']', '}', ','))
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (body) => {
        const bytes = Buffer.from(body)
        const filtered = filterLists(bytes, rules)
        if (filtered.kind === 'invalid') return
        const after: unknown = JSON.parse((filtered.kind === 'changed' ? filtered.bytes : bytes).toString())
        const messages: unknown[] = Array.isArray(after) ? after : [after]
        for (const message of messages) {
          const { tools = [] } = (message as { result?: { tools?: { name: string }[] } }).result ?? {}
          for (const each of tools) expect(each.name).toMatch(/^a/)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('comes out the same in whatever pieces it comes in, as JSON and as events', () => {
    const whole =
      '{"id":1,"result":{"tools":[{"name":"b","title":"ä€"},{"name":"a","title":"ä€"}],"nextCursor":"x"}}'
    const after = '{"id":1,"result":{"tools":[{"name":"a","title":"ä€"}],"nextCursor":"x"}}'
    const stream = `: hello\nid: 7\ndata:\n\nevent: message\r\ndata: ${whole}\r\n\r\ndata: {"method":"x"}\n\n`
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 12 }), (places) => {
        expect(through(json, cutInto(Buffer.from(whole), places))).toEqual({ text: after, fault: null })
        const passed = through(events, cutInto(Buffer.from(stream), places))
        expect(passed.fault).toBeNull()
        expect(passed.text).toBe(
          `: hello\nid: 7\ndata:\n\nevent: message\ndata: ${after}\n\ndata: {"method":"x"}\n\n`,
        )
      }),
    )
  })
})

describe('a server that lies', () => {
  const danger = Buffer.from('{"id":1,"result":{"tools":[{"name":"b"}]}}')

  test.each<[string, AnswerHead, Buffer, string]>([
    ['another media type', { ...json, contentType: 'text/plain' }, danger, 'media type'],
    ['no media type', { ...json, contentType: null }, danger, 'media type'],
    ['a compressed answer', { ...json, contentEncoding: 'gzip' }, danger, 'media type'],
    ['bad JSON', json, Buffer.from('{'), 'not JSON'],
    ['invalid UTF-8', json, Buffer.from([0x22, 0xff, 0x22]), 'invalid UTF-8'],
    ['more than can be held', json, Buffer.alloc(2000, ' '), 'too long'],
    ['a line without an end', events, Buffer.alloc(2000, 'x'), 'too long'],
    ['events that are no JSON', events, Buffer.from('data: {\n\n'), 'not JSON'],
  ])('by %s gets nothing through', (_, head, body, fault) => {
    expect(through(head, [body], 1000)).toEqual({ text: '', fault })
  })

  it('in the second event gets the first one through, and nothing after it', () => {
    const stream = 'data: {"id":1,"result":{"tools":[]}}\n\ndata: {\n\ndata: {"id":2,"result":{}}\n\n'
    expect(through(events, [Buffer.from(stream)])).toEqual({
      text: 'data: {"id":1,"result":{"tools":[]}}\n\n',
      fault: 'not JSON',
    })
  })

  it('that fails may say so in any form', () => {
    const head = { status: 500, contentType: 'text/html', contentEncoding: null }
    expect(through(head, [Buffer.from('<p>no')])).toEqual({ text: '<p>no', fault: null })
    expect(through({ ...head, status: 202, contentType: null }, [])).toEqual({ text: '', fault: null })
  })
})
