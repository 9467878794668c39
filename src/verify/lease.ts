import type { Refusing } from '../domain/node-store.ts'
import type { ChangedSubject, Clock, EpochPoll, KeyLookup, PolledHistory } from '../domain/ports.ts'
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
  /** The epoch that this node has applied, in this run or an earlier one; −1 before the first poll. */
  epoch(): number
  /** Why nothing is accepted until a restore is acknowledged; null otherwise. */
  refusing(): Refusing | null
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

/** Which history a node has applied, and how far. */
export interface Position {
  databaseId: string
  epoch: number
  /** Tells the change of that epoch from others. */
  mark: string | null
}

export interface LeaseOptions {
  lookups: Pick<KeyLookup, 'poll'>
  clock: Clock
  /** Told what changed before the new epoch counts as applied; `all` where that is not known one by one. */
  onChanges: (changes: readonly ChangedSubject[] | 'all') => void
  /** What earlier runs had applied; null where nothing is known. Asked for once, before the first poll. */
  recall?: () => Position | null
  /** Told of each position that is new to this run, once it counts as applied. */
  onApplied?: (position: Position) => void
  /**
   * Told when the history is not the one that was applied, as after a restore or a failover that lost commits, and
   * with null when that is acknowledged; with the epoch that was applied and the database's.
   */
  onRefusing: (why: Refusing | null, applied: number, found: number) => void
  onPollFailed: (error: unknown) => void
}

export function createLease(options: LeaseOptions): Lease {
  const { lookups, clock } = options
  let applied: Position | null = null
  /** Whether it is of this run. */
  let hasApplied = false
  let hasRecalled = false
  let refusing: Refusing | null = null
  let sentWall = -Infinity
  let sentMonotonic = -Infinity
  let polling: Promise<void> | null = null
  let pollingSince = 0
  let timer: NodeJS.Timeout | null = null
  let stopped = false

  // A clock that is set back, or a machine that slept, must not lengthen a lease: the larger elapsed time counts.
  const ageMs = () => Math.max(clock.now() - sentWall, clock.monotonic() - sentMonotonic)
  const isFresh = () => refusing === null && ageMs() < leaseMs

  async function poll(): Promise<void> {
    const wall = clock.now()
    const monotonic = clock.monotonic()
    try {
      if (!hasRecalled) applied = options.recall?.() ?? null
      hasRecalled = true
      // Where nothing is known nothing is cached, so only the number matters and not what led to it.
      const answer = await lookups.poll(applied?.epoch ?? Number.MAX_SAFE_INTEGER)
      if (!accept(answer)) return
      sentWall = wall
      sentMonotonic = monotonic
    } catch (error) {
      options.onPollFailed(error)
    }
  }

  /** Applies what a poll tells; false where this node is to refuse. */
  function accept({ epoch, changes, history }: EpochPoll): boolean {
    const { databaseId, mark, restoredEpoch } = history
    // Of another database than before the start nothing is known.
    const before = hasApplied || applied?.databaseId === databaseId ? applied : null
    const isAcknowledged = before?.databaseId === databaseId && restoredEpoch > before.epoch
    const why = before === null || isAcknowledged ? null : disagreement(before, epoch, history)
    if (why !== null && refusing === null) {
      refusing = why
      options.onRefusing(why, before?.epoch ?? -1, epoch)
    }
    // Only an acknowledgement ends it: numbers may catch up by themselves.
    if (refusing !== null && !isAcknowledged) return false
    if (isAcknowledged || changes.length >= pollLimit) options.onChanges('all')
    else if (changes.length > 0) options.onChanges(changes)
    const isNew = !hasApplied || applied?.epoch !== epoch
    applied = { databaseId, epoch, mark }
    hasApplied = true
    if (refusing !== null) options.onRefusing(null, before?.epoch ?? -1, epoch)
    refusing = null
    if (isNew) options.onApplied?.(applied)
    return true
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
    epoch: () => applied?.epoch ?? -1,
    refusing: () => refusing,
    isFresh,
    ageMs,
    async ensureFresh() {
      if (isFresh()) return true
      if (refusing !== null && clock.monotonic() - pollingSince < pollIntervalMs) return false
      // An answer counts from when it was asked for, so a poll that is stuck is not worth waiting for.
      if (polling !== null && clock.monotonic() - pollingSince >= leaseMs) return false
      const wasUnderWay = polling !== null
      await answered(pollOnce())
      // One that was under way may have been sent before the clock jumped, or a pause: it proves nothing now.
      if (wasUnderWay && polling === null && refusing === null && !isFresh()) await answered(pollOnce())
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

/** How the database's history differs from the one that was applied; null where it goes on from it. */
function disagreement(applied: Position, epoch: number, history: PolledHistory): Refusing | null {
  if (history.databaseId !== applied.databaseId) return 'another_database'
  if (epoch < applied.epoch) return 'epoch_went_back'
  return history.sinceMark === applied.mark ? null : 'history_differs'
}
