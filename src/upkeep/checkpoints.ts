import type { KeyObject } from 'node:crypto'
import { isSigned, signCheckpoint, type Checkpoint, type Head } from '../domain/checkpoint.ts'
import type { Clock } from '../domain/ports.ts'
import { weekOf, type CheckpointStore, type SealedTrail } from '../domain/sealed-trail.ts'
import { bookOf, CheckpointBroken, type HeadBook } from './head-book.ts'

export interface Checkpoints {
  /**
   * Signs the next checkpoint where seals have moved since the last one, or retention has; null otherwise, and where
   * another node was first. Throws {@link TrailTampered} where what was signed before is not there any more.
   */
  sign(): Promise<Checkpoint | null>
}

/** Seals that a checkpoint vouched for are gone or others: nothing is signed on top of that. */
export class TrailTampered extends Error {
  override readonly name = 'TrailTampered'
  readonly code = 'trail_tampered'
}

/** So often a checkpoint names all writers, in milliseconds: an export can begin there. */
const fullEveryMs = 86_400_000

/** Signs what the seals of all writers are, so that none of them can be made anew later. */
export function createCheckpoints(options: {
  trail: SealedTrail
  store: CheckpointStore
  clock: Pick<Clock, 'now'>
  keepMs: number
  /** Asked for at the first use. */
  key: () => KeyObject
}): Checkpoints {
  const { trail, store, clock, keepMs } = options
  /** Of the newest checkpoint that this node has seen: it can't be gone. */
  let lastNumber = 0
  let restored: number | null = null

  /** What was signed last, by whichever node. */
  async function lastBook(): Promise<HeadBook | null> {
    const newest = await store.newest()
    if (newest === null) {
      if (lastNumber > 0) throw new TrailTampered('all checkpoints are gone from the database')
      return null
    }
    if (!isSigned(newest))
      throw new CheckpointBroken('the newest checkpoint has a signature that is not right')
    const book = await bookOf(store, newest)
    if (book.checkpoint.number < lastNumber)
      throw new TrailTampered(`checkpoint ${lastNumber} is gone from the database`)
    return book
  }

  return {
    async sign() {
      const { epoch, restoredEpoch, now } = await store.moment()
      // After a restore that somebody has acknowledged, what the backup lacks is known to be gone.
      if (restoredEpoch !== restored) lastNumber = 0
      restored = restoredEpoch
      const before = await lastBook()
      const heads = await trail.heads()
      if (before !== null) await compare(trail, before, heads)
      const moved = heads.filter(({ writer, number }) => before?.heads.get(writer)?.number !== number)
      // By the earlier of two clocks: one that jumps ahead must not end what is to be kept.
      const due = weekOf(Math.min(now, clock.now()) - keepMs)
      const keepsFrom = Math.max(before?.checkpoint.keepsFrom ?? 0, due)
      lastNumber = before?.checkpoint.number ?? 0
      if (moved.length === 0 && (before === null || keepsFrom === before.checkpoint.keepsFrom)) return null
      const full = before === null || now - before.fullAt >= fullEveryMs
      const checkpoint: Checkpoint = {
        number: (before?.checkpoint.number ?? 0) + 1,
        at: now,
        previous: before?.digest ?? null,
        epoch,
        keepsFrom,
        full,
        heads: full ? heads : moved,
      }
      if (!(await store.add(checkpoint, signCheckpoint(checkpoint, options.key())))) return null
      lastNumber = checkpoint.number
      return checkpoint
    },
  }
}

async function compare(trail: SealedTrail, before: HeadBook, heads: readonly Head[]): Promise<void> {
  const now = new Map(heads.map((head) => [head.writer, head]))
  const moved: Head[] = []
  for (const head of before.heads.values()) {
    const current = now.get(head.writer)
    if (current === undefined || current.number < head.number)
      throw new TrailTampered(`seals of the writer ${head.writer} are gone, which a checkpoint has`)
    if (current.number > head.number) moved.push(head)
    else if (current.seal !== head.seal) throw changed(head)
  }
  const sealed = new Map((await trail.sealsAt(moved)).map(({ writer, seal }) => [writer, seal]))
  for (const head of moved) if (sealed.get(head.writer) !== head.seal) throw changed(head)
}

function changed({ writer, number }: Head): TrailTampered {
  return new TrailTampered(`seal ${number} of the writer ${writer} is not the one that a checkpoint has`)
}
