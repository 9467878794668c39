import type { ChangedSubject, Clock, StoredKey } from '../domain/ports.ts'

/** How long an entry counts, from the moment it was written and however often it is read, in milliseconds. */
export const keyLifeMs = 60_000
export const missLifeMs = 5_000
const maxKeys = 100_000
const maxMisses = 20_000

/**
 * What lookups have found, by the digest of the whole token. An entry is used only while the lease holds and
 * its absolute time to live lasts; there is no stale-while-revalidate. Digests that lead nowhere have a place
 * of their own, so that a flood of them can't push out keys.
 */
export interface KeyCache {
  /** The key, null for a digest known to lead nowhere, undefined where a lookup is needed. */
  get(digest: Buffer): StoredKey | null | undefined
  set(digest: Buffer, key: StoredKey | null): void
  /** Drops what the changes touch. */
  apply(changes: readonly ChangedSubject[] | 'all'): void
  size(): { keys: number; misses: number }
}

interface Entry {
  key: StoredKey | null
  wall: number
  monotonic: number
  /** When it was last put at the end of the order of use, monotonic. */
  movedAt: number
}

const moveIntervalMs = 1000

export function createKeyCache(clock: Clock): KeyCache {
  // A Map keeps the order of insertion; re-inserting on use makes its first entry the least recently used.
  const keys = new Map<string, Entry>()
  const misses = new Map<string, Entry>()
  const nameOfKey = new Map<string, string>()

  function fresh(entry: Entry, lifeMs: number): boolean {
    return Math.max(clock.now() - entry.wall, clock.monotonic() - entry.monotonic) < lifeMs
  }

  function dropKey(name: string, entry: Entry): void {
    keys.delete(name)
    if (entry.key !== null) nameOfKey.delete(entry.key.id)
  }

  /**
   * Puts an entry at the end of the order of use, once a second at most: V8 leaves what was deleted in its hash
   * chain until the next rehash, so that moving a busy key at each read cost 90 µs a read among 56,000 keys.
   */
  function noteUse(entries: Map<string, Entry>, name: string, entry: Entry): void {
    const now = clock.monotonic()
    if (now - entry.movedAt < moveIntervalMs) return
    entry.movedAt = now
    entries.delete(name)
    entries.set(name, entry)
  }

  return {
    get(digest) {
      const name = digest.toString('latin1')
      const entry = keys.get(name)
      if (entry !== undefined) {
        if (!fresh(entry, keyLifeMs)) {
          dropKey(name, entry)
          return undefined
        }
        noteUse(keys, name, entry)
        return entry.key
      }
      const miss = misses.get(name)
      if (miss === undefined) return undefined
      if (!fresh(miss, missLifeMs)) {
        misses.delete(name)
        return undefined
      }
      noteUse(misses, name, miss)
      return null
    },

    set(digest, key) {
      const name = digest.toString('latin1')
      const monotonic = clock.monotonic()
      const entry = { key, wall: clock.now(), monotonic, movedAt: -Infinity }
      if (key === null) {
        if (misses.size >= maxMisses) misses.delete(misses.keys().next().value ?? '')
        misses.set(name, entry)
        return
      }
      misses.delete(name)
      if (keys.size >= maxKeys && !keys.has(name)) {
        const oldest = keys.entries().next().value
        if (oldest !== undefined) dropKey(...oldest)
      }
      keys.delete(name)
      keys.set(name, entry)
      nameOfKey.set(key.id, name)
    },

    apply(changes) {
      // A change to a service user touches all its keys, and is rare: everything is read again.
      if (changes === 'all' || changes.some((change) => change.subjectKind === 'service-user')) {
        keys.clear()
        misses.clear()
        nameOfKey.clear()
        return
      }
      for (const change of changes) {
        const name = nameOfKey.get(change.subjectId)
        const entry = name === undefined ? undefined : keys.get(name)
        if (name !== undefined && entry !== undefined) dropKey(name, entry)
        // A new digest may have been asked for before it existed.
        if (change.what === 'created' || change.what === 'secret-reissued') misses.clear()
      }
    },

    size: () => ({ keys: keys.size, misses: misses.size }),
  }
}
