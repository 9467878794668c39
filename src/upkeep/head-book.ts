import { digestOfCheckpoint, readCheckpoint, type Checkpoint } from '../domain/checkpoint.ts'
import type { Head, SignedCheckpoint } from '../domain/checkpoint.ts'
import type { CheckpointStore } from '../domain/sealed-trail.ts'

/** All writers' heads as of one checkpoint, which itself may name only those that had moved. */
export interface HeadBook {
  checkpoint: Checkpoint
  digest: string
  heads: ReadonlyMap<string, Head>
  /** When the last full one at or before it was signed. */
  fullAt: number
}

/** A checkpoint's text is not one: somebody changed it in the database. */
export class CheckpointBroken extends Error {
  override readonly name = 'CheckpointBroken'
  readonly code = 'checkpoint_broken'
}

const pageSize = 200

/** The heads as of a stored checkpoint, from the last full one on. */
export async function bookOf(store: CheckpointStore, signed: SignedCheckpoint): Promise<HeadBook> {
  const wanted = read(signed)
  const full = await store.fullAt(wanted.number)
  if (full === null) throw new CheckpointBroken('the trail has no full checkpoint')
  let checkpoint = read(full)
  const fullAt = checkpoint.at
  const heads = new Map(checkpoint.heads.map((head) => [head.writer, head]))
  while (checkpoint.number < wanted.number) {
    // oxlint-disable-next-line no-await-in-loop
    const page = await store.after(checkpoint.number, pageSize)
    if (page.length === 0) throw new CheckpointBroken(`checkpoint ${checkpoint.number + 1} is missing`)
    for (const next of page) {
      checkpoint = read(next)
      if (checkpoint.number > wanted.number) break
      for (const head of checkpoint.heads) heads.set(head.writer, head)
    }
  }
  return { checkpoint: wanted, digest: digestOfCheckpoint(signed), heads, fullAt }
}

function read(signed: SignedCheckpoint): Checkpoint {
  const checkpoint = readCheckpoint(signed.text)
  if (checkpoint === null) throw new CheckpointBroken('a checkpoint in the database is none')
  return checkpoint
}
