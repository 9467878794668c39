import { Buffer } from 'node:buffer'
import type { KeyObject } from 'node:crypto'
import { createHmac, hkdfSync } from 'node:crypto'

/** What a key made out of the deployment's is for; each purpose has keys of its own. */
export type KeyPurpose = 'sessions' | 'arguments'

/**
 * Keys of 32 bytes for one purpose (HKDF-SHA-256), one of each signing key and in their order: all nodes that share
 * `POSTERN_SIGNING_KEY` have the same, and none tells anything of another.
 */
export function deploymentKeys(signingKeys: readonly KeyObject[], purpose: KeyPurpose): Buffer[] {
  return signingKeys.map((key) => {
    const { d = '' } = key.export({ format: 'jwk' })
    if (d === '') throw new TypeError('a signing key is a private one')
    return Buffer.from(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', `postern ${purpose}`, 32))
  })
}

/** The HMAC-SHA-256 of texts under the first of these keys, in hexadecimal. Asked for them once, at the first use. */
export function createKeyedDigest(keys: () => readonly Buffer[]): (text: string) => string {
  let key: Buffer | null = null
  return (text) => {
    key ??= keys()[0] ?? null
    if (key === null) throw new TypeError('a deployment has a key')
    return createHmac('sha256', key).update(text).digest('hex')
  }
}
