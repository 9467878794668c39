import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { grantsDigest, noGrants, type Grants } from '../../src/domain/grant.ts'
import type { VerifiedAssertion } from '../../src/identity/verify-assertion.ts'
import { KeysRefused } from '../../src/keys/refused.ts'
import { mayCallAll, rememberGrants } from '../../src/next/granted-tools.ts'
import type { Node } from '../../src/next/node.ts'

const config = parseConfig(
  {
    routes: [
      { path: '/mcp', mcp: true, accepts: ['service-key'] },
      { path: '/narrow', mcp: true, accepts: ['service-key'], tools: ['forecast_*'] },
    ],
  },
  {},
  '/',
)

function assertionOf(grants: Grants, more: Partial<VerifiedAssertion> = {}): VerifiedAssertion {
  return {
    principal: { kind: 'service', id: 'u', customer: null },
    keyId: 'k',
    audience: '/mcp',
    grantsDigest: grantsDigest(grants),
    issuedAt: 0,
    expiresAt: 0,
    binding: null,
    ...more,
  }
}

/** A node whose database has a key with these grants; null: none. */
function nodeWith(grants: Grants | null): () => Promise<Node> {
  const show = async () => {
    if (grants === null) throw new KeysRefused('not_found', 'id', 'no key has this id')
    return { key: { key: { grants } } }
  }
  return async () => ({ postern: { keys: { show } } }) as unknown as Node
}

const never = () => Promise.reject(new Error('not asked here'))

test('what this process has asserted is known to it', async () => {
  const grants = { tools: ['forecast_*', '!forecast_secret'] }
  rememberGrants(grants)
  const ask = (tools: string[], audience = '/mcp') =>
    mayCallAll(tools, assertionOf(grants, { audience }), config, never)
  expect(await ask(['forecast_a', 'forecast_b'])).toBe(true)
  expect(await ask(['forecast_a', 'plan_a'])).toBe(false)
  expect(await ask(['forecast_secret'])).toBe(false)
  expect(await ask(['forecast_a'], '/elsewhere')).toBe(false)
})

test('what another process has asserted is looked up, and counts only if the key still has those grants', async () => {
  const grants = { tools: ['looked_up_*'] }
  const ask = (inDatabase: Grants | null, more: Partial<VerifiedAssertion> = {}) =>
    mayCallAll(['looked_up_a'], assertionOf(grants, more), config, nodeWith(inDatabase))
  expect(await ask(null)).toBe(false)
  expect(await ask({ tools: ['looked_up_*', '!looked_up_b'] })).toBe(false)
  expect(await ask(grants, { keyId: null })).toBe(false)
  expect(await ask(grants)).toBe(true)
  // Known from here on, for whoever has the same.
  expect(await ask(null, { keyId: null })).toBe(true)
})

test('a caller without limits may call all that its route lets through', async () => {
  expect(await mayCallAll(['x'], assertionOf(noGrants), config, never)).toBe(true)
  expect(await mayCallAll(['x'], assertionOf(noGrants, { audience: '/narrow' }), config, never)).toBe(false)
  const denying = { ...config, policy: { ...config.policy, denyToolsByDefault: true } }
  expect(await mayCallAll(['x'], assertionOf(noGrants), denying, never)).toBe(false)
})
