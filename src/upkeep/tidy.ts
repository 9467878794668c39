import { clockMarginMs, readCheckpoint } from '../domain/checkpoint.ts'
import type { CheckpointStore, Partitions, TrailUpkeep } from '../domain/sealed-trail.ts'
import { bookOf } from './head-book.ts'

/** What a pass did. */
export interface Tidied {
  /** Partitions made ahead. */
  made: number
  /** Tables that retention dropped, and rows that it deleted one by one. */
  tables: readonly string[]
  rows: number
  /** As they are after it; null where there are none (embedded). */
  partitions: Partitions | null
  /** False where rows are left for the next pass. */
  isOver: boolean
}

export interface Tidy {
  /** Throws what the store throws: a lock that was not to be had, too, and then the next pass goes on. */
  pass(isStopped: () => boolean): Promise<Tidied>
}

/** So many weeks have their partitions: where nodes may not make any, a deployment every quarter will do. */
export const weeksAhead = 14

/** The rows of a batch were recorded after the checkpoint before it, by clocks that may be so far apart. */
const recordedMarginMs = 10 * 60_000

/** Makes partitions ahead, and takes what is older than retention out of the trail: never more than a checkpoint says. */
export function createTidy({
  upkeep,
  checkpoints,
}: {
  upkeep: TrailUpkeep
  checkpoints: CheckpointStore
}): Tidy {
  return {
    async pass(isStopped) {
      const { now } = await checkpoints.moment()
      const before = await upkeep.partitions()
      // Without the right to change tables others do it: postern migrate, or postern tidy.
      if (before?.canChange === false)
        return { made: 0, tables: [], rows: 0, partitions: before, isOver: true }
      const made = await upkeep.createAhead(now, weeksAhead)
      const newest = await checkpoints.newest()
      const keepsFrom = newest === null ? 0 : (readCheckpoint(newest.text)?.keepsFrom ?? 0)
      let dropped: Pick<Tidied, 'tables' | 'rows' | 'isOver'> = { tables: [], rows: 0, isOver: true }
      if (keepsFrom > 0) {
        const covering = await checkpoints.newestAt(keepsFrom - clockMarginMs)
        const book = covering === null ? null : await bookOf(checkpoints, covering)
        const recordedFrom = (book?.checkpoint.at ?? 0) - recordedMarginMs
        await upkeep.keepLeaves(keepsFrom, [...(book?.heads.values() ?? [])], recordedFrom)
        dropped = await upkeep.drop(keepsFrom, isStopped)
      }
      return { made, ...dropped, partitions: before === null ? null : await upkeep.partitions() }
    },
  }
}
