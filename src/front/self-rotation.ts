import type { CallDraft, Recorder } from '../audit/recorder.ts'
import { selfRotationPath } from '../config.ts'
import type { Clock } from '../domain/ports.ts'
import type { HitLimit } from '../domain/limit.ts'
import type { Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import type { Limiter } from '../limits/limiter.ts'
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
  limiter: Pick<Limiter, 'judge'>
  draftsOf: Drafts
  /** Makes the successor of a key, or refuses to: the whole answer. Never rejects. */
  rotate: (keyId: string, idempotencyKey: string) => Promise<Response>
  /** Tells a key about itself: the whole answer. Never rejects. */
  describe: (keyId: string) => Promise<Response>
  log: { error(fields: object, message: string): void }
}

/** What to answer: `refusal` is null where `answer` is one, its headers a flat list (name, value, …). */
export type SelfRotated =
  | { refusal: null; answer: { status: number; headers: string[]; body: Buffer<ArrayBuffer> } }
  | { refusal: Reason; limit?: HitLimit | null }

/** Whether a request is one of those that are answered here. */
export function isSelfRotation(path: string, httpMethod: string): boolean {
  return path === selfRotationPath && (httpMethod === 'POST' || httpMethod === 'GET')
}

export type RotateItself = (request: { arrival: Arrival; head: Head; query: string }) => Promise<SelfRotated>

/**
 * Lets a key rotate itself with its own token (POST), or ask what there is to know about itself (GET). Both are calls
 * like any other: verified, in the spool before anything is changed, and in the trail before the answer leaves. An answer that gets lost is asked for again with the same
 * `Idempotency-Key`. Rejects with what broke before anything was changed.
 */
export function createSelfRotation(options: SelfRotationOptions): RotateItself {
  const { clock, verify, recorder, draftsOf } = options
  const admit = createAdmission({
    recorder,
    limiter: options.limiter,
    policy: { denyToolsByDefault: false },
    log: options.log,
  })

  return async ({ arrival, head, query }) => {
    const source = { authorization: head.authorization, query, address: arrival.clientAddress }
    const verdict = await verify(source, ['service-key'])
    const rowsOf = (): CallDraft[] => draftsOf({ arrival, caller: callerOf(verdict), calls: null })

    if (!verdict.allowed) return refuse(verdict.reason, verdict.limit)
    if (head.isChunked || (head.contentLength ?? 0) > 0) return refuse('body_too_large')
    const of = arrival.httpMethod === 'POST' ? 'rotation' : 'itself'
    const use = { clientAddress: arrival.clientAddress, of } as const
    const admission = await admit(verdict, use, rowsOf, 'strict')
    const { begun, refusal } = admission
    if (begun === null) return refuse(refusal, admission.limit)
    if (refusal !== null) {
      begun.finish({ outcome: 'denied', reason: refusal, ...facts(refusal) }).catch(() => {})
      return { refusal }
    }

    const keyId = verdict.keyId ?? ''
    const made = await (arrival.httpMethod === 'GET'
      ? options.describe(keyId)
      : options.rotate(keyId, head.get('idempotency-key') ?? ''))
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

    function refuse(reason: Reason, limit: HitLimit | null = null): SelfRotated {
      for (const draft of rowsOf()) recorder.deny(draft, { reason, ...facts(reason) })
      return { refusal: reason, limit }
    }

    function facts(reason: Reason) {
      return { status: refusalFor(reason).status, durationMs: elapsedMs() }
    }

    function elapsedMs(): number {
      return Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
    }
  }
}
