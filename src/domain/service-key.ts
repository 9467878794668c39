import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Grants } from './grant.ts'

/**
 * The token of a service key: `<prefix>_<43 characters base62 of 256 random bits><6 characters base62 of
 * CRC-32>`. The CRC is taken over everything before it, prefix included, and both numbers are written most
 * significant digit first and padded with `0`. `vectors/service-key.json` has examples.
 */
export interface ParsedToken {
  prefix: string
  /** SHA-256 of the whole token, as 32 bytes. */
  digest: Buffer
}

/** One row of `service_api_keys`, without anything that could authenticate. Times are epoch milliseconds. */
export interface ServiceKey {
  id: string
  serviceUserId: string
  name: string
  /** The token's first characters, for people to recognise a key by. */
  start: string
  grants: Grants
  createdBy: string
  createdAt: number
  expiresAt: number
  /** From here on a rotated key is dead; set while it overlaps with its successor. */
  retiresAt: number | null
  revokedAt: number | null
  revokedReason: string | null
  predecessorId: string | null
  /** The key whose own token made this one; null where an administrator did. */
  mintedBy: string | null
  /** The end of all that may come of it by self-rotation; null where it may not rotate itself. */
  familyEndsAt: number | null
  lastUsedAt: number | null
}

/** A service user: the named non-human identity that keys belong to. Times are epoch milliseconds. */
export interface ServiceUser {
  id: string
  name: string
  /** The e-mail address of the person or team that answers for it; null only where the policy doesn't ask for one. */
  owner: string | null
  /** Who is told as well, once earlier notices were not acknowledged. */
  backupOwner: string | null
  customer: string | null
  createdBy: string
  createdAt: number
  disabledAt: number | null
}

/** What the tokens of management keys begin with. No service key's do: the settings refuse it as a prefix. */
export const managementPrefix = 'pmk'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const secretLength = 43
const checksumLength = 6
const bodyLength = secretLength + checksumLength
const startSecretLength = 4

export const prefixPattern = /^[a-z][a-z0-9]{1,11}$/
const bodyPattern = /^[0-9A-Za-z]{49}$/

/** A new token from 256 random bits. It is returned once to whoever asked for it and kept nowhere. */
export function newToken(prefix: string): string {
  return formatToken(prefix, randomBytes(32))
}

/** The token for given random bytes (32); {@link newToken} with the randomness as an argument. */
export function formatToken(prefix: string, secret: Uint8Array): string {
  if (!prefixPattern.test(prefix))
    throw new TypeError('a token prefix is a letter and 1 to 11 letters or digits')
  if (secret.length !== 32) throw new TypeError('a token is made from 32 bytes')
  const unsigned = `${prefix}_${base62(BigInt(`0x${Buffer.from(secret).toString('hex')}`), secretLength)}`
  return unsigned + base62(BigInt(crc32(unsigned)), checksumLength)
}

/**
 * Reads a token: its prefix is one of `prefixes`, its form and checksum are right. Answers null for anything
 * else, with no I/O, so that a typo costs nothing.
 */
export function parseToken(token: string, prefixes: readonly string[]): ParsedToken | null {
  const bodyAt = token.length - bodyLength
  if (bodyAt < 3 || bodyAt > 13 || token.charCodeAt(bodyAt - 1) !== 0x5f) return null
  const prefix = token.slice(0, bodyAt - 1)
  if (!prefixes.includes(prefix) || !bodyPattern.test(token.slice(bodyAt))) return null
  const checksumAt = token.length - checksumLength
  if (readBase62(token, checksumAt) !== crc32(token.slice(0, checksumAt))) return null
  return { prefix, digest: hashToken(token) }
}

/** SHA-256 of the whole token: what the table keeps and what lookups go by. 32 bytes. */
export function hashToken(token: string): Buffer {
  // By way of text, since Node would give the 32 bytes a memory of their own: 0.35 µs in place of 0.58.
  return Buffer.from(hash('sha256', token, 'binary'), 'binary')
}

/** The display start of a token: prefix, underscore and its first four characters (24 of its 256 bits). */
export function startOfToken(token: string): string {
  return token.slice(0, token.indexOf('_') + 1 + startSecretLength)
}

/**
 * Finds what has a token's form under one of the prefixes, or as a management key, checksum right or not, percent-encoded or not: such a
 * text must not be logged or forwarded.
 */
export interface TokenScanner {
  found(text: string): boolean
  /** The text with each of them cut down to its prefix. */
  mask(text: string): string
}

export function createTokenScanner(prefixes: readonly string[]): TokenScanner {
  const known = [...prefixes, managementPrefix]
  const form = `(${known.join('|')})_[0-9A-Za-z]{${bodyLength}}`
  const pattern = new RegExp(form)
  const everywhere = new RegExp(form, 'g')
  // Most texts are too short to hold one.
  const shortest = Math.min(...known.map((prefix) => prefix.length)) + 1 + bodyLength
  return {
    found: (text) => text.length >= shortest && (pattern.test(text) || pattern.test(decodeEscapes(text))),
    mask(text) {
      if (text.length < shortest) return text
      if (pattern.test(text)) return text.replace(everywhere, '$1_[masked]')
      const decoded = decodeEscapes(text)
      return pattern.test(decoded) ? decoded.replace(everywhere, '$1_[masked]') : text
    },
  }
}

const anyToken = new RegExp(`[a-z][a-z0-9]{1,11}_[0-9A-Za-z]{${bodyLength}}`)

/** Whether a text holds something of a token's form, whatever its prefix: what people write is kept and sent on. */
export function holdsToken(text: string): boolean {
  return anyToken.test(text)
}

/** Percent escapes one by one, also where they are no valid UTF-8: all of a token is ASCII. */
function decodeEscapes(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

function base62(value: bigint, length: number): string {
  let rest = value
  let digits = ''
  while (rest > 0n) {
    digits = alphabet[Number(rest % 62n)]! + digits
    rest /= 62n
  }
  return digits.padStart(length, '0')
}

/** The checksum's six characters as a number; their alphabet has been checked by the pattern. */
function readBase62(text: string, from: number): number {
  let value = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    value = value * 62 + (code < 0x3a ? code - 0x30 : code < 0x5b ? code - 0x37 : code - 0x3d)
  }
  return value
}
