import type { CallRecord, EndRecord } from './call.ts'
import type { Checkpoint, Head, SignedCheckpoint } from './checkpoint.ts'
import type { SealRecord } from './seal.ts'

/** What a store gives to those who seal, verify, keep and hand on the trail. Instants are epoch milliseconds. */

/** The leaf of a row that retention took, while others of its batch are still there. */
export interface GoneRow {
  kind: 'call' | 'end'
  /** The call's. */
  id: string
  leaf: string
}

/** A row that no seal covers: not of Postern's writing, or of a version before seals. */
export interface StrayRow {
  kind: 'call' | 'end'
  /** The call's. */
  id: string
  writer: string | null
  batch: number | null
}

/** One batch as it reads back: its rows in the order of its leaves. */
export interface SealedBatch {
  seal: SealRecord
  recordedAt: number
  calls: (CallRecord & { batch: number })[]
  ends: (EndRecord & { writer: string; batch: number })[]
  gone: GoneRow[]
}

export interface SealedTrail {
  /** The newest seal of each writer, by writer. */
  heads(): Promise<Head[]>
  /** The seals at these places, where there are any. */
  sealsAt(places: readonly Omit<Head, 'seal'>[]): Promise<Head[]>
  /**
   * Rows that were recorded at or after `from` and before `to`, and that no seal covers which was recorded with them;
   * at most `limit`.
   */
  strays(from: number, to: number, limit: number): Promise<StrayRow[]>
  /**
   * The next batches after `from` (0 where a writer is missing) up to `to`: each writer's in order and without a gap,
   * with about `mostRows` rows. Empty once all are there.
   */
  batches(from: ReadonlyMap<string, number>, to: readonly Head[], mostRows: number): Promise<SealedBatch[]>
}

export interface CheckpointStore {
  /** The numbers of the last change to keys and of the last restore that was acknowledged, and the database's time. */
  moment(): Promise<{ epoch: number; restoredEpoch: number; now: number }>
  newest(): Promise<SignedCheckpoint | null>
  /** Signed at or before this instant, the newest of them. */
  newestAt(at: number): Promise<SignedCheckpoint | null>
  /** By number, after this one. */
  after(number: number, limit: number): Promise<SignedCheckpoint[]>
  /** The newest that has all writers, of this number or an earlier one. */
  fullAt(number: number): Promise<SignedCheckpoint | null>
  /** False where there is one of this number already. */
  add(checkpoint: Pick<Checkpoint, 'number' | 'at' | 'full'>, signed: SignedCheckpoint): Promise<boolean>
}

/** How far a sink has got: batches by writer, and the last checkpoint. */
export interface SinkPlace {
  checkpoint: number
  writers: ReadonlyMap<string, number>
}

export interface SinkStore {
  place(sink: string): Promise<SinkPlace>
  /** Notes what has arrived; never backwards. */
  arrived(sink: string, place: SinkPlace): Promise<void>
  /** Batches that have not arrived yet, and when the oldest of them was recorded. */
  lag(sink: string): Promise<{ batches: number; oldestAt: number | null }>
}

/** How the trail's tables are kept in shape. */
export interface TrailUpkeep {
  /** What a look at the tables tells; null where they are plain ones (embedded). */
  partitions(): Promise<Partitions | null>
  /** Makes those of `weeks` weeks from `now` on that are missing. Never waits long for a lock: throws instead. */
  createAhead(now: number, weeks: number): Promise<number>
  /**
   * Keeps the leaves of rows made before `before` that stand in a batch after those of `covered`, as nothing else will
   * tell that retention took them. Those batches were recorded after `recordedFrom`.
   */
  keepLeaves(before: number, covered: readonly Head[], recordedFrom: number): Promise<number>
  /**
   * Takes rows made before `before` out of the trail, in steps that hold up no call; answers whether that is all of
   * them. Throws where a lock was not to be had.
   */
  drop(before: number, isStopped: () => boolean): Promise<{ tables: string[]; rows: number; isOver: boolean }>
}

export interface Partitions {
  /** Whether this role may change tables. */
  canChange: boolean
  /** Until when calls have a partition of their own; null where not even those of now have. */
  until: number | null
  /** Whether the default partition holds rows: of clocks that jumped, or since no partition was made ahead. */
  hasStrays: boolean
}

const weekMs = 7 * 86_400_000
/** 1970-01-05 was a Monday. */
const firstMondayMs = 4 * 86_400_000

/** The Monday, 00:00 UTC, on or before an instant: where a partition begins, and what retention rounds to. */
export function weekOf(at: number): number {
  return Math.floor((at - firstMondayMs) / weekMs) * weekMs + firstMondayMs
}
