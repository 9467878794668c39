import { clockMarginMs, readCheckpoint, type Head, type SignedCheckpoint } from '../domain/checkpoint.ts'
import type { Store } from '../domain/ports.ts'
import { lineOf, linesOfBatch } from '../domain/trail-line.ts'
import { bookOf } from './head-book.ts'

const rowsAtOnce = 1_000
const checkpointsAtOnce = 50
/** One is one too many, and they may be any number. */
const mostStrays = 100

/** A checkpoint to go on after that the trail doesn't have. */
export class CheckpointUnknown extends Error {
  override readonly name = 'CheckpointUnknown'
  readonly code = 'checkpoint_unknown'
}

/**
 * The trail for verification, piece by piece: each checkpoint behind the batches that it is the first to cover, up to
 * the newest. `after`: the checkpoint to go on behind; null for all that retention hasn't taken wholly.
 */
export async function* exportSealed(
  { sealedTrail, checkpoints }: Pick<Store, 'sealedTrail' | 'checkpoints'>,
  { after }: { after: number | null },
): AsyncGenerator<string> {
  const newest = await checkpoints.newest()
  if (newest === null) return
  const { number: end, keepsFrom } = numbered(newest)
  const base =
    after === null
      ? await firstKept(checkpoints, keepsFrom)
      : after === 0
        ? null
        : await storedAt(checkpoints, after)
  const place = new Map<string, number>()
  let number = 0
  /** Until when rows were looked at that no seal covers. */
  let from: number | null = null
  if (base !== null) {
    number = numbered(base).number
    from = numbered(base).at
    for (const head of (await bookOf(checkpoints, base)).heads.values()) place.set(head.writer, head.number)
    if (after === null) yield lineOf({ checkpoint: base })
  }
  while (number < end) {
    /* oxlint-disable no-await-in-loop */
    const page = await checkpoints.after(number, checkpointsAtOnce)
    if (page.length === 0) return
    // What was there before the first checkpoint may be from before there were seals.
    from ??= numbered(page[0]).at
    const to = numbered(page.at(-1)).at
    const strays = await sealedTrail.strays(from, to, mostStrays)
    if (strays.length > 0) yield strays.map((stray) => lineOf({ stray })).join('')
    from = to
    for (const signed of page) {
      const checkpoint = numbered(signed)
      if (checkpoint.number > end) return
      yield* batchesUpTo(sealedTrail, place, checkpoint.heads)
      yield lineOf({ checkpoint: signed })
      number = checkpoint.number
    }
    /* oxlint-enable no-await-in-loop */
  }
}

async function* batchesUpTo(
  trail: Pick<Store['sealedTrail'], 'batches'>,
  place: Map<string, number>,
  heads: readonly Head[],
): AsyncGenerator<string> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const batches = await trail.batches(place, heads, rowsAtOnce)
    if (batches.length === 0) return
    yield batches.map(linesOfBatch).join('')
    for (const { seal } of batches) place.set(seal.writer, seal.number)
  }
}

/** The last full checkpoint before which all rows are gone; null where everything is to be told. */
async function firstKept(
  checkpoints: Store['checkpoints'],
  keepsFrom: number,
): Promise<SignedCheckpoint | null> {
  const covering = await checkpoints.newestAt(keepsFrom - clockMarginMs)
  return covering === null ? null : await checkpoints.fullAt(numbered(covering).number)
}

async function storedAt(checkpoints: Store['checkpoints'], number: number): Promise<SignedCheckpoint> {
  const [signed] = await checkpoints.after(number - 1, 1)
  if (signed === undefined || numbered(signed).number !== number)
    throw new CheckpointUnknown(`the trail has no checkpoint ${number}`)
  return signed
}

/** What was changed in the database is told as it is: whoever verifies it is to see that. */
function numbered(signed: SignedCheckpoint | undefined) {
  return readCheckpoint(signed?.text ?? '') ?? { number: 0, at: 0, keepsFrom: 0, heads: [] }
}
