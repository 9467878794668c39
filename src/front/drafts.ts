import type { CallDraft } from '../audit/recorder.ts'
import type { McpBody, McpMessage } from '../mcp/read-calls.ts'
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
  function draft(facts: DraftFacts, message: McpMessage | null): CallDraft {
    const { arrival, caller } = facts
    return {
      at: arrival.at,
      requestId: arrival.requestId,
      credentialKind: caller.credentialKind,
      keyId: caller.keyId,
      serviceUserId: caller.serviceUserId,
      principal: caller.principal,
      grantsDigest: caller.grantsDigest,
      traceId: message?.traceId ?? arrival.traceId,
      argumentsHmac: message?.argumentsHmac ?? null,
      httpMethod: arrival.httpMethod,
      path: fit(arrival.path),
      method: fit(message?.method ?? null),
      tool: fit(message?.tool ?? null),
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
    for (const message of facts.calls?.messages ?? []) {
      if (message.kind !== 'response') rows.push(draft(facts, message))
    }
    return rows.length === 0 ? [draft(facts, null)] : rows
  }
}
