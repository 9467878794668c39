import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createVerifier } from '../../../src/audit/verify/verify-trail.ts'
import { publicKeyOf, signCheckpoint, type Checkpoint } from '../../../src/domain/checkpoint.ts'
import { leafOfCall, leafOfEnd, merkleRoot, sealOf, type SealRecord } from '../../../src/domain/seal.ts'
import { idOf, lineOf, readLine, type TrailLine } from '../../../src/domain/trail-line.ts'
import { trailKey, trailOf } from './trail-of.ts'

const keys = [publicKeyOf(trailKey)]

function verify(lines: readonly string[], more: readonly string[] = [], isPartial = false) {
  const verifier = createVerifier({ keys, isPartial })
  for (const line of lines) if (!verifier.read(line)) break
  verifier.nextFile()
  for (const line of more) if (!verifier.read(line)) break
  return verifier.end()
}

function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 })

function contentOf(line: string): TrailLine {
  const read = readLine(line)
  if (read === null) throw new Error('a line of the trail')
  return read
}

describe('an untouched trail', () => {
  test('raises no alarm, with many writers, runs, counted denials and ends that came later', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        (seed, writers, rounds) => {
          const { lines, batches } = trailOf(randomOf(seed), { writers, rounds })
          const verdict = verify(lines)
          expect(verdict.fault).toBeNull()
          expect(verdict).toMatchObject({ batches: batches.length, uncoveredBatches: 0, goneRows: 0, keys })
        },
      ),
      { numRuns: 150 },
    )
  })

  test('raises none once retention has taken its beginning, wherever that ends', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0, max: 1, noNaN: true }), (seed, share) => {
        const { start, end } = trailOf(randomOf(seed))
        const keepsFrom = Math.round(start + share * (end - start))
        const { lines } = trailOf(randomOf(seed), { keepsFrom })
        expect(verify(lines).fault).toBeNull()
      }),
      { numRuns: 150 },
    )
  })

  test('can be verified from a full checkpoint on', () => {
    const { lines, checkpoints } = trailOf(randomOf(5), { rounds: 14 })
    const full = lines.indexOf(
      lineOf({ checkpoint: checkpoints[5] ?? { text: '', signature: '', key: '' } }).trimEnd(),
    )
    const verdict = verify(lines.slice(full))
    expect(verdict.fault).toBeNull()
    expect(verdict.first?.number).toBe(6)
    expect(verify(lines.slice(full + 1)).fault).not.toBeNull()
    expect(verify(lines.slice(full + 1), [], true).fault).toBeNull()
  })

  test('that begins with a full checkpoint is no whole one where an earlier checkpoint is known (T25)', () => {
    const { lines, checkpoints } = trailOf(randomOf(5), { rounds: 14 })
    const signed = checkpoints.map((checkpoint) => lineOf({ checkpoint }).trimEnd())
    const cut = lines.slice(lines.indexOf(signed[5] ?? ''))
    expect(verify(cut, signed.slice(5)).fault).toBeNull()
    expect(verify(cut, signed).fault?.code).toBe('checkpoints_missing')
  })

  test('of a sink may repeat whole batches, and only where it may', () => {
    const { lines } = trailOf(randomOf(9))
    const seal = lines.findIndex((line) => line.startsWith('{"seal"'))
    const twice = [...lines.slice(0, seal + 1), ...lines.slice(0, seal + 1), ...lines.slice(seal + 1)]
    expect(verify(twice, [], true)).toMatchObject({ fault: null, repeatedBatches: 1 })
    expect(verify(twice).fault?.code).toBe('batch_repeated')
  })
})

/** One change that somebody may make to an export; null where it changes nothing. */
type Edit = (lines: readonly string[], random: () => number) => string[] | null

const at = (lines: readonly string[], random: () => number, kind = '') => {
  const fitting = lines.flatMap((line, index) => (line.startsWith(kind) ? [index] : []))
  return fitting[Math.floor(random() * fitting.length)] ?? 0
}
const isRow = (line: string) => /^\{"(call|end|gone)"/.test(line)

const edits: Record<string, Edit> = {
  'edits a field': (lines, random) => {
    const index = at(lines, random)
    const line = JSON.parse(lines[index] ?? '') as Record<string, Record<string, unknown>>
    const [content = {}] = Object.values(line)
    const field = Object.keys(content)[Math.floor(random() * Object.keys(content).length)] ?? ''
    const value = content[field]
    content[field] =
      typeof value === 'number'
        ? value + 1
        : typeof value === 'string'
          ? `${value.slice(1)}${random() < 0.5 ? '0' : 'a'}`
          : value === null
            ? 1
            : !value
    return lines.with(index, JSON.stringify(line))
  },
  'edits a letter': (lines, random) => {
    const index = at(lines, random)
    const text = lines[index] ?? ''
    const place = Math.floor(random() * text.length)
    const letter = String.fromCharCode(32 + Math.floor(random() * 94))
    return lines.with(index, text.slice(0, place) + letter + text.slice(place + 1))
  },
  'adds a field': (lines, random) => {
    const index = at(lines, random)
    return lines.with(index, (lines[index] ?? '').replace(/\}\}$/, ',"note":"fine"}}'))
  },
  'says a field twice': (lines, random) => {
    const index = at(lines, random, '{"call"')
    return lines.with(index, (lines[index] ?? '').replace('{"call":{', '{"call":{"tool":"other",'))
  },
  'deletes a line': (lines, random) => lines.toSpliced(at(lines, random), 1),
  'repeats a line': (lines, random) => {
    const index = at(lines, random)
    return lines.toSpliced(index, 0, lines[index] ?? '')
  },
  'inserts a line from elsewhere': (lines, random) =>
    lines.toSpliced(at(lines, random), 0, lines[at(lines, random)] ?? ''),
  'changes the order of two lines': (lines, random) => {
    const [a, b] = [at(lines, random), at(lines, random)]
    return lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '')
  },
  'cuts the end off': (lines, random) => lines.slice(0, at(lines, random)),
  'cuts the beginning off': (lines, random) => lines.slice(at(lines, random) + 1),
  'drops a checkpoint': (lines, random) => lines.toSpliced(at(lines, random, '{"checkpoint"'), 1),
  'swaps rows between batches, each with its place mended': (lines, random) => {
    const [a, b] = [at(lines, random, '{"call"'), at(lines, random, '{"call"')]
    const [first, second] = [contentOf(lines[a] ?? ''), contentOf(lines[b] ?? '')]
    if (!('call' in first) || !('call' in second)) return null
    const [one, other] = [first.call, second.call]
    if (one.batch === other.batch && one.writer === other.writer) return null
    const placed = (row: typeof one, like: typeof one) =>
      lineOf({ call: { ...row, writer: like.writer, batch: like.batch } }).trimEnd()
    return lines.with(a, placed(other, one)).with(b, placed(one, other))
  },
  'drops a whole batch': (lines, random) => {
    const seal = at(lines, random, '{"seal"')
    let from = seal
    while (from > 0 && isRow(lines[from - 1] ?? '')) from--
    return lines.toSpliced(from, seal - from + 1)
  },
  "drops a batch's rows, as retention would": (lines, random) => {
    const seal = at(lines, random, '{"seal"')
    let from = seal
    while (from > 0 && isRow(lines[from - 1] ?? '')) from--
    return lines.toSpliced(from, seal - from)
  },
  'puts a leaf in the place of a row, as retention would': (lines, random) => {
    const index = at(lines, random, '{"call"')
    const line = contentOf(lines[index] ?? '')
    if (!('call' in line)) return null
    const { id, writer, batch } = line.call
    return lines.with(
      index,
      lineOf({ gone: { kind: 'call', id, writer, batch, leaf: leafOfCall(line.call) } }).trimEnd(),
    )
  },
  'edits a row and seals its batch and all after it anew': (lines, random) => {
    const index = at(lines, random, '{"call"')
    const edited = contentOf(lines[index] ?? '')
    if (!('call' in edited)) return null
    const { writer } = edited.call
    const made = lines.with(index, lineOf({ call: { ...edited.call, tool: 'harmless' } }).trimEnd())
    if (made[index] === lines[index]) return null
    let leaves: string[] = []
    let previous = ''
    return made.map((text, place) => {
      const line = contentOf(text)
      if ('call' in line) leaves.push(leafOfCall(line.call))
      if ('end' in line) leaves.push(leafOfEnd(line.end))
      if (!('seal' in line)) return text
      const seal: SealRecord = { ...line.seal, root: merkleRoot(leaves) }
      leaves = []
      if (seal.writer !== writer) return text
      if (place > index && previous !== '') seal.previous = previous
      seal.seal = sealOf(seal)
      if (place > index) previous = seal.seal
      return place > index ? lineOf({ seal }).trimEnd() : text
    })
  },
  'signs a checkpoint with a key of its own': (lines, random) => {
    const index = at(lines, random, '{"checkpoint"')
    const line = contentOf(lines[index] ?? '')
    if (!('checkpoint' in line)) return null
    const checkpoint = JSON.parse(line.checkpoint.text) as Checkpoint
    const { privateKey } = generateKeyPairSync('ed25519')
    return lines.with(index, lineOf({ checkpoint: signCheckpoint(checkpoint, privateKey) }).trimEnd())
  },
}

describe('a trail that somebody', () => {
  // 60 each: over 1,000 edits.
  test.each(Object.entries(edits))('%s is found out (T25)', (_, edit) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = randomOf(seed)
        const { lines, checkpoints } = trailOf(random, { rounds: 8 })
        const edited = edit(lines, random)
        if (edited === null || edited.join('\n') === lines.join('\n')) return
        // The checkpoints as they were sent elsewhere: what is cut off after one of them shows by the next.
        const sent = checkpoints.map((checkpoint) => lineOf({ checkpoint }).trimEnd())
        expect(verify(edited, sent).fault).not.toBeNull()
      }),
      { numRuns: 60 },
    )
  })

  test('cut it off behind a checkpoint shows by the checkpoints that are kept elsewhere, and by nothing else', () => {
    const { lines, checkpoints } = trailOf(randomOf(3))
    const cut = lines.slice(0, lines.findIndex((line) => line.startsWith('{"checkpoint"')) + 1)
    expect(verify(cut).fault).toBeNull()
    const sent = checkpoints.map((checkpoint) => lineOf({ checkpoint }).trimEnd())
    expect(verify(cut, sent).fault).toMatchObject({
      code: expect.stringMatching(/batches_missing|writer_missing/) as string,
    })
  })

  test('edited is told by the line and the batch', () => {
    const { lines } = trailOf(randomOf(11))
    const index = lines.findIndex((line, place) => place > 20 && line.startsWith('{"call"'))
    const line = contentOf(lines[index] ?? '')
    if (!('call' in line)) throw new Error('a call')
    const fault = verify(
      lines.with(index, lineOf({ call: { ...line.call, count: line.call.count + 1 } }).trimEnd()),
    ).fault
    expect(fault).toMatchObject({ code: 'row_edited' })
    expect(fault?.message).toContain(`batch ${line.call.batch} of the writer ${line.call.writer}`)
    expect(fault?.line).toBeLessThanOrEqual(index + 1)
    expect(idOf(line)).toBe(line.call.id)
  })
})

test('no other text than the one that is written reads as a line', () => {
  const { lines } = trailOf(randomOf(2))
  for (const line of lines) expect(readLine(line)).not.toBeNull()
  const [line = ''] = lines
  for (const other of [
    `${line} `,
    ` ${line}`,
    line.replace(':', ': '),
    line.replace('"at":', '"at":0'),
    '',
    '{}',
    '[]',
    'null',
  ])
    expect(readLine(other), other).toBeNull()
})
