import { readCheckpoint } from '../domain/checkpoint.ts'
import type { Store } from '../domain/ports.ts'
import { lineOf, linesOfBatch } from '../domain/trail-line.ts'
import type { Hold } from './leased-job.ts'

/** Where lines are handed on to. */
export interface SinkTarget {
  /**
   * Takes whole batches and checkpoints, as lines. Once it resolves they are safe there; where it throws, some may have
   * arrived all the same, and all are sent again.
   */
  take(lines: string): Promise<void>
}

/** Why a target took nothing. The message names neither its URL nor anything of it. */
export class SinkFailed extends Error {
  override readonly name = 'SinkFailed'
  readonly code = 'sink_failed'
}

const rowsAtOnce = 500
const checkpointsAtOnce = 20

/**
 * Hands on what the sink doesn't have yet: each writer's batches in the order of its seals, so that none is passed over
 * that commits late, and each checkpoint behind the batches that it covers. What has arrived is noted after it has, so
 * that after a break some arrives twice, and nothing never.
 */
export async function followTrail(
  {
    name,
    only,
    target,
    store,
  }: {
    name: string
    only: 'checkpoints' | null
    target: SinkTarget
    store: Pick<Store, 'sealedTrail' | 'checkpoints' | 'sinks'>
  },
  hold: Hold,
): Promise<void> {
  const { sealedTrail, checkpoints, sinks } = store
  const reached = await sinks.place(name)
  const place = { checkpoint: reached.checkpoint, writers: new Map(reached.writers) }

  async function handOnBatches(): Promise<boolean> {
    const heads = await sealedTrail.heads()
    for (;;) {
      /* oxlint-disable no-await-in-loop -- one after the other: their order is what counts */
      const batches = await sealedTrail.batches(place.writers, heads, rowsAtOnce)
      if (batches.length === 0) return true
      if (!(await hold())) return false
      await target.take(batches.map(linesOfBatch).join(''))
      const arrived = new Map(batches.map(({ seal }) => [seal.writer, seal.number]))
      for (const [writer, number] of arrived) place.writers.set(writer, number)
      await sinks.arrived(name, { checkpoint: place.checkpoint, writers: arrived })
      /* oxlint-enable no-await-in-loop */
    }
  }

  async function handOnCheckpoints(): Promise<void> {
    for (;;) {
      /* oxlint-disable no-await-in-loop */
      const page = await checkpoints.after(place.checkpoint, checkpointsAtOnce)
      const ready: typeof page = []
      for (const signed of page) {
        const heads = readCheckpoint(signed.text)?.heads ?? []
        const isCovered = heads.every(({ writer, number }) => (place.writers.get(writer) ?? 0) >= number)
        if (only === null && !isCovered) break
        ready.push(signed)
      }
      if (ready.length === 0 || !(await hold())) return
      await target.take(ready.map((checkpoint) => lineOf({ checkpoint })).join(''))
      const newest = ready.at(-1)
      const reachedNumber = newest === undefined ? null : readCheckpoint(newest.text)?.number
      if (typeof reachedNumber !== 'number') throw new SinkFailed('a checkpoint in the database is none')
      place.checkpoint = reachedNumber
      await sinks.arrived(name, { checkpoint: place.checkpoint, writers: new Map() })
      /* oxlint-enable no-await-in-loop */
    }
  }

  if (only === null && !(await handOnBatches())) return
  await handOnCheckpoints()
}
