import type { Reason } from '../reasons.ts'

/** How one attempt to send a message ended, short of an answer that is its client's. */
export type Attempt =
  | { kind: 'failed'; reason: Reason; isSent: boolean }
  | {
      kind: 'refused'
      status: number
      /** The code of the JSON-RPC error in the body; null where there is none. */
      rpcCode: number | null
      /** Null where the answer doesn't say when to come again. */
      retryAfterMs: number | null
      bearsSession: boolean
      isCredentialChanged: boolean
      /** Whether other `Mcp-Param-*` headers would be sent now than were. */
      areMirrorsChanged: boolean
    }

export type Next = 'at_once' | 'later' | 'in_a_new_session' | 'never'

/**
 * How long a message that was never taken in is kept and tried, in milliseconds from the first attempt: as long as
 * a gateway takes to start again on a busy machine. What is most often a mistake is told earlier.
 */
export function repeatForMs(reason: Reason): number {
  return reason === 'name_not_found' || reason === 'proxy_failed' ? 5000 : 20_000
}

/** Failures that may pass by themselves. A certificate that isn't trusted, or a redirect, does not. */
const passing: ReadonlySet<Reason> = new Set(['unreachable', 'timed_out', 'name_not_found', 'proxy_failed'])

/** What Postern answers before it has sent anything on: 503 and 429 by their codes. */
const beforeDispatch: Readonly<Record<number, number>> = { 503: 50300, 429: 42900 }

/**
 * Whether a message may be sent again. Only where it is sure that it did not run: nothing was sent; a 401 and the
 * credential has changed; Postern's own 503 and 429, which come before the dispatch and say when to come again (a
 * backend's, which pass through, may come after); a session that the server doesn't know, which the specification
 * wants to be opened anew; headers that the specification wants to be compared before anything runs. Whatever was
 * sent and has no answer is never sent again, lists too: nobody else can tell what they do.
 */
export function nextAfter(attempt: Attempt): Next {
  if (attempt.kind === 'failed') return !attempt.isSent && passing.has(attempt.reason) ? 'later' : 'never'
  const { status, rpcCode, retryAfterMs } = attempt
  if (status === 401) return attempt.isCredentialChanged ? 'at_once' : 'never'
  if (status === 404) return attempt.bearsSession ? 'in_a_new_session' : 'never'
  if (status === 400) return rpcCode === -32020 && attempt.areMirrorsChanged ? 'at_once' : 'never'
  const isPosterns = rpcCode !== null && beforeDispatch[status] === rpcCode
  return isPosterns && retryAfterMs !== null ? 'later' : 'never'
}

/** From a quarter of a second, doubling up to eight, with as much again by chance (`random` in [0, 1)). */
export function backoffMs(attempt: number, random: number): number {
  const base = Math.min(250 * 2 ** attempt, 8000)
  return base / 2 + (base / 2) * random
}

/** `Retry-After` in milliseconds from `nowMs`; null where there is none that can be read. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^[0-9]{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}
