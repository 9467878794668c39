import { generateKeyPairSync } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSigningKeys } from '../../src/domain/signing-key.ts'
import { vectors } from '../identity/assertion-vectors.ts'

const pem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const seed = (fill: number) => Buffer.alloc(32, fill).toString('base64')
const seedsOf = (text: string) =>
  parseSigningKeys(text)?.map((key) =>
    Buffer.from(String(key.export({ format: 'jwk' }).d), 'base64url').toString('hex'),
  )

describe('a signing key', () => {
  test('is a PEM or a seed in either base64, and each says the same', () => {
    const { seed, seedHex, pem } = vectors
    for (const text of [
      seed,
      `  ${seed}\n`,
      seed.replace('=', ''),
      seed.replaceAll('+', '-').replaceAll('/', '_'),
      pem,
      pem.replaceAll('\n', '\\n'),
      pem.replaceAll('\n', ' '),
      pem.replaceAll('\n', '\r\n'),
    ])
      expect(seedsOf(text)).toEqual([seedHex])
  })

  test('several keep their order, whatever is between them', () => {
    const hex = (fill: number) => Buffer.alloc(32, fill).toString('hex')
    expect(seedsOf(`${seed(2)},${seed(1)}`)).toEqual([hex(2), hex(1)])
    expect(seedsOf(`${seed(1)}\n${vectors.pem}, ${seed(2)},`)).toEqual([hex(1), vectors.seedHex, hex(2)])
  })

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  test.each<[string, string]>([
    ['nothing', ''],
    ['commas', ' , '],
    ['a password', 'correct horse battery staple'],
    ['31 bytes', Buffer.alloc(31, 1).toString('base64')],
    ['33 bytes', Buffer.alloc(33, 1).toString('base64')],
    ['64 bytes', Buffer.alloc(64, 1).toString('base64')],
    ['hex', vectors.seedHex],
    ['a last digit with bits that no byte takes', `${seed(1).slice(0, 42)}F=`],
    ['an RSA key', rsa.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['an RSA key in its own form', rsa.export({ format: 'pem', type: 'pkcs1' }).toString()],
    [
      'an Ed448 key',
      generateKeyPairSync('ed448').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ],
    [
      'an X25519 key',
      generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ],
    [
      'a public key',
      generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    ],
    ['a PEM cut short', pem().slice(0, 80)],
    ['a PEM with nothing in it', '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----'],
    ['something behind it', `${seed(1)} and more`],
    ['a key twice', `${seed(1)},${seed(1)}`],
    ['a key twice, in two forms', `${vectors.seed},${vectors.pem}`],
  ])('is not %s', (_, text) => {
    expect(parseSigningKeys(text)).toBeNull()
  })

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String({ minLength: 40, maxLength: 48 })), (text) => {
        const keys = parseSigningKeys(text)
        expect(keys === null || keys.length > 0).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
