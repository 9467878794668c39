import { allowsAddress, canJudge, decideTool, hasToolLimits, type AskedFor } from '../domain/grant.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'

/** What a credential is to be used for. */
export interface AskedUse {
  /** Null where nobody can say whose word for it to believe. */
  clientAddress: string | null
  /** An MCP route and what is asked of it, a plain HTTP route, what a key may know of itself, or its own rotation. */
  of: McpUse | 'http' | 'itself' | 'rotation'
}

export interface McpUse {
  /** The route's own patterns; null where it has none. */
  routeTools: readonly string[] | null
  /** The messages of the body, none where there is no body; `unseen`: there is one that nobody here has read. */
  messages: readonly McpMessage[] | 'unseen'
}

/** A message of a client's; its method is null where it answers the server. */
type McpMessage = Omit<AskedFor, 'method'> & { method: string | null }

/** What the policy says of tools where the grants say nothing. */
export interface ToolPolicy {
  denyToolsByDefault: boolean
}

/** May this credential be used so? Null, or the reason to refuse. All messages of a batch, or none. */
export function authorize(allowed: Allowed, use: AskedUse, policy: ToolPolicy): Reason | null {
  const { grants } = allowed
  if (!canJudge(grants)) return 'tool_not_granted'
  if (!allowsAddress(grants, use.clientAddress)) return 'address_refused'
  if (use.of === 'itself' || use.of === 'rotation') return null
  if (use.of === 'http') return mayUseHttp(allowed) ? null : 'tool_not_granted'
  const { routeTools, messages } = use.of
  const { denyToolsByDefault } = policy
  // It could be a call of any tool, and so one whose rate is limited.
  if (messages === 'unseen' && grants.limits?.tools !== undefined) return 'tool_not_granted'
  if (!hasToolLimits(grants, routeTools, denyToolsByDefault)) return null
  if (messages === 'unseen') return 'tool_not_granted'
  for (const message of messages) {
    if (message.method === null) continue
    const asked = { ...message, method: message.method }
    if (decideTool(grants, routeTools, denyToolsByDefault, asked) === 'refused') return 'tool_not_granted'
  }
  return null
}

/**
 * Outside MCP there are no tools to tell apart, and what a tool does may well be open to plain HTTP, too: a key that is
 * limited to some doesn't go there. What a JWT may do there its own scopes say to the backend.
 */
function mayUseHttp({ credentialKind, grants }: Allowed): boolean {
  return credentialKind !== 'service-key' || grants.tools === undefined
}

/**
 * Key and lease once more: reading a body can take half a minute, and a key may have been revoked meanwhile. The
 * last thing before the dispatch, which must not wait for anything after it.
 */
export function judgeAgain(allowed: Allowed): Reason | null | Promise<Reason | null> {
  const reason = allowed.recheck()
  return reason instanceof Promise ? reason.catch(reasonOfFailure) : reason
}

function reasonOfFailure(error: unknown): Reason {
  if (error instanceof StoreUnavailable) return 'store_unavailable'
  throw error
}
