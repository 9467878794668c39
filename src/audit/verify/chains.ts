import type { Head } from '../../domain/checkpoint.ts'
import { noSeal, type SealRecord } from '../../domain/seal.ts'
import { placeOf } from './batch.ts'
import { TrailFault } from './fault.ts'

/** Each writer's chain, as far as it was read. */
export interface Chains {
  /** Puts a seal at the end of its writer's chain; false where the whole batch was there already, and is the same. */
  add(seal: SealRecord, line: number): boolean
  /** Begins the chains of these writers behind their heads, which a checkpoint has. */
  beginAt(heads: readonly Head[]): void
  /** Holds what a checkpoint says of a writer against its chain, and forgets what it covers. */
  cover(head: Head, line: number): void
  /** Whether a writer's batch is covered by a checkpoint. */
  isCovered(writer: string, number: number): boolean
  writers(): number
  /** Batches that no checkpoint covers yet. */
  uncovered(): number
}

interface Chain {
  number: number
  seal: string
  /** The newest head that a checkpoint has covered. */
  covered: Head | null
  /** Seals after it, for the next one. */
  open: Map<number, string>
  /** The last few seals, to know a batch that arrived twice. */
  recent: Map<number, string>
}

/** As many batches as may arrive once more, after a sink was cut off. */
const mostRecent = 1_000
/** No export of ours has so many batches between two checkpoints: whatever comes may not fill the memory. */
const mostOpen = 2_000_000

/** `isPartial`: chains may begin anywhere, and that is taken on trust. */
export function createChains({ isPartial }: { isPartial: boolean }): Chains {
  const chains = new Map<string, Chain>()
  let uncovered = 0

  function begin(writer: string, number: number, seal: string, covered: Head | null): Chain {
    const chain: Chain = { number, seal, covered, open: new Map(), recent: new Map() }
    chains.set(writer, chain)
    return chain
  }

  function chainFor(seal: SealRecord, line: number): Chain {
    const known = chains.get(seal.writer)
    if (known !== undefined) return known
    if (seal.number === 1 || isPartial)
      return begin(seal.writer, seal.number - 1, seal.number === 1 ? noSeal : seal.previous, null)
    throw new TrailFault(
      'batches_missing',
      `the first batch of the writer ${seal.writer} is number ${seal.number}: those before it are missing`,
      line,
    )
  }

  return {
    add(seal, line) {
      const chain = chainFor(seal, line)
      const name = placeOf(seal.writer, seal.number)
      if (seal.number <= chain.number) {
        if (chain.recent.get(seal.number) === seal.seal) return false
        throw new TrailFault('batch_repeated', `${name} stands there again, or another in its place`, line)
      }
      if (seal.number > chain.number + 1)
        throw new TrailFault(
          'batches_missing',
          `${name} follows on ${chain.number}: those in between are missing`,
          line,
        )
      if (seal.previous !== chain.seal)
        throw new TrailFault('chain_broken', `${name} doesn't follow on the seal before it`, line)
      chain.number = seal.number
      chain.seal = seal.seal
      chain.open.set(seal.number, seal.seal)
      chain.recent.set(seal.number, seal.seal)
      chain.recent.delete(seal.number - mostRecent)
      uncovered++
      if (uncovered > mostOpen)
        throw new TrailFault('checkpoint_missing', `${mostOpen} batches have no checkpoint behind them`, line)
      return true
    },

    beginAt(heads) {
      for (const head of heads) begin(head.writer, head.number, head.seal, head)
    },

    cover(head, line) {
      const chain = chains.get(head.writer)
      if (chain === undefined) {
        if (isPartial) {
          begin(head.writer, head.number, head.seal, head)
          return
        }
        throw new TrailFault(
          'writer_missing',
          `the checkpoint has the writer ${head.writer}, of which nothing is there`,
          line,
        )
      }
      if (chain.number < head.number)
        throw new TrailFault(
          'batches_missing',
          `the checkpoint has ${placeOf(head.writer, head.number)}, and what is there ends with ${chain.number}`,
          line,
        )
      const { covered } = chain
      const seal = covered?.number === head.number ? covered.seal : chain.open.get(head.number)
      // Older than what is covered: an older checkpoint that came once more.
      if (seal === undefined && covered !== null && head.number < covered.number) return
      if (seal !== head.seal && !(isPartial && seal === undefined))
        throw new TrailFault(
          'seal_differs',
          `${placeOf(head.writer, head.number)} has another seal than the checkpoint says`,
          line,
        )
      for (const number of chain.open.keys()) {
        if (number > head.number) break
        chain.open.delete(number)
        uncovered--
      }
      chain.covered = head
    },

    isCovered: (writer, number) => (chains.get(writer)?.covered?.number ?? 0) >= number,
    writers: () => chains.size,
    uncovered: () => uncovered,
  }
}
