import type { ChangedSubject, Clock, KeyLookup } from '../domain/ports.ts'
import { pollLimit } from '../domain/ports.ts'

/** From one poll's start to the next, in milliseconds. */
export const pollIntervalMs = 200

/** How long a successful poll proves freshness, counted from the moment it was sent, in milliseconds. */
export const leaseMs = 900

/**
 * Proof that this node knows every change to keys that was committed more than {@link leaseMs} ago.
 * THREATS.md's argument, in short: a change commits at T; a poll sent after T sees it; a node without such a
 * poll has a lease that ends by T + 900 ms.
 */
export interface Lease {
  /** The epoch that this node has applied; −1 before the first poll. */
  epoch(): number
  /** Whether the lease holds at this moment. No I/O. */
  isFresh(): boolean
  /** As {@link Lease.isFresh}, but polls first where it has run out: for hosts without timers, and after a pause. */
  ensureFresh(): Promise<boolean>
  /** Milliseconds since the last successful poll was sent; Infinity before the first. */
  ageMs(): number
  /** Polls every {@link pollIntervalMs} until stopped. */
  start(): void
  stop(): void
}

export interface LeaseOptions {
  lookups: Pick<KeyLookup, 'poll'>
  clock: Clock
  /** Told what changed before the new epoch counts as applied; `all` where that is not known one by one. */
  onChanges: (changes: readonly ChangedSubject[] | 'all') => void
  /** Told when the epoch went backwards: a restore, or a failover that lost commits. */
  onEpochWentBack: (from: number, to: number) => void
  onPollFailed: (error: unknown) => void
}

export function createLease(options: LeaseOptions): Lease {
  const { lookups, clock } = options
  let applied = -1
  let wentBack = false
  let sentWall = -Infinity
  let sentMonotonic = -Infinity
  let polling: Promise<void> | null = null
  let pollingSince = 0
  let timer: NodeJS.Timeout | null = null
  let stopped = false

  // A clock that is set back, or a machine that slept, must not lengthen a lease: the larger elapsed time counts.
  const ageMs = () => Math.max(clock.now() - sentWall, clock.monotonic() - sentMonotonic)
  const isFresh = () => !wentBack && ageMs() < leaseMs

  async function poll(): Promise<void> {
    const wall = clock.now()
    const monotonic = clock.monotonic()
    try {
      // Before the first poll nothing is cached, so only the number matters and not what led to it.
      const answer = await lookups.poll(applied < 0 ? Number.MAX_SAFE_INTEGER : applied)
      if (answer.epoch < applied) {
        if (!wentBack) options.onEpochWentBack(applied, answer.epoch)
        wentBack = true
        return
      }
      if (answer.changes.length >= pollLimit) options.onChanges('all')
      else if (answer.changes.length > 0) options.onChanges(answer.changes)
      applied = answer.epoch
      sentWall = wall
      sentMonotonic = monotonic
    } catch (error) {
      options.onPollFailed(error)
    }
  }

  /** One poll at a time: an answer can then never overtake a later one. */
  function pollOnce(): Promise<void> {
    if (polling === null) {
      pollingSince = clock.monotonic()
      polling = poll().finally(() => {
        polling = null
      })
    }
    return polling
  }

  function tick(): void {
    const started = clock.monotonic()
    void pollOnce().then(() => {
      if (stopped) return
      timer = setTimeout(tick, Math.max(0, pollIntervalMs - (clock.monotonic() - started)))
    })
  }

  /** Waits for a poll, but no longer than its answer could count. */
  async function answered(poll: Promise<void>): Promise<void> {
    let waiting: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => {
      waiting = setTimeout(resolve, leaseMs)
    })
    await Promise.race([poll, enough])
    clearTimeout(waiting)
  }

  return {
    epoch: () => applied,
    isFresh,
    ageMs,
    async ensureFresh() {
      if (isFresh()) return true
      if (wentBack) return false
      // An answer counts from when it was asked for, so a poll that is stuck is not worth waiting for.
      if (polling !== null && clock.monotonic() - pollingSince >= leaseMs) return false
      const wasUnderWay = polling !== null
      await answered(pollOnce())
      // One that was under way may have been sent before the clock jumped, or a pause: it proves nothing now.
      if (wasUnderWay && polling === null && !wentBack && !isFresh()) await answered(pollOnce())
      return isFresh()
    },
    start() {
      stopped = false
      if (timer === null) tick()
    },
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      timer = null
    },
  }
}
