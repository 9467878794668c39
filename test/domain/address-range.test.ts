import { readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { formatAddressRange, isInRanges, parseAddressRange } from '../../src/domain/address-range.ts'

interface Vectors {
  ranges: { text: string; canonical: string | null; why: string }[]
  contained: { range: string; address: string; isIn: boolean }[]
}
const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/addresses.json', import.meta.url), 'utf8'),
) as Vectors

function read(text: string) {
  const range = parseAddressRange(text)
  if (typeof range === 'string') throw new Error(range)
  return range
}

describe('every vector of vectors/addresses.json', () => {
  test.each(vectors.ranges)('$text ($why)', ({ text, canonical }) => {
    const range = parseAddressRange(text)
    expect(typeof range === 'string' ? null : formatAddressRange(range)).toBe(canonical)
  })

  test.each(vectors.contained)('$address in $range: $isIn', ({ range, address, isIn }) => {
    expect(isInRanges([read(range)], address)).toBe(isIn)
  })
})

describe('a block', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6())

  it('is written in one form that reads as itself', () => {
    fc.assert(
      fc.property(address, (text) => {
        const canonical = formatAddressRange(read(text))
        expect(formatAddressRange(read(canonical))).toBe(canonical)
      }),
    )
  })

  it('holds what Node says that it holds', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(32), fc.ipV4(), (base, bits, other) => {
        const list = new BlockList()
        list.addSubnet(base, bits)
        const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0
        const value = base.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
        const first = ((value & mask) >>> 0).toString(16).padStart(8, '0')
        const text = `${first
          .match(/../g)
          ?.map((byte) => Number.parseInt(byte, 16))
          .join('.')}/${bits}`
        for (const asked of [other, base]) expect(isInRanges([read(text)], asked)).toBe(list.check(asked))
      }),
    )
  })

  it('is one or says why not, whatever the text', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(':', '.', '/', '%', '0', '1', 'f') }),
    )
    fc.assert(fc.property(texts, (text) => void parseAddressRange(text)))
    fc.assert(fc.property(texts, (text) => void isInRanges([read('::/0')], text)))
  })
})
