import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(16 * 256)
let poolOffset = pool.length

/**
 * A UUID v7 (RFC 9562): 48 bits of milliseconds, then random bits. Ids made later sort later, to the
 * millisecond, so an index on them is filled from one end.
 */
export function newId(nowMs: number): string {
  if (poolOffset === pool.length) {
    randomFillSync(pool)
    poolOffset = 0
  }
  const at = poolOffset
  poolOffset += 16
  pool.writeUIntBE(nowMs, at, 6)
  pool[at + 6] = (pool[at + 6]! & 0x0f) | 0x70
  pool[at + 8] = (pool[at + 8]! & 0x3f) | 0x80
  const hex = pool.toString('hex', at, at + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a string has the shape of an id that {@link newId} makes. */
export function isId(value: string): boolean {
  return uuidPattern.test(value)
}

/** The lowest id that can have been made at this millisecond: for ranges of time over ids. */
export function lowestIdAt(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}
