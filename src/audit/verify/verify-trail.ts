import {
  clockMarginMs,
  digestOfCheckpoint,
  isSigned,
  readCheckpoint,
  type Checkpoint,
  type SignedCheckpoint,
} from '../../domain/checkpoint.ts'
import type { SealRecord } from '../../domain/seal.ts'
import { readLine } from '../../domain/trail-line.ts'
import { addRow, checkSeal, placeOf, type OpenBatch, type RowLine } from './batch.ts'
import { createChains } from './chains.ts'
import { TrailFault } from './fault.ts'

/** What was found in an export. */
export interface TrailVerdict {
  fault: TrailFault | null
  calls: number
  ends: number
  batches: number
  checkpoints: number
  writers: number
  /** Rows that retention took, by leaf or with their whole batch. */
  goneRows: number
  /** Batches that stand there twice, as delivery at least once may do. */
  repeatedBatches: number
  /** Batches behind the last checkpoint: whoever could write to the database could make them anew. */
  uncoveredBatches: number
  /** Public keys by which checkpoints were signed. */
  keys: string[]
  first: Checkpoint | null
  last: Checkpoint | null
}

export interface VerifyOptions {
  /** The public keys that checkpoints must be signed by; empty: any, which proves nothing of who signed. */
  keys: readonly string[]
  /** A file whose beginning is elsewhere, or whose end is still to come. */
  isPartial: boolean
}

/** Batches without any row, since the last checkpoint, or under one that was signed at `at`. */
interface GoneBatches {
  line: number
  writer: string
  number: number
  at: number | null
}

/** Verifies lines as they come, with no more in memory than a batch, each writer's head and what no checkpoint covers. */
export function createVerifier({ keys, isPartial }: VerifyOptions) {
  const chains = createChains({ isPartial })
  const used = new Set<string>()
  const links = new Map<number, string>()
  const counts = { calls: 0, ends: 0, batches: 0, checkpoints: 0, goneRows: 0, repeatedBatches: 0 }
  let open: OpenBatch | null = null
  let line = 0
  let files = 1
  let first: Checkpoint | null = null
  let last: { checkpoint: Checkpoint; link: string } | null = null
  const goneBatches: GoneBatches[] = []
  let latestGone: { at: number; line: number; id: string } | null = null

  const mayRepeat = () => isPartial || files > 1

  function readRow(row: RowLine): void {
    open = addRow(open, row, line)
    if (!('gone' in row)) return
    const at = Number.parseInt(row.gone.id.replace('-', '').slice(0, 12), 16)
    if (latestGone === null || at > latestGone.at) latestGone = { at, line, id: row.gone.id }
  }

  function readSeal(seal: SealRecord): void {
    const isGone = checkSeal(open, seal, line)
    const rows = open
    open = null
    if (!chains.add(seal, line)) {
      // Sinks repeat, and exports don't.
      if (!mayRepeat() || isGone)
        throw new TrailFault(
          'batch_repeated',
          `${placeOf(seal.writer, seal.number)} stands there twice`,
          line,
        )
      counts.repeatedBatches++
      return
    }
    counts.batches++
    counts.calls += seal.calls
    counts.ends += seal.ends
    counts.goneRows += isGone ? seal.calls + seal.ends : (rows?.gone ?? 0)
    if (isGone) goneBatches.push({ line, writer: seal.writer, number: seal.number, at: null })
  }

  function readSigned(signed: SignedCheckpoint): void {
    if (open !== null) throw sealMissing(open)
    const checkpoint = readCheckpoint(signed.text)
    if (checkpoint === null)
      throw new TrailFault('checkpoint_malformed', 'the checkpoint is not one as Postern writes it', line)
    const name = `checkpoint ${checkpoint.number}`
    if (!isSigned(signed))
      throw new TrailFault('checkpoint_edited', `${name} is not what its key has signed`, line)
    if (keys.length > 0 && !keys.includes(signed.key))
      throw new TrailFault(
        'checkpoint_key',
        `${name} is signed by the key ${signed.key}, which is not yours`,
        line,
      )
    const link = digestOfCheckpoint(signed)
    if (last !== null && checkpoint.number <= last.checkpoint.number) {
      // An export may begin with a full checkpoint, but not where an earlier one is known.
      if (first !== null && checkpoint.number < first.number && !isPartial)
        throw new TrailFault(
          'checkpoints_missing',
          `${name} is before the first of the export, ${first.number}: its beginning is missing`,
          line,
        )
      const known = links.get(checkpoint.number)
      if ((known !== undefined && known !== link) || !mayRepeat())
        throw new TrailFault('checkpoint_edited', `${name} stands there twice`, line)
      return
    }
    follow(checkpoint, name)
    used.add(signed.key)
    counts.checkpoints++
    first ??= checkpoint
    last = { checkpoint, link }
    links.set(checkpoint.number, link)
    links.delete(checkpoint.number - 10_000)
    settleGone(checkpoint)
  }

  function follow(checkpoint: Checkpoint, name: string): void {
    if (last === null && checkpoint.number !== 1 && !isPartial) {
      // What the export begins behind.
      if (!checkpoint.full || counts.batches > 0)
        throw new TrailFault('checkpoints_missing', `${name} is the first: those before it are missing`, line)
      chains.beginAt(checkpoint.heads)
      return
    }
    if (last !== null && checkpoint.number !== last.checkpoint.number + 1)
      throw new TrailFault(
        'checkpoints_missing',
        `${name} follows on ${last.checkpoint.number}: those in between are missing`,
        line,
      )
    if (last !== null && checkpoint.previous !== last.link)
      throw new TrailFault('checkpoint_edited', `${name} doesn't follow on the one before it`, line)
    for (const head of checkpoint.heads) chains.cover(head, line)
  }

  /** By the time of the first checkpoint over them: they were recorded before it. */
  function settleGone(checkpoint: Checkpoint): void {
    let kept = 0
    for (const gone of goneBatches) {
      if (gone.at === null && chains.isCovered(gone.writer, gone.number)) {
        gone.at = checkpoint.at
        // The first of those under one checkpoint speaks for them all.
        if (goneBatches[kept - 1]?.at === checkpoint.at) continue
      }
      goneBatches[kept++] = gone
    }
    goneBatches.length = kept
  }

  function readText(text: string): void {
    line++
    const read = readLine(text)
    if (read === null)
      throw new TrailFault('line_malformed', 'the line is not one as an export for verification has it', line)
    if ('seal' in read) readSeal(read.seal)
    else if ('checkpoint' in read) readSigned(read.checkpoint)
    else if ('stray' in read)
      throw new TrailFault(
        'row_unsealed',
        `the row ${read.stray.id} has no seal: it was put there by somebody else, or by a version before seals`,
        line,
      )
    else readRow(read)
  }

  function checkEnd(): void {
    if (open !== null) throw sealMissing(open)
    const keepsFrom = last?.checkpoint.keepsFrom ?? 0
    const wrong = goneBatches.find(({ at }) => at === null || at > keepsFrom - clockMarginMs)
    if (wrong !== undefined)
      throw new TrailFault(
        'row_missing',
        `no row of ${placeOf(wrong.writer, wrong.number)} is there, and retention has not got so far`,
        wrong.line,
      )
    if (latestGone !== null && latestGone.at >= keepsFrom)
      throw new TrailFault(
        'row_missing',
        `the row ${latestGone.id} is not there, and retention has not got so far`,
        latestGone.line,
      )
    checkIsWhole()
  }

  function checkIsWhole(): void {
    if (isPartial) return
    if (chains.uncovered() > 0)
      throw new TrailFault(
        'checkpoint_missing',
        `the last ${chains.uncovered()} batches have no checkpoint behind them: the end is missing`,
        line,
      )
    if (last === null)
      throw new TrailFault('checkpoint_missing', 'there is no checkpoint: nothing says what was there', line)
  }

  function sealMissing({ writer, number, firstLine }: OpenBatch): TrailFault {
    return new TrailFault('seal_missing', `the seal of ${placeOf(writer, number)} is missing`, firstLine)
  }

  let fault: TrailFault | null = null
  function attempt(work: () => void): void {
    if (fault !== null) return
    try {
      work()
    } catch (error) {
      if (!(error instanceof TrailFault)) throw error
      fault = error
    }
  }

  return {
    /** One line, without its line break; false once something doesn't fit, and then nothing more is read. */
    read(text: string): boolean {
      attempt(() => readText(text))
      return fault === null
    },
    /** What follows is of another file, such as one with the checkpoints alone: it may repeat what was read. */
    nextFile(): void {
      // An export is whole by itself: what follows may add to it, and not mend it.
      attempt(checkIsWhole)
      files++
    },
    /** When all lines are read; `lastIsWhole`: the last one had its line break. */
    end(lastIsWhole = true): TrailVerdict {
      if (!lastIsWhole && !isPartial)
        attempt(() => {
          throw new TrailFault('line_malformed', 'the last line is cut off', line + 1)
        })
      attempt(checkEnd)
      return {
        ...{ fault, ...counts, writers: chains.writers(), uncoveredBatches: chains.uncovered() },
        ...{ keys: [...used], first, last: last?.checkpoint ?? null },
      }
    },
  }
}
