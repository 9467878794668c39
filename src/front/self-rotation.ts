import type { CallDraft, Recorder } from '../audit/recorder.ts'
import type { Clock } from '../domain/ports.ts'
import type { Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import type { Verify } from '../verify/verify.ts'
import { createAdmission } from './admission.ts'
import type { Arrival } from './arrival.ts'
import { callerOf } from './caller.ts'
import type { Drafts } from './drafts.ts'
import type { Head } from './head.ts'

export interface SelfRotationOptions {
  clock: Pick<Clock, 'monotonic'>
  verify: Verify
  recorder: Pick<Recorder, 'begin' | 'refusal' | 'isAway' | 'sync' | 'deny'>
  draftsOf: Drafts
  /** Makes the successor of a key, or refuses to: the whole answer. Never rejects. */
  rotate: (keyId: string, idempotencyKey: string) => Promise<Response>
  log: { error(fields: object, message: string): void }
}

/** What to answer: `refusal` is null where `answer` is one, its headers a flat list (name, value, …). */
export type SelfRotated =
  | { refusal: null; answer: { status: number; headers: string[]; body: Buffer<ArrayBuffer> } }
  | { refusal: Reason }

export type RotateItself = (request: { arrival: Arrival; head: Head; query: string }) => Promise<SelfRotated>

/**
 * Lets a key rotate itself with its own token. It is a call like any other: verified, in the spool before anything
 * is changed, and in the trail before the answer leaves. An answer that gets lost is asked for again with the same
 * `Idempotency-Key`. Rejects with what broke before anything was changed.
 */
export function createSelfRotation(options: SelfRotationOptions): RotateItself {
  const { clock, verify, recorder, draftsOf } = options
  const admit = createAdmission({ recorder, policy: { denyToolsByDefault: false }, log: options.log })

  return async ({ arrival, head, query }) => {
    const verdict = await verify({ authorization: head.authorization, query }, ['service-key'])
    const rowsOf = (): CallDraft[] => draftsOf({ arrival, caller: callerOf(verdict), calls: null })

    if (!verdict.allowed) return refuse(verdict.reason)
    if (head.isChunked || (head.contentLength ?? 0) > 0) return refuse('body_too_large')
    const use = { clientAddress: arrival.clientAddress, of: 'itself' } as const
    const { begun, refusal } = await admit(verdict, use, rowsOf, 'strict')
    if (begun === null) return refuse(refusal)
    if (refusal !== null) {
      begun.finish({ outcome: 'denied', reason: refusal, ...facts(refusal) }).catch(() => {})
      return { refusal }
    }

    const made = await options.rotate(verdict.keyId ?? '', head.get('idempotency-key') ?? '')
    const { status } = made
    const outcome = status < 400 ? 'succeeded' : 'failed'
    const safe = await begun.finish({ outcome, reason: null, status, durationMs: elapsedMs() })
    if (!safe) return { refusal: 'executed_unrecorded' }
    const body = Buffer.from(await made.arrayBuffer())
    const headers = [
      ...['content-type', made.headers.get('content-type') ?? 'application/json'],
      ...['content-length', String(body.length)],
      ...['cache-control', 'no-store'],
      ...['x-request-id', arrival.requestId],
    ]
    if (status === 503) headers.push('retry-after', '1')
    return { refusal: null, answer: { status, headers, body } }

    function refuse(reason: Reason): SelfRotated {
      for (const draft of rowsOf()) recorder.deny(draft, { reason, ...facts(reason) })
      return { refusal: reason }
    }

    function facts(reason: Reason) {
      return { status: refusalFor(reason).status, durationMs: elapsedMs() }
    }

    function elapsedMs(): number {
      return Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
    }
  }
}
