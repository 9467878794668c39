import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import { at, batchOf, call } from './records.ts'

/** Numbers that are missing from the trail: what every engine passes. */
export function gapConformance(current: () => Store): void {
  describe('numbers that no row has', () => {
    const all = { from: 0, to: at + 1e9, limit: 1000 }
    const of = async (writer: string, range = all) =>
      (await current().trail.sequenceGaps(range)).filter((gap) => gap.writer === writer)
    const rows = (writer: string, boot: string, sequences: number[], over: { at?: number } = {}) =>
      sequences.map((sequence) => call({ writer, boot, sequence, ...over }))

    test('are found between those of one run, whatever order they came in', async () => {
      const writer = randomUUID()
      await current().trail.append(batchOf(rows(writer, 'b', [9, 1, 2, 5, 6])))
      await current().trail.append(batchOf(rows(writer, 'c', [3, 4, 5])))
      expect(await of(writer)).toEqual([
        { writer, boot: 'b', first: 3, last: 4, after: at },
        { writer, boot: 'b', first: 7, last: 8, after: at },
      ])
      await current().trail.append(batchOf(rows(writer, 'b', [3, 4, 7, 8])))
      expect(await of(writer)).toEqual([])
    })

    test('are looked for in a range of time, at whose edges nothing is missing', async () => {
      const writer = randomUUID()
      await current().trail.append(batchOf(rows(writer, 'b', [1], { at: at - 1000 })))
      await current().trail.append(batchOf(rows(writer, 'b', [4, 5])))
      await current().trail.append(batchOf(rows(writer, 'b', [8], { at: at + 1000 })))
      expect(await of(writer)).toHaveLength(2)
      expect(await of(writer, { ...all, from: at })).toHaveLength(1)
      expect(await of(writer, { from: at, to: at + 1000, limit: 1000 })).toEqual([])
    })
  })
}
