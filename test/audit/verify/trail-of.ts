import { generateKeyPairSync } from 'node:crypto'
import {
  digestOfCheckpoint,
  signCheckpoint,
  type Head,
  type SignedCheckpoint,
} from '../../../src/domain/checkpoint.ts'
import { newId } from '../../../src/domain/id.ts'
import { leafOfCall, leafOfEnd, noSeal, rootOfRows, sealOf } from '../../../src/domain/seal.ts'
import type { SealedBatch } from '../../../src/domain/sealed-trail.ts'
import { lineOf, linesOfBatch } from '../../../src/domain/trail-line.ts'
import { call, end } from '../../store/records.ts'

export const { privateKey: trailKey } = generateKeyPairSync('ed25519')
const start = Date.UTC(2026, 10, 23, 12)

/** A trail as an export has it, made without a database. `random`: from 0 to 1. */
export function trailOf(
  random: () => number,
  { writers = 3, rounds = 12, keepsFrom = 0, full = 5, key = trailKey } = {},
) {
  const heads = new Map<string, Head>()
  const open: string[] = []
  const known = new Map<string, Head>()
  const lines: string[] = []
  const checkpoints: SignedCheckpoint[] = []
  const batches: SealedBatch[] = []
  let at = start
  const pick = (most: number) => Math.floor(random() * most)

  function addBatch(writer: string): void {
    at += pick(20_000)
    const number = (heads.get(writer)?.number ?? 0) + 1
    const calls = Array.from({ length: pick(6) + 1 }, (_, index) => {
      const isDenial = pick(4) === 0
      return {
        ...call({
          ...{
            id: newId(at + index),
            at: at + index,
            lastAt: at + index + pick(9000),
            writer,
            sequence: number * 10 + index,
          },
          ...{
            boot: `boot-${Math.floor(number / 4)}`,
            tool: ['forecast', 'plan "x"\n', null][pick(3)] ?? null,
          },
          // Denials that repeat are one row; a call that goes on has its end later, perhaps in another batch.
          ...(isDenial
            ? { outcome: 'denied' as const, reason: 'tool_not_granted' as const, count: pick(90) + 1 }
            : { outcome: pick(2) === 0 ? null : ('succeeded' as const) }),
          ...{ durationMs: random() < 0.5 ? null : random() * 100 },
        }),
        batch: number,
      }
    }).sort((a, b) => (a.id < b.id ? -1 : 1))
    for (const { id, outcome } of calls) if (outcome === null) open.push(id)
    const ended = open.splice(0, pick(open.length + 1))
    const ends = ended.sort().map((id) => ({
      ...end(id, { at: at + 50, outcome: pick(2) === 0 ? 'failed' : 'succeeded' }),
      writer,
      batch: number,
    }))
    const batch: SealedBatch = {
      seal: {
        ...{ writer, number, boot: `boot-${Math.floor(number / 4)}`, calls: calls.length, ends: ends.length },
        ...{ root: rootOfRows(calls, ends), previous: heads.get(writer)?.seal ?? noSeal, seal: '' },
      },
      ...{ recordedAt: at, calls, ends, gone: [] },
    }
    batch.seal.seal = sealOf(batch.seal)
    heads.set(writer, { writer, number, seal: batch.seal.seal })
    batches.push(batch)
  }

  const perRound: [SealedBatch[], SignedCheckpoint][] = []
  for (let round = 0; round < rounds; round++) {
    const first = batches.length
    for (let n = pick(6) + 1; n > 0; n--) addBatch(`node-${pick(writers)}`)
    at += 60_000
    const number = checkpoints.length + 1
    const isFull = number % full === 1
    const moved = [...heads.values()].filter((head) => known.get(head.writer)?.number !== head.number)
    for (const head of moved) known.set(head.writer, head)
    const previous = checkpoints.at(-1)
    const signed = signCheckpoint(
      {
        ...{ number, at, previous: previous === undefined ? null : digestOfCheckpoint(previous), epoch: 7 },
        ...{ keepsFrom: round === rounds - 1 ? keepsFrom : 0, full: isFull },
        heads: (isFull ? [...heads.values()] : moved).toSorted((a, b) => (a.writer < b.writer ? -1 : 1)),
      },
      key,
    )
    checkpoints.push(signed)
    perRound.push([batches.slice(first), signed])
  }
  for (const [some, signed] of perRound) {
    for (const batch of some)
      lines.push(
        ...linesOfBatch(afterRetention(batch, keepsFrom, perRound))
          .split('\n')
          .slice(0, -1),
      )
    lines.push(lineOf({ checkpoint: signed }).slice(0, -1))
  }
  return { lines, checkpoints, batches, start, end: at }
}

/** As the tidy-up leaves it. */
function afterRetention(
  batch: SealedBatch,
  keepsFrom: number,
  rounds: [SealedBatch[], SignedCheckpoint][],
): SealedBatch {
  const isOld = (id: string) => Number.parseInt(id.replace('-', '').slice(0, 12), 16) < keepsFrom
  const covering = rounds.find(([some]) => some.includes(batch))?.[1]
  const at = (JSON.parse(covering?.text ?? '{}') as { at: number }).at
  const gone = [
    ...batch.calls
      .filter(({ id }) => isOld(id))
      .map((row) => ({ kind: 'call' as const, id: row.id, leaf: leafOfCall(row) })),
    ...batch.ends
      .filter(({ callId }) => isOld(callId))
      .map((row) => ({ kind: 'end' as const, id: row.callId, leaf: leafOfEnd(row) })),
  ]
  return {
    ...batch,
    calls: batch.calls.filter(({ id }) => !isOld(id)),
    ends: batch.ends.filter(({ callId }) => !isOld(callId)),
    gone: at <= keepsFrom - 60_000 ? [] : gone,
  }
}
