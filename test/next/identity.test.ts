import { expect, test } from 'vitest'
import type { Route } from '../../src/config.ts'
import { newManagementToken } from '../../src/domain/management-key.ts'
import { createTokenScanner, newToken } from '../../src/domain/service-key.ts'
import type { Allowed, CredentialKind } from '../../src/domain/verdict.ts'
import { createAppIdentity } from '../../src/next/identity.ts'
import type { Node } from '../../src/next/node.ts'

const sessions = { ownsCookie: (name: string) => name.startsWith('__session'), read: () => null }

function nodeWith(system: typeof sessions | null): Node {
  const postern = {
    config: { sessions: system },
    maskTokens: createTokenScanner(['pst']).mask,
    assertions: { shared: () => 'the assertion' },
  }
  return { postern } as unknown as Node
}

function callerOn(accepts: CredentialKind[]) {
  const principal = { kind: 'service', id: 'agent', customer: null } as const
  const allowed = { principal, credentialKind: 'service-key', grants: {} } as unknown as Allowed
  return { allowed, route: { path: '/x', accepts } as unknown as Route }
}

const identity = createAppIdentity('x-acme-service-user')

test.each<[string, CredentialKind[], typeof sessions | null, string | null]>([
  ['stays where the route takes sessions', ['session'], sessions, '__session=s; theme=dark'],
  ['goes off where it takes keys only', ['service-key'], sessions, 'theme=dark'],
  ['is anyone else’s where there are no sessions', ['service-key'], null, '__session=s; theme=dark'],
])("a session's cookie %s", (_, accepts, system, expected) => {
  const headers = new Headers({ cookie: '__session=s; theme=dark' })
  identity.applyTo(headers, nodeWith(system), callerOn(accepts))
  expect(headers.get('cookie')).toBe(expected)
})

test('a cookie header that held nothing else is gone', () => {
  const headers = new Headers({ cookie: '__session=s' })
  identity.applyTo(headers, nodeWith(sessions), callerOn(['service-key']))
  expect(headers.has('cookie')).toBe(false)
  expect(headers.get('x-acme-service-user')).toBe('agent')
})

test.each<[string, string, boolean, boolean]>([
  [
    "a management key stays where nobody is asked for: the page's API asks",
    newManagementToken(),
    false,
    true,
  ],
  ['a management key goes off where somebody is known', newManagementToken(), true, false],
  ['a service key goes off', newToken('pst'), false, false],
  ["what is no token of ours is the app's", 'anything', false, true],
])('%s', (_, token, isKnown, isKept) => {
  const headers = new Headers({ authorization: `Bearer ${token}` })
  identity.applyTo(headers, nodeWith(null), isKnown ? callerOn(['service-key']) : null)
  expect(headers.has('authorization')).toBe(isKept)
})
