import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { noSeal } from '../../src/domain/seal.ts'
import { chainOf, verified } from './conformance-seals.ts'
import { useNodes } from './nodes.ts'
import { at, batchOf, call, end } from './records.ts'

const nodes = useNodes()

/** Holds the place of a writer's first seal in a transaction that never commits, until let go. */
async function holdFirstSeal(writer: string): Promise<() => Promise<void>> {
  let letGo: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let ended: Promise<unknown> = Promise.resolve()
  await new Promise<void>((isHolding) => {
    ended = nodes.database
      .transaction(async (queries) => {
        await queries.query(
          `INSERT INTO postern.trail_seals (writer, number, boot, calls, ends, root, previous, seal)
           VALUES ($1, 1, 'held', 1, 0, $2, $2, $2)`,
          [writer, noSeal],
        )
        isHolding()
        await held
        throw new Error('rolled back')
      })
      .catch(() => undefined)
  })
  return async () => {
    letGo()
    await ended
  }
}

/** As the recorder does it: again, where the other one was always first. */
async function untilDone(work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }
}

describe('on a real Postgres', () => {
  test('two processes that add to one chain at once make one, and each row is in it once (T28)', async () => {
    const writer = `node ${newId(at)}`
    const shared = Array.from({ length: 60 }, () => call({ writer, outcome: null }))
    const process = async (store: typeof nodes.a): Promise<void> => {
      const chain = chainOf(writer)
      for (let n = 0; n < 30; n++) {
        const both = shared.slice(n * 2, n * 2 + 2)
        const ends = both.map(({ id }) => end(id))
        const calls = [call({ writer }), ...both]
        await untilDone(() => store.trail.append({ ...batchOf(calls, n % 2 ? ends : []), chain }))
        if (n % 2 === 0) await untilDone(() => store.trail.append({ ...batchOf([], ends), chain }))
      }
    }
    await Promise.all([process(nodes.a), process(nodes.b)])
    const batches = await verified(nodes.a, writer)
    const calls = batches.flatMap((batch) => batch.calls.map(({ id }) => id))
    const ends = batches.flatMap((batch) => batch.ends.map(({ callId }) => callId))
    expect(calls).toHaveLength(2 * 30 + 60)
    expect(new Set(calls).size).toBe(calls.length)
    expect(ends.toSorted()).toEqual(shared.map(({ id }) => id).toSorted())
  })

  test('what an earlier run commits late is in the chain once, whoever comes first (T24)', async () => {
    const writer = `node ${newId(at)}`
    const rows = [call({ writer }), call({ writer, outcome: null })]
    const letGo = await holdFirstSeal(writer)
    const earlier = chainOf(writer)
    const late = nodes.a.trail.append({ ...batchOf(rows), chain: earlier })
    // Its client gives up; the statement goes on in the database.
    await expect(late).rejects.toMatchObject({ code: 'store_unavailable' })
    const later = nodes.b.trail.append({ ...batchOf([...rows, call({ writer })]), chain: chainOf(writer) })
    await nodes.waiting(2)
    await letGo()
    await later
    // The earlier run's own retry, should it live.
    await nodes.a.trail.append({ ...batchOf(rows), chain: earlier })
    const batches = await verified(nodes.b, writer)
    const ids = batches.flatMap((batch) => batch.calls.map(({ id }) => id))
    expect(ids).toHaveLength(3)
    expect(new Set(ids).size).toBe(3)
  })

  test('a seal whose predecessor isn’t there writes nothing, nor do its rows', async () => {
    const writer = `node ${newId(at)}`
    const chain = chainOf(writer)
    const [row] = [call({ writer })]
    await nodes.a.trail.append({ ...batchOf([row]), chain })
    const again = chainOf(writer)
    again.follow({ number: 1, seal: noSeal })
    await nodes.a.trail.append({ ...batchOf([call({ writer })]), chain: again })
    const batches = await verified(nodes.a, writer)
    expect(batches.map(({ seal }) => seal.previous)).toEqual([noSeal, batches[0]?.seal.seal])
  })
})
