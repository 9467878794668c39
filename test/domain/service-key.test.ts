import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createTokenScanner,
  formatToken,
  hashToken,
  newToken,
  parseToken,
  prefixPattern,
  startOfToken,
} from '../../src/domain/service-key.ts'

interface Vectors {
  valid: {
    why: string
    prefix: string
    prefixes: string[]
    secretHex: string
    token: string
    digestHex: string
    start: string
  }[]
  invalid: { why: string; token: string; prefixes: string[] }[]
}

const vectorsUrl = new URL('../../vectors/service-key.json', import.meta.url)
const vectors: Vectors = JSON.parse(readFileSync(vectorsUrl, 'utf8'))
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
const prefix = fc.stringMatching(/^[a-z][a-z0-9]{1,11}$/)

describe('tokens of vectors/service-key.json', () => {
  it.each(vectors.valid)('valid: $why', ({ prefix, prefixes, secretHex, token, digestHex, start }) => {
    expect(formatToken(prefix, Buffer.from(secretHex, 'hex'))).toBe(token)
    expect(parseToken(token, prefixes)).toEqual({ prefix, digest: Buffer.from(digestHex, 'hex') })
    expect(startOfToken(token)).toBe(start)
  })

  it.each(vectors.invalid)('refused: $why', ({ token, prefixes }) => {
    expect(parseToken(token, prefixes)).toBeNull()
  })
})

describe('a token', () => {
  it('of any prefix and secret is read again, and its digest is the SHA-256 of the whole', () => {
    fc.assert(
      fc.property(prefix, secret, (prefix, secret) => {
        const token = formatToken(prefix, secret)
        expect(token).toMatch(/^[a-z][a-z0-9]{1,11}_[0-9A-Za-z]{49}$/)
        const parsed = parseToken(token, ['other', prefix])
        expect(parsed?.prefix).toBe(prefix)
        expect(parsed?.digest).toEqual(createHash('sha256').update(token).digest())
        expect(hashToken(token)).toEqual(parsed?.digest)
      }),
    )
  })

  it('with one character changed is never taken for a token: CRC-32 finds every single change', () => {
    fc.assert(
      fc.property(secret, fc.nat(48), fc.nat(61), (secret, at, letter) => {
        const token = formatToken('pst', secret)
        const place = 'pst_'.length + at
        const changed = token.slice(0, place) + alphabet.charAt(letter) + token.slice(place + 1)
        expect(parseToken(changed, ['pst']) === null).toBe(changed !== token)
      }),
    )
  })

  it('is all that is accepted: arbitrary text is refused and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        expect(parseToken(text, ['pst'])).toBeNull()
        expect(parseToken(`pst_${text}`, ['pst'])).toBeNull()
      }),
    )
  })

  it('is new each time, and holds 256 random bits', () => {
    const tokens = Array.from({ length: 200 }, () => newToken('pst'))
    expect(new Set(tokens).size).toBe(tokens.length)
    for (const token of tokens) expect(parseToken(token, ['pst'])).not.toBeNull()
    // 62^42 lies below 2^256, so the first digits vary too.
    expect(new Set(tokens.map((token) => token.charAt(4))).size).toBeGreaterThan(5)
  })

  it('is made from 32 bytes and a sound prefix only', () => {
    for (const length of [0, 31, 33])
      expect(() => formatToken('pst', new Uint8Array(length))).toThrow(TypeError)
    for (const bad of ['', 'p', 'P', 'Pst', '1st', 'p_t', 'p-t', 'päs', 'abcdefghijklm', 'pst\n'])
      expect(() => formatToken(bad, new Uint8Array(32))).toThrow(TypeError)
  })

  it('shows at most 24 of its 256 bits in its start', () => {
    fc.assert(
      fc.property(prefix, secret, (prefix, secret) => {
        const token = formatToken(prefix, secret)
        const start = startOfToken(token)
        expect(token.startsWith(start)).toBe(true)
        expect(start.length).toBe(prefix.length + 1 + 4)
      }),
    )
  })
})

describe('a prefix', () => {
  it.each(['ab', 'a1', 'pst', 'abcdefghij12'])('may be %j', (text) =>
    expect(prefixPattern.test(text)).toBe(true),
  )
  it.each(['', 'a', '1a', 'A1', 'aB', 'a_b', 'a-b', 'a.b', ' ab', 'ab\n', 'abcdefghijklm'])(
    'may not be %j',
    (text) => expect(prefixPattern.test(text)).toBe(false),
  )
})

describe('the scanner for tokens in text', () => {
  const token = formatToken('pst', Buffer.alloc(32, 7))
  const scanner = createTokenScanner(['pst', 'mmm'])
  const wrongChecksum = `${token.slice(0, -6)}000000`

  it.each([
    ['the token itself', token],
    ['in a query', `/mcp?key=${token}&x=1`],
    ['after Bearer', `Bearer ${token}`],
    ['with a wrong checksum', wrongChecksum],
    ['of another accepted prefix', `mmm_${token.slice(4)}`],
    ['glued to other letters', `x${token}x`],
  ])('finds one %s', (_where, text) => {
    expect(scanner.found(text)).toBe(true)
    const masked = scanner.mask(text)
    expect(scanner.found(masked)).toBe(false)
    expect(masked).not.toContain(token.slice(4, 40))
    expect(masked).toMatch(/(pst|mmm)_\[masked\]/)
  })

  it.each([
    ['nothing', ''],
    ['its display start', startOfToken(token)],
    ['a token one character short', token.slice(0, -1)],
    ['a token of a prefix that is not ours', `abc_${token.slice(4)}`],
    ['its digest', hashToken(token).toString('hex')],
  ])('is silent about %s', (_what, text) => {
    expect(scanner.found(text)).toBe(false)
    expect(scanner.mask(text)).toBe(text)
  })

  it('masks each of several and leaves the rest', () => {
    expect(scanner.mask(`a ${token} b ${token}, c`)).toBe('a pst_[masked] b pst_[masked], c')
  })

  it('answers the same each time it is asked', () => {
    expect([1, 2, 3].map(() => scanner.found(token))).toEqual([true, true, true])
  })
})
