import { expect, test } from 'vitest'
import { decideTool } from '../../src/domain/grant.ts'
import { filterAnswer } from '../../src/next/filtered-answer.ts'
import type { Passage } from '../../src/next/gate.ts'

const rules = {
  mayAsk: (asked: { method: string; target: string }) =>
    decideTool({ tools: ['a*'] }, null, false, asked) === 'allowed',
  isModern: false,
}
const passage = {
  arrival: { requestId: 'r' },
  route: { mcp: true },
  allowed: null,
  calls: null,
  rpcId: '1',
  resourceMetadata: null,
  issuer: null,
  limit: null,
} as unknown as Passage

const before = '{"id":1,"result":{"tools":[{"name":"b"},{"name":"a"}]}}'
const after = '{"id":1,"result":{"tools":[{"name":"a"}]}}'

function answering(body: string | null, type: string, headers: Record<string, string> = {}) {
  return filterAnswer(new Response(body, { headers: { 'content-type': type, ...headers } }), rules, passage)
}

test("a handler's list loses what its caller may not call, with the headers that spoke of it whole", async () => {
  const { answer, reason } = await answering(before, 'application/json', {
    etag: '"x"',
    'content-length': '55',
    'x-own': 'y',
  })
  expect(await answer.text()).toBe(after)
  expect(reason()).toBeNull()
  expect([
    answer.headers.get('etag'),
    answer.headers.get('content-length'),
    answer.headers.get('x-own'),
  ]).toEqual([null, null, 'y'])
})

test("a handler's stream is filtered event by event", async () => {
  const { answer, reason } = await answering(
    `data: ${before}\n\ndata: {"method":"x"}\n\n`,
    'text/event-stream',
  )
  expect(await answer.text()).toBe(`data: ${after}\n\ndata: {"method":"x"}\n\n`)
  expect(reason()).toBeNull()
})

test('what no client could read for certain is an error, in JSON and in events', async () => {
  const plain = await answering('{', 'application/json')
  expect(plain.answer.status).toBe(502)
  expect(plain.reason()).toBe('upstream_invalid')
  const stream = await answering(
    'data: {\n\ndata: {"result":{"tools":[{"name":"b"}]}}\n\n',
    'text/event-stream',
  )
  const text = await stream.answer.text()
  expect(JSON.parse(text.slice(text.indexOf('data: ') + 6))).toMatchObject({ id: 1, error: { code: 50200 } })
  expect(text).not.toContain('"b"')
  expect(stream.reason()).toBe('upstream_invalid')
})

test('an answer without a body stays as it is', async () => {
  const { answer } = await filterAnswer(new Response(null, { status: 202 }), rules, passage)
  expect([answer.status, answer.body]).toEqual([202, null])
})
