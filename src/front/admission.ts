import type { Begun, CallDraft, Recorder, TrailMode } from '../audit/recorder.ts'
import type { Route } from '../config.ts'
import type { HitLimit } from '../domain/limit.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { McpBody } from '../mcp/read-calls.ts'
import type { Arrival } from './arrival.ts'
import { authorize, judgeAgain, type AskedUse, type ToolPolicy } from '../verify/authorize.ts'
import { endingPlaces, limitedUse } from './limited.ts'

/**
 * What became of a request whose credential was accepted. Admitted, it may go on, and must do so at once; refused
 * with rows that have begun, these become the denials.
 */
export type Admission =
  | { begun: Begun; refusal: Reason | null }
  | { begun: null; refusal: Reason; limit?: HitLimit | null }

export type Admit = (
  verdict: Allowed,
  use: AskedUse,
  drafts: () => CallDraft[],
  mode: TrailMode,
) => Promise<Admission>

/**
 * Steps 5 and 6 of a call (ARCHITECTURE.md), the same for every host: may it; is it within its limits; then its intent
 * is in the spool; then key and lease once more, since body and disk took their time.
 */
export function createAdmission({
  recorder,
  limiter,
  policy,
  log,
}: {
  policy: ToolPolicy
  recorder: Pick<Recorder, 'begin' | 'refusal' | 'isAway' | 'sync'>
  limiter: Pick<Limiter, 'judge'>
  log: { error(fields: object, message: string): void }
}): Admit {
  return async (verdict, use, drafts, mode) => {
    const denied = authorize(verdict, use, policy) ?? recorder.refusal(mode)
    if (denied !== null) return { begun: null, refusal: denied }
    const limited = limiter.judge(verdict, limitedUse(use))
    const within = limited === null ? null : await limited
    if (within !== null && within.reason !== null)
      return { begun: null, refusal: within.reason, limit: within.limit }
    let begun: Begun
    try {
      begun = await recorder.begin(drafts(), mode)
    } catch (error) {
      log.error({ err: error }, 'the spool cannot be written')
      within?.undo()
      return { begun: null, refusal: 'trail_unavailable' }
    }
    const unsafe = recorder.isAway() ? await keepSafe() : null
    // Not awaited where it is known at once: each wait costs a turn, and garbage that outlives it.
    const judged = unsafe ?? judgeAgain(verdict)
    const refusal = judged instanceof Promise ? await judged : judged
    if (refusal !== null) within?.undo()
    return { begun: within?.holdsPlaces === true ? endingPlaces(begun, within) : begun, refusal }
  }

  /** While the database is away the spool is all there is, so an intent has to survive a power loss there. */
  async function keepSafe(): Promise<Reason | null> {
    try {
      await recorder.sync()
      return null
    } catch (error) {
      log.error({ err: error }, 'the spool cannot be synced to the disk')
      return 'trail_unavailable'
    }
  }
}

/** What a request asks for; `unseen`: its body went by without anyone here reading it. */
export function useOf(
  { mcp, tools }: Pick<Route, 'mcp' | 'tools'>,
  { clientAddress }: Pick<Arrival, 'clientAddress'>,
  calls: McpBody | 'unseen' | null,
): AskedUse {
  if (!mcp) return { clientAddress, of: 'http' }
  const messages = calls === 'unseen' ? calls : (calls?.messages ?? [])
  return { clientAddress, of: { routeTools: tools, messages } }
}
