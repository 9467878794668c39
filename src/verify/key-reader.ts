import type { KeyLookup, StoredKey } from '../domain/ports.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { HitLimit } from '../domain/limit.ts'
import type { KeyCache } from './key-cache.ts'
import type { Lease } from './lease.ts'
import type { UnknownKeys } from './unknown-keys.ts'

/**
 * Answers the key for a digest (32 bytes), from the cache or by a lookup; null where there is none. Throws
 * {@link StoreUnavailable}, and {@link LookupRefused} where there have been too many that lead nowhere from this
 * address; without one, for a digest that led to a key just now, never. The caller judges the lease.
 */
export type KeyReader = (
  digest: Buffer,
  address?: string | null,
) => StoredKey | null | Promise<StoredKey | null>

/** A digest that is not looked up now, since a limit keeps it from the database. */
export class LookupRefused extends Error {
  override readonly name = 'LookupRefused'
  readonly code = 'rate_limited'
  readonly limit: HitLimit
  constructor(limit: HitLimit) {
    super('too many unknown keys')
    this.limit = limit
  }
}

/** Lookups thrown away because the epoch moved under them, after which the store counts as unavailable. */
const maxAttempts = 10
const maxDigestsALookup = 1000

interface Wanted {
  digest: Buffer
  address: string | null
  attempts: number
  promise: Promise<StoredKey | null>
  resolve: (key: StoredKey | null) => void
  reject: (error: unknown) => void
}

/**
 * One lookup is under way at a time; whatever misses meanwhile shares the next. A lookup whose snapshot is
 * older than the epoch this node has applied when it arrives is thrown away and repeated, misses too: it may
 * have begun before a revocation that the cache has already been cleared for.
 */
export function createKeyReader(options: {
  lookups: Pick<KeyLookup, 'lookup'>
  cache: KeyCache
  lease: Pick<Lease, 'epoch'>
  unknownKeys: UnknownKeys
}): KeyReader {
  const { lookups, cache, lease, unknownKeys } = options
  let waiting = new Map<string, Wanted>()
  /** Answers under way, so that a second caller for the same digest joins the first. */
  const underWay = new Map<string, Wanted>()
  let running = false

  async function run(): Promise<void> {
    running = true
    // Let everything that misses in this turn of the event loop join.
    await Promise.resolve()
    while (waiting.size > 0) {
      const batch = takeBatch()
      try {
        const { epoch, keys } = await lookups.lookup(batch.map(([, wanted]) => wanted.digest))
        const stale = epoch < lease.epoch()
        const found = stale ? null : new Map(keys.map((key) => [key.digest.toString('latin1'), key]))
        for (const [name, wanted] of batch) settle(name, wanted, found)
      } catch (error) {
        for (const [name, wanted] of batch) {
          underWay.delete(name)
          wanted.reject(error)
        }
      }
    }
    running = false
  }

  function settle(name: string, wanted: Wanted, found: Map<string, StoredKey> | null): void {
    if (found !== null) {
      const key = found.get(name) ?? null
      cache.set(wanted.digest, key)
      unknownKeys.learned(name, wanted.address, key !== null)
      underWay.delete(name)
      wanted.resolve(key)
    } else if (++wanted.attempts < maxAttempts) {
      waiting.set(name, wanted)
    } else {
      underWay.delete(name)
      wanted.reject(new StoreUnavailable('the epoch moved under every lookup'))
    }
  }

  function takeBatch(): [string, Wanted][] {
    const all = [...waiting]
    waiting = new Map(all.slice(maxDigestsALookup))
    return all.slice(0, maxDigestsALookup)
  }

  return (digest, address) => {
    const cached = cache.get(digest)
    if (cached !== undefined) return cached
    const name = digest.toString('latin1')
    const joined = underWay.get(name)
    if (joined !== undefined) return joined.promise
    const limit = address === undefined ? null : unknownKeys.refusal(name, address, underWay.size)
    if (limit !== null) throw new LookupRefused(limit)
    const { promise, resolve, reject } = deferred<StoredKey | null>()
    const wanted: Wanted = { digest, address: address ?? null, attempts: 0, promise, resolve, reject }
    waiting.set(name, wanted)
    underWay.set(name, wanted)
    if (!running) void run()
    return promise
  }
}

function deferred<T>() {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
