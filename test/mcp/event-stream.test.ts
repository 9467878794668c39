import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEventFilter, readEvent, withData } from '../../src/mcp/event-stream.ts'

/** The events that a filter was shown, and what went through, for text in these pieces. */
function run(
  pieces: readonly Buffer[],
  judge: (event: Buffer) => Buffer | null = () => null,
  limit?: number,
) {
  const seen: string[] = []
  const filter = createEventFilter((event) => {
    seen.push(event.toString())
    return judge(event)
  }, limit)
  const passed = pieces.map((piece) => filter.push(piece))
  return {
    seen,
    passed,
    whole: Buffer.concat([...passed.map((part) => part ?? Buffer.alloc(0)), filter.rest()]),
  }
}

function cut(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const places = [0, ...at.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((to, index) => bytes.subarray(places[index], to))
}

/** How a client splits a stream into events (HTML, 9.2.6), written without the product's code. */
function clientEvents(text: string): { type: string; data: string }[] {
  const events: { type: string; data: string }[] = []
  let type = ''
  let data = ''
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === '') {
      if (data !== '') events.push({ type: type === '' ? 'message' : type, data: data.slice(0, -1) })
      type = ''
      data = ''
      continue
    }
    const [name = '', ...rest] = line.split(':')
    const value = rest.join(':').replace(/^ /, '')
    if (line.startsWith(':')) continue
    if (name === 'event') type = value
    if (name === 'data') data += `${value}\n`
  }
  return events
}

const line = fc.constantFrom(
  'data: {"a":1}',
  'data:x',
  'data',
  'event: endpoint',
  'event:e',
  'id: 7',
  ': hi',
  '',
  'retry: 1',
)
const stream = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 })
  .map((lines) => lines.map(([text, end]) => text + end).join(''))

describe('a stream of events', () => {
  it('goes through to the byte, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200), { maxLength: 6 }), (text, at) => {
        expect(run(cut(text, at)).whole.toString()).toBe(text)
      }),
    )
  })

  it('is judged event by event, as a client will read them', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200), { maxLength: 6 }), (text, at) => {
        const judged = run(cut(text, at)).seen.flatMap((event) => {
          const { type, data } = readEvent(Buffer.from(event))
          return data === null ? [] : [{ type, data }]
        })
        expect(judged.filter(({ data }) => data !== '')).toEqual(
          clientEvents(text).filter(({ data }) => data !== ''),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('lets a comment go on with its line', () => {
    expect(run([Buffer.from(': ping\n')]).passed.map(String)).toEqual([': ping\n'])
  })

  it('lets nothing of an event go on before it is judged', () => {
    const { passed, whole } = run(
      [Buffer.from('data: a'), Buffer.from('b\n'), Buffer.from('\ndata: c\n\n')],
      (event) => (event.includes('ab') ? Buffer.from('data: other\n\n') : null),
    )
    expect(passed.slice(0, 2).map(String)).toEqual(['', ''])
    expect(whole.toString()).toBe('data: other\n\ndata: c\n\n')
  })

  it('ends at an event that is too long, however it comes', () => {
    expect(run([Buffer.from(`data: ${'x'.repeat(200)}`)], undefined, 100).passed).toEqual([null])
    const drops = Array.from({ length: 200 }, () => Buffer.from('x'))
    const { passed } = run(drops, undefined, 100)
    expect(passed.at(99)).not.toBeNull()
    expect(passed.at(100)).toBeNull()
    expect(passed.at(-1)).toBeNull()
  })

  it('keeps the other fields where data is replaced', () => {
    expect(withData(Buffer.from('id: 1\nevent: endpoint\r\ndata: a\ndata: b\n\n'), 'c').toString()).toBe(
      'id: 1\nevent: endpoint\ndata: c\n\n',
    )
  })
})
