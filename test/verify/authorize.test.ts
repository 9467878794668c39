import { describe, expect, test } from 'vitest'
import { noGrants, type Grants } from '../../src/domain/grant.ts'
import type { Allowed, CredentialKind } from '../../src/domain/verdict.ts'
import { authorize, type AskedUse, type McpUse } from '../../src/verify/authorize.ts'

function allowedBy(grants: Grants, credentialKind: CredentialKind = 'service-key'): Allowed {
  return {
    allowed: true,
    principal: { kind: 'service', id: 'x', customer: null },
    credentialKind,
    keyId: null,
    grants,
    endsAt: null,
    recheck: () => null,
  }
}

const call = (target: string) => ({ method: 'tools/call', target })
const response = { method: null, target: null }
const mcp = (messages: McpUse['messages'], routeTools: string[] | null = null): AskedUse => ({
  clientAddress: '203.0.113.9',
  of: { routeTools, messages },
})
const http: AskedUse = { clientAddress: '203.0.113.9', of: 'http' }
const tools = { tools: ['a*'] }
const near = { addresses: ['203.0.113.0/24'] }
const far = { addresses: ['198.51.100.0/24'] }

describe('allowed', () => {
  test.each<[string, Grants, AskedUse]>([
    ['anything without limits', noGrants, mcp([call('x')])],
    ['what nobody saw, without limits', noGrants, mcp('unseen')],
    ['a granted tool', tools, mcp([call('a')])],
    ['a batch of granted tools', tools, mcp([call('a'), response, call('ab')])],
    ['no message at all: a GET', tools, mcp([])],
    ['a response', tools, mcp([response])],
    ['plain HTTP without a list', near, http],
    ['from a granted address', near, mcp([call('x')])],
    ['rotating itself, whatever the tools', tools, { ...http, of: 'itself' }],
  ])('%s', (_, grants, use) => {
    expect(authorize(allowedBy(grants), use, { denyToolsByDefault: false })).toBe(null)
  })
})

describe('refused', () => {
  test.each<[string, Grants, AskedUse, string]>([
    ['a tool that is not granted', tools, mcp([call('x')]), 'tool_not_granted'],
    ['a batch with one that is not', tools, mcp([call('a'), call('x')]), 'tool_not_granted'],
    ['what nobody saw, with a list (T31)', tools, mcp('unseen'), 'tool_not_granted'],
    [
      'what nobody saw, with a rate of some tools',
      { limits: { tools: [{ tool: 'a', points: 1, perSeconds: 1 }] } },
      mcp('unseen'),
      'tool_not_granted',
    ],
    ['what nobody saw, on a route with a list', noGrants, mcp('unseen', ['*']), 'tool_not_granted'],
    ['what the route refuses', tools, mcp([call('ab')], ['*', '!ab']), 'tool_not_granted'],
    ['plain HTTP with a list', tools, http, 'tool_not_granted'],
    ['from another address', far, mcp([call('x')]), 'address_refused'],
    [
      'from another address, before the tools are looked at',
      { ...far, ...tools },
      mcp([call('x')]),
      'address_refused',
    ],
    ['from nowhere that anyone knows (T32)', near, { ...http, clientAddress: null }, 'address_refused'],
    ['rotating itself from another address', far, { ...http, of: 'itself' }, 'address_refused'],
    ['grants of a newer version', { rates: 1 } as Grants, http, 'tool_not_granted'],
  ])('%s', (_, grants, use, reason) => {
    expect(authorize(allowedBy(grants), use, { denyToolsByDefault: false })).toBe(reason)
  })

  test.each(['service-key', 'jwt', 'session'] as const)(
    'a %s without a list, where the policy denies',
    (kind) => {
      const policy = { denyToolsByDefault: true }
      expect(authorize(allowedBy(noGrants, kind), mcp([call('x')]), policy)).toBe('tool_not_granted')
      expect(authorize(allowedBy(noGrants, kind), mcp('unseen'), policy)).toBe('tool_not_granted')
      expect(authorize(allowedBy(noGrants, kind), http, policy)).toBe(null)
    },
  )

  test('no JWT on plain HTTP for its list: its scopes are for the backend to read', () => {
    expect(authorize(allowedBy(tools, 'jwt'), http, { denyToolsByDefault: false })).toBe(null)
  })
})
