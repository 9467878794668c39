import { describe, expect, test } from 'vitest'
import { readCalls } from '../../src/mcp/read-calls.ts'

const headers = {
  contentType: 'application/json',
  contentEncoding: null,
  protocolVersion: null,
  mcpMethod: null,
  mcpName: null,
}

function read(method: string, params: string) {
  const body = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`
  const result = readCalls(Buffer.from(body), headers)
  return result.ok ? (result.body.messages[0]?.mentions ?? null) : result.reason
}

describe('what a message is about without being aimed at it', () => {
  test.each<[string, string, unknown]>([
    ['completion/complete', '{"ref":{"type":"ref/prompt","name":"p"}}', [{ kind: 'prompt', name: 'p' }]],
    [
      'completion/complete',
      '{"ref":{"uri":"f:///{x}","type":"ref/resource"}}',
      [{ kind: 'resource', name: 'f:///{x}' }],
    ],
    ['completion/complete', '{"ref":{"type":"ref/tool","name":"t"}}', null],
    ['completion/complete', '{"ref":{"type":"ref/prompt","uri":"p"}}', null],
    ['completion/complete', '{"ref":"p"}', null],
    ['completion/complete', '{}', null],
    ['completion/complete', '{"ref":{"type":"ref/prompt","name":"p","Name":"q"}}', 'body_ambiguous'],
    ['completion/complete', '{"Ref":{"type":"ref/prompt","name":"p"}}', 'body_ambiguous'],
    ['subscriptions/listen', '{"notifications":{"toolsListChanged":true}}', []],
    [
      'subscriptions/listen',
      '{"notifications":{"resourceSubscriptions":["a","b"]}}',
      [
        { kind: 'resource', name: 'a' },
        { kind: 'resource', name: 'b' },
      ],
    ],
    ['subscriptions/listen', '{"notifications":{"resourceSubscriptions":"a"}}', null],
    ['subscriptions/listen', '{"notifications":{"resourceSubscriptions":["a",1]}}', null],
    ['subscriptions/listen', '{"notifications":[]}', null],
    ['subscriptions/listen', '{}', null],
    ['subscriptions/listen', '{"notifications":{"ResourceSubscriptions":["a"]}}', 'body_ambiguous'],
    ['tools/call', '{"name":"t","ref":{"type":"ref/prompt","name":"p"}}', null],
  ])('%s %s', (method, params, mentions) => {
    expect(read(method, params)).toEqual(mentions)
  })
})
