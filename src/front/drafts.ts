import type { CallDraft } from '../audit/recorder.ts'
import type { McpBody } from '../mcp/read-calls.ts'
import type { Arrival } from './arrival.ts'
import type { Caller } from './caller.ts'

/** What the trail is told of a request, as far as it got. */
export interface DraftFacts {
  arrival: Arrival
  caller: Caller
  calls: McpBody | null
}

/** The rows for what is known of a request. */
export type Drafts = (facts: DraftFacts) => CallDraft[]

/** The longest text of a caller's that the trail keeps, in UTF-16 code units. */
const textLimit = 1024

/**
 * The rows of a request: one for each call in it, and one where it holds none (GET, DELETE, responses, denials
 * before the body was read). `maskTokens` removes whatever looks like a token from what a caller wrote.
 */
export function createDrafts(maskTokens: (text: string) => string): Drafts {
  function draft(facts: DraftFacts, method: string | null, tool: string | null): CallDraft {
    const { arrival, caller } = facts
    return {
      at: arrival.at,
      requestId: arrival.requestId,
      credentialKind: caller.credentialKind,
      keyId: caller.keyId,
      serviceUserId: caller.serviceUserId,
      principal: caller.principal,
      httpMethod: arrival.httpMethod,
      path: fit(arrival.path),
      method: fit(method),
      tool: fit(tool),
      clientAddress: arrival.clientAddress,
      userAgent: fit(arrival.userAgent),
    }
  }

  function fit(text: string | null): string | null {
    // Masked before it is cut, since most of a token is as good as all of it.
    return text === null ? null : maskTokens(text).slice(0, textLimit)
  }

  return (facts) => {
    const rows: CallDraft[] = []
    for (const { kind, method, tool } of facts.calls?.messages ?? []) {
      if (kind !== 'response') rows.push(draft(facts, method, tool))
    }
    return rows.length === 0 ? [draft(facts, null, null)] : rows
  }
}
