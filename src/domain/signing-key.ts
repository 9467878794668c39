import type { KeyObject } from 'node:crypto'
import { createPrivateKey } from 'node:crypto'

const pemPattern = /-----BEGIN PRIVATE KEY-----((?:[A-Za-z0-9+/=\s]|\\n)+)-----END PRIVATE KEY-----/y
const seedPattern = /[A-Za-z0-9+/_-]{43}=?(?![A-Za-z0-9+/_=-])/y
const separatorPattern = /(?:[\s,]|\\n)*/y
/** PKCS#8 around an Ed25519 seed (RFC 8410, 7). */
const seedPrefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Reads the private keys that assertions are signed with: Ed25519, each a PKCS#8 PEM (line breaks may be written
 * `\n`) or its 32-byte seed in base64, with commas or white space between them. Null for anything else.
 */
export function parseSigningKeys(text: string): KeyObject[] | null {
  const keys: KeyObject[] = []
  let at = matchAt(separatorPattern, text, 0)?.[0].length ?? 0
  while (at < text.length) {
    const match = matchAt(pemPattern, text, at) ?? matchAt(seedPattern, text, at)
    if (match === null) return null
    const key = match[1] === undefined ? keyOfSeed(match[0]) : keyOfDer(decode(match[1]))
    if (key === null || keys.some((other) => other.equals(key))) return null
    keys.push(key)
    at += match[0].length
    at += matchAt(separatorPattern, text, at)?.[0].length ?? 0
  }
  return keys.length === 0 ? null : keys
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function keyOfSeed(text: string): KeyObject | null {
  const seed = decode(text)
  return seed?.length === 32 ? keyOfDer(Buffer.concat([seedPrefix, seed])) : null
}

function keyOfDer(der: Buffer | null): KeyObject | null {
  if (der === null) return null
  try {
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    return key.asymmetricKeyType === 'ed25519' ? key : null
  } catch {
    return null
  }
}

/** Base64 of either alphabet; null where it isn't what its bytes are written as, so that no typo makes another key. */
function decode(text: string): Buffer | null {
  const plain = text.replaceAll('\\n', '').replaceAll(/[\s=]/g, '').replaceAll('-', '+').replaceAll('_', '/')
  const bytes = Buffer.from(plain, 'base64')
  return bytes.toString('base64').replaceAll('=', '') === plain ? bytes : null
}
