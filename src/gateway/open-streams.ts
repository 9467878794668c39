import type { ChangedSubject, Clock } from '../domain/ports.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'
import type { Lease } from '../verify/lease.ts'
import { judgeAgain } from '../verify/authorize.ts'

/** The streams that are open, each by a credential that may come to its end before the stream does. */
export interface OpenStreams {
  /** Watches a stream until what is answered is called. `end` is called at most once, maybe before this returns. */
  add(allowed: Allowed, end: (reason: Reason) => void): () => void
  /** What has changed of keys and service users. */
  apply(changes: readonly ChangedSubject[] | 'all'): void
  size(): number
  /** Looks for what time has ended; by itself it does so every {@link sweepMs} while there are streams. */
  sweep(): void
}

interface OpenStream {
  allowed: Allowed
  end: (reason: Reason) => void
  /** Whether its key was changed since: then `endsAt` may be later than the end that it was given by a rotation. */
  isChanged: boolean
}

/** How often it is looked whose time is over, in milliseconds. */
const sweepMs = 250
/**
 * How long streams go on on a node that can't learn of revocations, in milliseconds. New calls are refused at once;
 * but a stream is a call under way, and a database that fails over would cut all of them off.
 */
const unprovenMs = 10_000

/**
 * Ends streams whose key is revoked, retired, expired or disabled, or may do something else by now: within a second, since the poll brings the change
 * within 200 ms and the clock is looked at four times a second. Those of a node that has lost its lease for
 * ten seconds end, too.
 */
export function createOpenStreams(options: { clock: Clock; lease: Pick<Lease, 'isFresh'> }): OpenStreams {
  const { clock, lease } = options
  const open = new Set<OpenStream>()
  let timer: NodeJS.Timeout | null = null
  /** Since when no look has found the lease to hold, monotonic: a jump of the clock is no loss of it. */
  let lostSince: number | null = null

  function finish(stream: OpenStream, reason: Reason): void {
    if (open.delete(stream)) stream.end(reason)
  }

  function judge(stream: OpenStream): void {
    const judged = judgeAgain(stream.allowed)
    if (!(judged instanceof Promise)) return settle(stream, judged)
    judged.then(
      (reason) => settle(stream, reason),
      () => settle(stream, 'store_unavailable'),
    )
  }

  function settle(stream: OpenStream, reason: Reason | null): void {
    // That this node can't tell at present is for the lease to decide. While the lease holds it means that the key's
    // grants were changed: what the stream shows was chosen by the old ones.
    const cannotTell = reason === 'store_unavailable' || (reason === 'not_fresh' && !lease.isFresh())
    if (reason !== null && !cannotTell) finish(stream, reason)
  }

  function sweep(): void {
    const now = clock.now()
    if (lease.isFresh()) lostSince = null
    else lostSince ??= clock.monotonic()
    const isUnproven = lostSince !== null && clock.monotonic() - lostSince >= unprovenMs
    for (const stream of open) {
      if (isUnproven) finish(stream, 'not_fresh')
      else if (stream.isChanged || (stream.allowed.endsAt ?? Infinity) <= now) judge(stream)
    }
    if (open.size === 0 && timer !== null) {
      clearInterval(timer)
      timer = null
      lostSince = null
    }
  }

  return {
    add(allowed, end) {
      const stream = { allowed, end, isChanged: false }
      open.add(stream)
      timer ??= setInterval(sweep, sweepMs).unref()
      // What changed since its key was judged last was not told to this stream.
      judge(stream)
      return () => void open.delete(stream)
    },
    apply(changes) {
      if (open.size === 0) return
      const subjects = changes === 'all' ? null : new Set(changes.map(({ subjectId }) => subjectId))
      for (const stream of open) {
        const { keyId, principal } = stream.allowed
        if (subjects !== null && !subjects.has(keyId ?? '') && !subjects.has(principal.id)) continue
        stream.isChanged = true
        judge(stream)
      }
    },
    size: () => open.size,
    sweep,
  }
}
