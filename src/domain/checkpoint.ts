import type { KeyObject } from 'node:crypto'
import { createPublicKey, hash, sign, verify } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'

/** The newest seal of a writer. */
export interface Head {
  writer: string
  number: number
  seal: string
}

/** What one checkpoint says of the whole trail. */
export interface Checkpoint {
  /** From 1, without gaps. */
  number: number
  /** When it was signed, in epoch milliseconds. */
  at: number
  /** Digest of the checkpoint before it ({@link digestOfCheckpoint}); null for the first. */
  previous: string | null
  /** The number of the last change to keys. */
  epoch: number
  /** Rows whose ids were made before this instant may be gone, by retention; epoch milliseconds. */
  keepsFrom: number
  /** Whether `heads` has every writer that there ever was, and not only those whose seals moved since the last one. */
  full: boolean
  /** By writer. */
  heads: readonly Head[]
}

/** A checkpoint as it is stored and exported. */
export interface SignedCheckpoint {
  /** The checkpoint as canonical JSON: what is signed, behind {@link tag}. */
  text: string
  /** Ed25519, base64url. */
  signature: string
  /** The public key: its 32 bytes in base64url. */
  key: string
}

/** What stands before the signed text, so that a signature says nothing else. */
const tag = 'postern checkpoint 1\n'

/** A checkpoint counts for a batch's age only if it is older than retention by this much, as clocks differ. */
export const clockMarginMs = 60_000

/** Signs it with an Ed25519 private key. */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: KeyObject): SignedCheckpoint {
  const text = canonicalJson(checkpoint)
  const signature = sign(null, Buffer.from(tag + text), privateKey).toString('base64url')
  return { text, signature, key: publicKeyOf(privateKey) }
}

/** The public half of an Ed25519 key: its 32 bytes in base64url, 43 characters. */
export function publicKeyOf(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  if (x === undefined) throw new TypeError('a checkpoint is signed by an Ed25519 key')
  return x
}

/** Whether a text has the form of what {@link publicKeyOf} gives. */
export function isPublicKey(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text)
}

/** Whether the key that it names has signed it. */
export function isSigned({ text, signature, key }: SignedCheckpoint): boolean {
  if (!isPublicKey(key)) return false
  try {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' })
    return verify(null, Buffer.from(tag + text), publicKey, Buffer.from(signature, 'base64url'))
  } catch {
    return false
  }
}

/** SHA-256 of a signed checkpoint, in hexadecimal: what the next one names. */
export function digestOfCheckpoint({ text, signature, key }: SignedCheckpoint): string {
  return hash('sha256', `${tag}${text}\n${key}\n${signature}`, 'hex')
}

/** What a checkpoint's text says; null where it is none. */
export function readCheckpoint(text: string): Checkpoint | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return isCheckpoint(value) && canonicalJson(value) === text ? value : null
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  const { number, at, previous, epoch, keepsFrom, full, heads } = value as Record<keyof Checkpoint, unknown>
  return (
    [number, at, epoch, keepsFrom].every((each) => Number.isSafeInteger(each)) &&
    (previous === null || typeof previous === 'string') &&
    typeof full === 'boolean' &&
    Array.isArray(heads) &&
    heads.every(isHead)
  )
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false
  const { writer, number, seal } = value as Record<keyof Head, unknown>
  return typeof writer === 'string' && Number.isSafeInteger(number) && typeof seal === 'string'
}
