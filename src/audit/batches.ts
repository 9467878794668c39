import { setTimeout as setTimer } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import type { CallRecord, EndRecord } from '../domain/call.ts'
import type { Chain, Clock, TrailStore } from '../domain/ports.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { Segment } from './spool.ts'

/** One batch is in flight at a time, of at most this many rows; whatever comes meanwhile makes up the next. */
const maxRows = 512
/** A key's last use is written at most this often, in milliseconds. */
const lastUseIntervalMs = 1000
const firstRetryMs = 50
const longestRetryMs = 1000

export interface PendingRow {
  call: CallRecord | null
  end: EndRecord | null
  /** Where in the spool it is; null where the disk didn't take it. */
  segment: Segment | null
}

/**
 * Where a row got to: `committed`; `away`, the database can't be reached and the row waits; `late`, it was not
 * committed within the time to hold an answer; `rejected`, the database took its neighbours and not this row.
 */
export type RowFate = 'committed' | 'away' | 'late' | 'rejected'

export interface Batches {
  /** Adds a row. Its `settled` never tells `away`: that is for those who ask {@link Added.untilAway}. */
  add(row: PendingRow): Added
  /** Notes a key's use, to be written along with one of the next batches. */
  used(keyId: string, at: number): void
  /** Whether the last attempt failed: the database can't be reached. */
  isAway(): boolean
  /** Rows that wait for the database. */
  backlog(): number
  /** Commits everything added so far; answers the rows left after `timeoutMs`. */
  drain(timeoutMs: number): Promise<number>
  stop(): void
}

export interface Added {
  settled(): Promise<RowFate>
  /** As `settled`, but tells `away` as soon as an attempt failed. */
  untilAway(): Promise<RowFate>
}

export interface BatchesOptions {
  trail: Pick<TrailStore, 'append'>
  /** What the batches are sealed onto. */
  chain: Chain
  clock: Clock
  /** How long a caller may be kept waiting for its row, in milliseconds. */
  holdMs: number
  onCommitted: (rows: readonly PendingRow[], tookMs: number) => void
  /** An attempt failed for the first time: the rows, as they are known by now, should be kept safe. */
  onAway: (rows: readonly PendingRow[], error: unknown) => void
  onRejected: (row: PendingRow, error: unknown) => void
}

interface Batch {
  rows: PendingRow[]
  settled: Promise<RowFate>
  settle: (fate: RowFate) => void
  failed: Promise<RowFate>
  fail: (fate: RowFate) => void
  hold: NodeJS.Timeout
}

export function createBatches(options: BatchesOptions): Batches {
  const { trail, chain, clock } = options
  const queue: Batch[] = []
  const rejected = new WeakSet<PendingRow>()
  let current: Batch | null = null
  let lastUsed = new Map<string, number>()
  let lastUseWrittenAt = -Infinity
  let lastUseTimer: NodeJS.Timeout | null = null
  let away = false
  let running: Promise<void> | null = null
  let stopped = false
  let backlog = 0

  function openBatch(): Batch {
    const last = queue.at(-1)
    if (last !== undefined && last.rows.length < maxRows) return last
    const [settled, settle] = deferred<RowFate>()
    const [failed, fail] = deferred<RowFate>()
    // One timer for all who wait for the batch.
    const hold = setTimer(() => settle('late'), stopped ? 0 : options.holdMs)
    const batch: Batch = { rows: [], settled, settle, failed, fail, hold }
    if (away) fail('away')
    queue.push(batch)
    return batch
  }

  function start(): void {
    running ??= run().finally(() => {
      running = null
      if (stopped) return
      if (queue.length > 0) start()
      else if (lastUsed.size > 0) writeLastUseLater()
    })
  }

  async function run(): Promise<void> {
    // Rows of this turn of the event loop go together.
    await Promise.resolve()
    for (current = queue.shift() ?? null; current !== null; current = queue.shift() ?? null) {
      // Stopped in the middle: whoever waits must not be told that the row is safe.
      if (!(await commit(current.rows))) return
      backlog -= current.rows.length
      clearTimeout(current.hold)
      current.settle('committed')
    }
  }

  /** Whether the rows are dealt with: taken by the database, or refused by it for good. */
  async function commit(rows: PendingRow[]): Promise<boolean> {
    const uses = takeLastUses()
    let retryMs = firstRetryMs
    while (!stopped) {
      const sentAt = clock.monotonic()
      try {
        await append(rows, uses)
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) {
          // It answered.
          away = false
          for (const [keyId, at] of uses) if (!lastUsed.has(keyId)) lastUsed.set(keyId, at)
          return commitHalves(rows, error)
        }
        if (!away) noteAway(error)
        await setTimeout(retryMs)
        retryMs = Math.min(retryMs * 2, longestRetryMs)
        continue
      }
      away = false
      options.onCommitted(rows, clock.monotonic() - sentAt)
      return true
    }
    return false
  }

  /** The database answered, and refused: one row spoils the batch, and must not hold up its neighbours. */
  async function commitHalves(rows: PendingRow[], error: unknown): Promise<boolean> {
    const [first] = rows
    if (rows.length > 1) {
      const middle = rows.length >> 1
      return (await commit(rows.slice(0, middle))) && commit(rows.slice(middle))
    }
    if (first !== undefined) {
      rejected.add(first)
      options.onRejected(first, error)
    }
    return true
  }

  function noteAway(error: unknown): void {
    away = true
    const waiting = current === null ? queue : [current, ...queue]
    options.onAway(
      waiting.flatMap((batch) => batch.rows),
      error,
    )
    for (const batch of waiting) batch.fail('away')
  }

  function append(rows: readonly PendingRow[], uses: ReadonlyMap<string, number>): Promise<void> {
    const calls: CallRecord[] = []
    const ends: EndRecord[] = []
    for (const row of rows) {
      if (row.call !== null) calls.push(row.call)
      if (row.end !== null) ends.push(row.end)
    }
    return trail.append({ calls, ends, lastUsed: uses, chain })
  }

  function takeLastUses(): ReadonlyMap<string, number> {
    if (lastUsed.size === 0 || clock.monotonic() - lastUseWrittenAt < lastUseIntervalMs) return noUses
    lastUseWrittenAt = clock.monotonic()
    const uses = lastUsed
    lastUsed = new Map()
    return uses
  }

  function writeLastUseLater(): void {
    lastUseTimer ??= setTimer(() => {
      lastUseTimer = null
      if (stopped || lastUsed.size === 0) return
      openBatch()
      start()
    }, lastUseIntervalMs).unref()
  }

  return {
    add(row) {
      const batch = openBatch()
      batch.rows.push(row)
      backlog++
      start()
      const fate = (of: RowFate): RowFate => (of === 'committed' && rejected.has(row) ? 'rejected' : of)
      return {
        settled: () => batch.settled.then(fate),
        untilAway: () => Promise.race([batch.settled, batch.failed]).then(fate),
      }
    },
    used(keyId, at) {
      lastUsed.set(keyId, at)
    },
    isAway: () => away,
    backlog: () => backlog,
    async drain(timeoutMs) {
      if (lastUsed.size > 0) {
        lastUseWrittenAt = -Infinity
        openBatch()
      }
      start()
      const enough = new AbortController()
      const timeout = setTimeout(timeoutMs, undefined, { signal: enough.signal }).catch(() => {})
      while (running !== null && !enough.signal.aborted) {
        await Promise.race([running, timeout.then(() => enough.abort())])
      }
      enough.abort()
      return backlog
    },
    stop() {
      stopped = true
      if (lastUseTimer !== null) clearTimeout(lastUseTimer)
      for (const batch of current === null ? queue : [current, ...queue]) {
        clearTimeout(batch.hold)
        batch.settle('late')
      }
    },
  }
}

const noUses: ReadonlyMap<string, number> = new Map()

function deferred<T>(): [Promise<T>, (value: T) => void] {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((onResolve) => {
    resolve = onResolve
  })
  return [promise, resolve]
}
