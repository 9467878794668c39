import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import { leafOfCall, leafOfEnd, merkleRoot, rootOfRows, sealOf } from '../../src/domain/seal.ts'
import type { SealRecord } from '../../src/domain/seal.ts'

interface Vectors {
  calls: { why: string; call: CallRecord; leaf: string }[]
  ends: { why: string; end: EndRecord; leaf: string }[]
  roots: { leaves: string[]; root: string }[]
  seals: SealRecord[]
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../vectors/seals.json', import.meta.url), 'utf8'),
)
const [example] = vectors.calls
const [endExample] = vectors.ends
if (example === undefined || endExample === undefined) throw new Error('no vectors')

describe('every vector of vectors/seals.json', () => {
  test.each(vectors.calls)('the leaf of a call: $why', ({ call, leaf }) => {
    expect(leafOfCall(call)).toBe(leaf)
  })
  test.each(vectors.ends)('the leaf of an end: $why', ({ end, leaf }) => {
    expect(leafOfEnd(end)).toBe(leaf)
  })
  test.each(vectors.roots)('the root of $leaves.length leaves', ({ leaves, root }) => {
    expect(merkleRoot(leaves)).toBe(root)
  })
  test.each(vectors.seals)('seal number $number', ({ seal, ...batch }) => {
    expect(sealOf(batch)).toBe(seal)
  })
})

/** The definition of RFC 6962, which splits at the largest power of two instead of pairing up levels. */
function rootByDefinition(leaves: readonly string[]): Buffer {
  const [first] = leaves
  if (first === undefined) return createHash('sha256').digest()
  if (leaves.length === 1) return Buffer.from(first, 'hex')
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)].map(rootByDefinition)
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(left ?? '')
    .update(right ?? '')
    .digest()
}

test('the root is that of RFC 6962, for any number of leaves', () => {
  for (let count = 0; count < 70; count++) {
    const leaves = Array.from({ length: count }, (_, n) => createHash('sha256').update(`${n}`).digest('hex'))
    expect(merkleRoot(leaves)).toBe(rootByDefinition(leaves).toString('hex'))
  }
})

const text = fc.oneof(
  fc.constantFrom('', ':', 'null', 'true', '0', 'id:', 'a:b', '\uFFFD'),
  fc.string({ unit: 'binary' }),
)
const kinds: Record<string, fc.Arbitrary<string | number | boolean>> = {
  string: text,
  number: fc.oneof(fc.integer(), fc.double({ noNaN: true })),
  boolean: fc.boolean(),
}

describe('two rows that differ in any field', () => {
  const { call } = vectors.calls.find(({ why }) => why === 'every field') ?? { call: undefined }
  test.each(Object.entries(call ?? {}))('%s: have different leaves', (field, is: unknown) => {
    const isInstant = field === 'at' || field === 'lastAt'
    const value = isInstant ? fc.integer() : (kinds[typeof is] ?? fc.constant(0))
    const leaf = (set: unknown): string => leafOfCall({ ...call, [field]: set } as never)
    fc.assert(
      fc.property(value, value, (one, other) => {
        const isSame = String(stored(one)) === String(stored(other))
        expect(leaf(stored(one)) === leaf(stored(other))).toBe(isSame)
        if (!isInstant && field !== 'id') expect(leaf(one)).not.toBe(leaf(`${String(one)}\uFFFD`))
      }),
      { numRuns: 60 },
    )
  })

  test('and no text passes for another field, nor for none', () => {
    fc.assert(
      fc.property(text, text, (tool, method) => {
        const call = { ...example.call, outcome: null }
        const leaves = [
          leafOfCall({ ...call, tool, method: null }),
          leafOfCall({ ...call, tool: null, method: tool }),
          leafOfCall({ ...call, tool: `${tool}\uFFFDmethod:${method}`, method: null }),
          leafOfCall({ ...call, tool, method }),
          leafOfCall({ ...call, tool: null, method: null }),
        ]
        expect(new Set(leaves).size).toBe(leaves.length)
      }),
    )
  })

  test('a call’s leaf is no end’s, and neither is a node', () => {
    const leaves = [...vectors.calls, ...vectors.ends].map(({ leaf }) => leaf)
    const nodes = leaves.slice(1).map((leaf, index) => merkleRoot([leaves[index] ?? '', leaf]))
    expect(leaves.filter((leaf) => nodes.includes(leaf))).toEqual([])
  })
})

/** As a text column keeps it. */
function stored(of: string | number | boolean | null): string | number | boolean | null {
  return typeof of === 'string' ? Buffer.from(of).toString().replaceAll('\0', '\uFFFD') : of
}

test('a row has its leaf whether its text is as it was sent or as the database keeps it', () => {
  fc.assert(
    fc.property(text, (sent) => {
      const call = example.call
      expect(leafOfCall({ ...call, tool: sent, userAgent: sent })).toBe(
        leafOfCall({ ...call, tool: String(stored(sent)), userAgent: String(stored(sent)) }),
      )
    }),
  )
})

test('a field that an older version didn’t know counts as null', () => {
  const lacking = <T extends object>(row: T, names: readonly string[]): T =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what an older spool holds
    Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))) as T
  const none = { grantsDigest: null, principal: null, rpcCode: null, isToolError: null }
  expect(leafOfCall(lacking(example.call, Object.keys(none)))).toBe(leafOfCall({ ...example.call, ...none }))
  const { rpcCode, isToolError } = none
  expect(leafOfEnd(lacking(endExample.end, ['rpcCode', 'isToolError']))).toBe(
    leafOfEnd({ ...endExample.end, rpcCode, isToolError }),
  )
})

test('the root of a batch depends on its rows, not on the order in which they are given', () => {
  const calls = ['a', 'b', 'c'].map((id) => ({ ...example.call, id }))
  const ends = ['a', 'b'].map((callId) => ({ ...endExample.end, callId }))
  const root = rootOfRows(calls, ends)
  expect(rootOfRows(calls.toReversed(), ends.toReversed())).toBe(root)
  expect(rootOfRows(calls.slice(1), ends)).not.toBe(root)
  expect(rootOfRows(calls, [])).not.toBe(root)
})

test('a seal depends on each of its fields', () => {
  const { seal, ...batch } = vectors.seals[0] as SealRecord
  for (const [name, of] of Object.entries(batch)) {
    const changed = { ...batch, [name]: typeof of === 'number' ? of + 1 : `${of}0` }
    expect(sealOf(changed), name).not.toBe(seal)
  }
})
