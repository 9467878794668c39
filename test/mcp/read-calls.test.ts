import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { batchLimit, readCalls, refuseMediaType, type McpHeaders } from '../../src/mcp/read-calls.ts'
import { depthLimit } from '../../src/mcp/strict-json.ts'

interface Vector {
  why: string
  headers?: Partial<McpHeaders>
  body?: string
  bodyBase64?: string
  expected: { ok: boolean; reason?: string; id?: string | null; detail?: string; messages?: unknown[] }
}

const plainHeaders: McpHeaders = {
  contentType: 'application/json',
  contentEncoding: null,
  protocolVersion: null,
  mcpMethod: null,
  mcpName: null,
}

const vectorsUrl = new URL('../../vectors/mcp-bodies.json', import.meta.url)
const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(vectorsUrl, 'utf8'))

function bytesOf({ body, bodyBase64 }: Vector): Buffer {
  return bodyBase64 === undefined ? Buffer.from(body ?? '', 'utf8') : Buffer.from(bodyBase64, 'base64')
}

describe('every vector of vectors/mcp-bodies.json is read as it says (T8, T9, T10)', () => {
  it.each(vectors.map((vector) => [vector.why, vector] as const))('%s', (_why, vector) => {
    const result = readCalls(bytesOf(vector), { ...plainHeaders, ...vector.headers })
    const shown = result.ok ? { ok: true, ...result.body } : result
    if (vector.expected.ok) expect(shown).toEqual(vector.expected)
    else expect(shown).toMatchObject(vector.expected)
  })
})

const call = (inner: string) =>
  Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${inner}}}`)
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const batch = (count: number) =>
  Buffer.from(
    JSON.stringify(Array.from({ length: count }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' }))),
  )

describe('depth and number have limits (T11)', () => {
  it('a body nested exactly to the limit is read, one level more is refused', () => {
    expect(readCalls(call(nested(depthLimit - 2)), plainHeaders)).toMatchObject({ ok: true })
    expect(readCalls(call(nested(depthLimit - 1)), plainHeaders)).toMatchObject({
      ok: false,
      reason: 'body_malformed',
      detail: 'nested too deep',
    })
  })

  it('a body of a million opening brackets is refused and not recursed into', () => {
    expect(readCalls(Buffer.from('['.repeat(1_000_000)), plainHeaders)).toMatchObject({
      reason: 'body_malformed',
    })
  })

  it('many siblings are not taken for depth', () => {
    expect(readCalls(call(`[${'{"a":[]},'.repeat(1000)}[]]`), plainHeaders)).toMatchObject({ ok: true })
  })

  it('a batch at the limit is read, one element more is refused', () => {
    const full = readCalls(batch(batchLimit), plainHeaders)
    expect(full.ok && full.body.messages.length).toBe(batchLimit)
    expect(readCalls(batch(batchLimit + 1), plainHeaders)).toMatchObject({ reason: 'batch_refused' })
  })
})

it('the detail of a refusal never holds any of the body or headers', () => {
  const details = new Set<string>()
  for (const vector of vectors) {
    const result = readCalls(bytesOf(vector), { ...plainHeaders, ...vector.headers })
    if (!result.ok) details.add(result.detail)
  }
  for (const detail of details) expect(detail).toMatch(/^[A-Za-z0-9 ,.-]{4,50}$/)
  expect(details.size).toBeLessThan(40)
})

it('a media type or encoding is judged from the headers alone (T10)', () => {
  expect(refuseMediaType(plainHeaders)).toBeNull()
  expect(refuseMediaType({ ...plainHeaders, contentType: null })).toBe('media_type_refused')
  expect(refuseMediaType({ ...plainHeaders, contentEncoding: 'gzip' })).toBe('encoding_refused')
})

it('a view into a larger buffer is read within its bounds', () => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  const large = Buffer.from(`xx${body}yy`)
  expect(readCalls(large.subarray(2, 2 + body.length), plainHeaders)).toMatchObject({ ok: true })
})
