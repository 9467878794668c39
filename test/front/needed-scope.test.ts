import { expect, test } from 'vitest'
import { refusalAnswer } from '../../src/front/answer.ts'
import { neededScope } from '../../src/front/needed-scope.ts'
import { readCalls } from '../../src/mcp/read-calls.ts'

const headers = {
  contentType: 'application/json',
  contentEncoding: null,
  protocolVersion: null,
  mcpMethod: null,
  mcpName: null,
}

function callsIn(...calls: [method: string, params: object][]) {
  const messages = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
  const result = readCalls(
    Buffer.from(JSON.stringify(messages.length === 1 ? messages[0] : messages)),
    headers,
  )
  if (!result.ok) throw new Error(result.detail)
  return result.body
}

const style = { isMcp: true, requestId: 'r', rpcId: '1', close: false } as const
const metadata = 'https://api.example.com/.well-known/oauth-protected-resource/mcp'

test.each<[string, [string, object][], string | null]>([
  ['a tool', [['tools/call', { name: 'forecast_a' }]], 'forecast_a'],
  [
    'all of a batch, each once',
    [
      ['tools/call', { name: 'a' }],
      ['tools/call', { name: 'a' }],
      ['prompts/get', { name: 'p' }],
    ],
    'a prompt:p',
  ],
  ['a resource', [['resources/read', { uri: 'file:///a' }]], 'resource:file:///a'],
  ['a name that no scope can hold', [['tools/call', { name: 'a"b' }]], null],
  ['a name with a space', [['tools/call', { name: 'a b' }]], null],
  ['a name that would grant others', [['tools/call', { name: 'a*' }]], null],
  ['what no scope opens', [['vendor/do', {}]], null],
])('the challenge to a JWT says what it needs for %s', (_, calls, scope) => {
  expect(neededScope(callsIn(...calls))).toBe(scope)
})

test('a JWT gets the 403 with its scopes, a key the neutral error, and neither is told more (RFC 6750, 3.1)', () => {
  const scope = 'forecast_a prompt:p'
  const jwt = refusalAnswer('tool_not_granted', {
    ...style,
    credentialKind: 'jwt',
    scope,
    resourceMetadata: metadata,
  })
  expect(jwt.status).toBe(403)
  expect(jwt.headers.join('\n')).toContain(
    `www-authenticate\nBearer realm="postern", error="insufficient_scope", scope="forecast_a prompt:p", resource_metadata="${metadata}"`,
  )
  const key = refusalAnswer('tool_not_granted', { ...style, credentialKind: 'service-key', scope: null })
  expect(key.status).toBe(200)
  expect(key.headers).not.toContain('www-authenticate')
  expect(JSON.parse(key.body)).toMatchObject({
    id: 1,
    error: { code: 40301, message: 'This is not available.' },
  })
})
