import type { CallDraft } from '../audit/recorder.ts'
import type { CredentialKind } from '../domain/verdict.ts'
import type { McpBody } from '../mcp/read-calls.ts'
import type { Arrival } from './front.ts'

/** What the trail is told of a request, as far as it got. */
export interface DraftFacts {
  arrival: Arrival
  credentialKind: CredentialKind | null
  keyId: string | null
  serviceUserId: string | null
  calls: McpBody | null
}

/** The longest text of a caller's that the trail keeps, in UTF-16 code units. */
const textLimit = 1024

/**
 * The rows of a request: one for each call in it, and one where it holds none (GET, DELETE, responses, denials
 * before the body was read). `maskTokens` removes whatever looks like a token from what a caller wrote.
 */
export function createDrafts(maskTokens: (text: string) => string): (facts: DraftFacts) => CallDraft[] {
  function draft(facts: DraftFacts, method: string | null, tool: string | null): CallDraft {
    const { arrival } = facts
    return {
      at: arrival.at,
      requestId: arrival.requestId,
      credentialKind: facts.credentialKind,
      keyId: facts.keyId,
      serviceUserId: facts.serviceUserId,
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
