import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createChains } from '../../src/audit/chain.ts'
import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import { newId } from '../../src/domain/id.ts'
import type { Chain, Store } from '../../src/domain/ports.ts'
import { noSeal, rootOfRows, sealOf } from '../../src/domain/seal.ts'
import type { SealedBatch } from '../../src/domain/sealed-trail.ts'
import { at, batchOf, call, createUserWithKey, end } from './records.ts'

/** A chain as a process has it that has just started. */
export function chainOf(writer: string): Chain {
  return createChains(`boot ${newId(at)}`)(writer)
}

/** A writer's batches as they read back. Fails unless each seal fits its rows and the one before it, without a gap. */
export async function verified(store: Pick<Store, 'sealedTrail'>, writer: string): Promise<SealedBatch[]> {
  const heads = (await store.sealedTrail.heads()).filter((head) => head.writer === writer)
  const batches: SealedBatch[] = []
  for (;;) {
    const from = new Map([[writer, batches.length]])
    const some = await store.sealedTrail.batches(from, heads, 10_000)
    if (some.length === 0) break
    batches.push(...some)
  }
  expect(batches).toHaveLength(heads[0]?.number ?? 0)
  let previous = noSeal
  for (const [index, { seal, calls, ends }] of batches.entries()) {
    expect(seal).toMatchObject({
      writer,
      number: index + 1,
      previous,
      calls: calls.length,
      ends: ends.length,
    })
    expect(rootOfRows(calls, ends)).toBe(seal.root)
    expect(sealOf(seal)).toBe(seal.seal)
    expect([...calls, ...ends].every((row) => row.batch === seal.number)).toBe(true)
    previous = seal.seal
  }
  return batches
}

/** Seals, written with their rows: what every engine passes. */
export function sealConformance(current: () => Store): void {
  const newWriter = (): string => `node ${newId(at)}`
  const ids = (batches: readonly SealedBatch[]): string[][] =>
    batches.map(({ calls, ends }) => [...calls.map(({ id }) => id), ...ends.map(({ callId }) => callId)])

  describe('seals', () => {
    test('fit the rows as they read back, whatever text, number and instant is in them (T25)', async () => {
      const writer = newWriter()
      const chain = chainOf(writer)
      const text = fc.oneof(
        fc.constantFrom('', 'a\0b', '\ud800', 'x\udc00\ud83d', '\uFEFF', '\u2028', '{}\'"\\', '日本 🚀'),
        fc.string({ unit: 'binary', maxLength: 40 }),
      )
      const instant = fc.oneof(
        fc.integer({ min: 0, max: 4_000_000_000_000 }),
        fc.double({ min: 900_000_000_000, max: 2_000_000_000_000, noNaN: true }),
      )
      const nullable = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null })
      const duration = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e5, noNaN: true }), fc.constant(-0))
      const made = fc.record({
        sequence: fc.maxSafeInteger(),
        at: instant,
        lastAt: instant,
        requestId: text,
        credentialKind: fc.constantFrom(null, 'session', 'jwt', 'service-key'),
        principal: nullable(text),
        grantsDigest: nullable(text),
        traceId: fc.constantFrom(null, undefined, 'ab'),
        argumentsHmac: nullable(text),
        httpMethod: nullable(text),
        path: nullable(text),
        method: nullable(text),
        tool: nullable(text),
        outcome: fc.constantFrom(null, 'succeeded', 'denied'),
        reason: nullable(text),
        status: nullable(fc.integer()),
        durationMs: nullable(duration),
        rpcCode: fc.option(fc.integer(), { nil: undefined }),
        isToolError: fc.constantFrom(null, undefined, true, false),
        clientAddress: nullable(text),
        userAgent: nullable(text),
        count: fc.integer({ min: 0, max: 1_000_000 }),
        hasIds: fc.boolean(),
        boot: text,
      })
      const ended = fc.record({
        at: instant,
        reason: nullable(text),
        status: nullable(fc.integer()),
        durationMs: fc.double({ noNaN: true }),
        rpcCode: fc.constantFrom(null, undefined, -5),
        isToolError: fc.constantFrom(null, undefined, true),
      })
      let batches = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(made, { minLength: 1, maxLength: 5 }),
          fc.array(ended, { maxLength: 3 }),
          async (some, someEnds) => {
            const calls = some.map(({ hasIds, ...row }) => {
              const of = hasIds ? newId(at) : null
              // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a spool may hold
              return { ...call({ at }), ...row, writer, keyId: of, serviceUserId: of } as CallRecord
            })
            const ends = someEnds.map((row) => end(newId(at), row as Partial<EndRecord>))
            await current().trail.append({ ...batchOf(calls, ends), chain })
            batches++
          },
        ),
        { numRuns: 60 },
      )
      expect(await verified(current(), writer)).toHaveLength(batches)
    })

    test('form one chain over the runs of a writer, from what the database has', async () => {
      const writer = newWriter()
      const rows = Array.from({ length: 4 }, () => call({ writer }))
      for (const row of rows) await current().trail.append({ ...batchOf([row]), chain: chainOf(writer) })
      expect(ids(await verified(current(), writer))).toEqual(rows.map(({ id }) => [id]))
    })

    test('of a batch that is committed already, since its answer was lost, are not made again', async () => {
      const writer = newWriter()
      const before = chainOf(writer)
      await current().trail.append({ ...batchOf([call({ writer })]), chain: before })
      const head = before.next([], [])?.previous ?? ''
      const calls = [call({ writer }), call({ writer, outcome: null })]
      const batch = { ...batchOf(calls, [end(calls[1]?.id ?? '')]), chain: before }
      await current().trail.append(batch)
      before.follow({ number: 1, seal: head })
      await current().trail.append(batch)
      expect(await verified(current(), writer)).toHaveLength(2)
      await current().trail.append({ ...batch, chain: chainOf(writer) })
      expect(await verified(current(), writer)).toHaveLength(2)
    })

    test('leave out rows that are there already, sealed or from before sealing, so that each has one', async () => {
      const writer = newWriter()
      const [unsealed, first, second, third] = [1, 2, 3, 4].map(() => call({ writer, outcome: null }))
      if (!unsealed || !first || !second || !third) throw new Error('no rows')
      await current().trail.append(batchOf([unsealed], [end(unsealed.id)]))
      const chain = chainOf(writer)
      await current().trail.append({ ...batchOf([first]), chain })
      const whole = [unsealed, first, { ...second, tool: 'kept' }, second, third]
      const ends = [end(unsealed.id), end(first.id), end(third.id), end(third.id)]
      await current().trail.append({ ...batchOf(whole, ends), chain })
      const batches = await verified(current(), writer)
      expect(ids(batches)).toEqual([
        [first.id],
        [...[second.id, third.id].toSorted(), ...[first.id, third.id].toSorted()],
      ])
      expect(batches[1]?.calls.find(({ id }) => id === second.id)?.tool).toBe('kept')
    })

    test('of two processes with one writer’s name follow each other, and fork nowhere (T28)', async () => {
      const writer = newWriter()
      const [one, other] = [chainOf(writer), chainOf(writer)]
      const both = call({ writer })
      for (const chain of [one, other, other, one, one, other])
        await current().trail.append({ ...batchOf([call({ writer }), both]), chain })
      expect((await verified(current(), writer)).map(({ calls }) => calls.length)).toEqual([2, 1, 1, 1, 1, 1])
    })

    test('follow what the database has, where it has lost what this process knows of', async () => {
      const writer = newWriter()
      const chain = chainOf(writer)
      await current().trail.append({ ...batchOf([call({ writer })]), chain })
      const lost = { number: 7, seal: 'ab'.repeat(32) }
      chain.follow(lost)
      await current().trail.append({ ...batchOf([call({ writer })]), chain })
      chain.follow({ number: 2, seal: lost.seal })
      await current().trail.append({ ...batchOf([call({ writer })], [], [[newId(at), at]]), chain })
      expect(await verified(current(), writer)).toHaveLength(3)
    })

    test('are not left behind by a batch that is refused, nor does it hold up the next', async () => {
      const writer = newWriter()
      const chain = chainOf(writer)
      const refused = [call({ writer, status: 1e12 }), call({ writer, outcome: 'none' as never })]
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a corrupt line may hold
      const nameless = call({ writer, requestId: null as never })
      for (const row of [...refused, nameless])
        await expect(current().trail.append({ ...batchOf([call({ writer }), row]), chain })).rejects.toThrow()
      await expect(
        current().trail.append({ ...batchOf([call({ writer: 'another' })]), chain }),
      ).rejects.toThrow('another writer')
      const taken = call({ writer })
      await current().trail.append({ ...batchOf([taken]), chain })
      expect(ids(await verified(current(), writer))).toEqual([[taken.id]])
    })

    test('are made for rows alone: the last use of a key has none', async () => {
      const writer = newWriter()
      const { key } = await createUserWithKey(current())
      await current().trail.append({ ...batchOf([], [], [[key.id, at]]), chain: chainOf(writer) })
      expect(await verified(current(), writer)).toEqual([])
      expect((await current().keys.findKey(key.id))?.key.lastUsedAt).toBe(at)
    })

    test('of an end alone, whose call came in an earlier batch, name its writer', async () => {
      const writer = newWriter()
      const chain = chainOf(writer)
      const open = call({ writer, outcome: null })
      await current().trail.append({ ...batchOf([open]), chain })
      await current().trail.append({ ...batchOf([], [end(open.id)]), chain })
      const [, second] = await verified(current(), writer)
      expect(second?.ends).toMatchObject([{ callId: open.id, writer, batch: 2 }])
    })
  })
}
