import type { Config } from '../config.ts'
import { decideTool, grantsDigest, noGrants, type Grants } from '../domain/grant.ts'
import type { VerifiedAssertion } from '../identity/verify-assertion.ts'
import { KeysRefused } from '../keys/refused.ts'
import type { Node } from './node.ts'
import { processWide } from './process-wide.ts'

/** Grants by their digest: an assertion names no more than that. What a digest stands for never changes. */
const known = processWide('grants', () => new Map<string, Grants>())
const knownLimit = 1000

/** Keeps what a caller may do, for handlers of this process that ask once its assertion has come to them. */
export function rememberGrants(grants: Grants): void {
  const digest = grantsDigest(grants)
  if (known.has(digest)) return
  if (known.size >= knownLimit) known.delete(known.keys().next().value ?? '')
  known.set(digest, grants)
}

/**
 * Whether the caller of an assertion may call all of these tools on its route. Where this process didn't make the
 * assertion, its key is looked up; grants that were changed since, and those of a JWT then, can't be told: refused.
 */
export async function mayCallAll(
  tools: readonly string[],
  assertion: VerifiedAssertion,
  { routes, policy }: Pick<Config, 'routes' | 'policy'>,
  node: () => Promise<Node>,
): Promise<boolean> {
  const route = routes.find(({ path }) => path === assertion.audience)
  const isUnlimited = assertion.grantsDigest === grantsDigest(noGrants)
  const grants = isUnlimited
    ? noGrants
    : (known.get(assertion.grantsDigest) ?? (await grantsOfKey(assertion, node)))
  if (route === undefined || grants === null) return false
  return tools.every((target) => {
    const asked = { method: 'tools/call', target }
    return decideTool(grants, route.tools, policy.denyToolsByDefault, asked) === 'allowed'
  })
}

async function grantsOfKey(
  { keyId, grantsDigest: asserted }: VerifiedAssertion,
  node: () => Promise<Node>,
): Promise<Grants | null> {
  if (keyId === null) return null
  try {
    const { postern } = await node()
    const { grants } = (await postern.keys.show(keyId)).key.key
    if (grantsDigest(grants) !== asserted) return null
    rememberGrants(grants)
    return grants
  } catch (error) {
    if (error instanceof KeysRefused) return null
    throw error
  }
}
