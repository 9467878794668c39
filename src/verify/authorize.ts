import { canJudge } from '../domain/grant.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'

/** May this credential make these calls? Null, or the reason to refuse. */
export function authorize(allowed: Allowed): Reason | null {
  return canJudge(allowed.grants) ? null : 'tool_not_granted'
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
