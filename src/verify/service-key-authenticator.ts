import { timingSafeEqual } from 'node:crypto'
import { grantsDigest } from '../domain/grant.ts'
import { keyState, refusalOf } from '../domain/key-state.ts'
import type { Clock, StoredKey } from '../domain/ports.ts'
import { parseToken } from '../domain/service-key.ts'
import type { Reason, Refused, Verdict } from '../domain/verdict.ts'
import type { Authenticator } from './authenticator.ts'
import { LookupRefused, type KeyReader } from './key-reader.ts'
import type { Lease } from './lease.ts'

/** Lookups whose answer was overtaken by a change or the lease's end, after which the node counts as not fresh. */
const maxReads = 3

/** The key of a digest, null where there is none, under a lease that holds. */
type Reading = StoredKey | null | 'not_fresh'

/**
 * The service key, whole: form and checksum without I/O, then the key by its digest, judged from `now` under
 * the lease. Responsible for every bearer that isn't a JWT (whose dots no token of ours can hold).
 */
export function createServiceKeyAuthenticator(options: {
  prefixes: readonly string[]
  readKey: KeyReader
  lease: Pick<Lease, 'isFresh' | 'ensureFresh'>
  clock: Clock
}): Authenticator {
  const { prefixes, readKey, lease, clock } = options

  /** The same steps whether there is such a key or not, so that their time doesn't tell (T14). */
  function judge(digest: Buffer, key: StoredKey | null): Reason | null {
    const judged = key ?? nobody
    const isKnown = judged.digest.length === digest.length && timingSafeEqual(judged.digest, digest)
    const reason = refusalOf(keyState(judged, { disabledAt: judged.userDisabledAt }, clock.now()))
    return isKnown ? reason : 'unknown_key'
  }

  /** At once where the lease holds and the cache knows the key, as for nearly every call. */
  function readFresh(
    digest: Buffer,
    address: string | null | undefined,
    attempt = 1,
  ): Reading | Promise<Reading> {
    if (lease.isFresh()) return read(digest, address, attempt)
    return lease.ensureFresh().then((isFresh) => (isFresh ? read(digest, address, attempt) : 'not_fresh'))
  }

  function read(
    digest: Buffer,
    address: string | null | undefined,
    attempt: number,
  ): Reading | Promise<Reading> {
    const answer = readKey(digest, address)
    if (!(answer instanceof Promise)) return answer
    // A lookup takes its time, and the poll that renews the lease after it may bring a revocation: what it
    // found counts only if the cache still holds it, under a lease judged afterwards.
    return answer.then(() => (attempt < maxReads ? readFresh(digest, address, attempt + 1) : 'not_fresh'))
  }

  function allow(digest: Buffer, key: StoredKey): Verdict {
    return {
      allowed: true,
      principal: { kind: 'service', id: key.serviceUserId, customer: key.customer },
      credentialKind: 'service-key',
      keyId: key.id,
      grants: key.grants,
      endsAt: key.retiresAt === null ? key.expiresAt : Math.min(key.expiresAt, key.retiresAt),
      isRetiring: key.retiresAt !== null,
      recheck() {
        const again = readFresh(digest, undefined)
        return again instanceof Promise
          ? again.then((found) => rejudge(digest, key, found))
          : rejudge(digest, key, again)
      },
    }
  }

  return {
    kind: 'service-key',
    authenticate({ bearer, address = null }) {
      if (bearer === null || bearer.includes('.')) return null
      const token = parseToken(bearer, prefixes)
      if (token === null) return { allowed: false, reason: 'malformed_key' }
      const { digest } = token
      try {
        const key = readFresh(digest, address)
        if (!(key instanceof Promise)) return decide(digest, key)
        return key.then((found) => decide(digest, found)).catch(limited)
      } catch (error) {
        return limited(error)
      }
    },
  }

  function decide(digest: Buffer, key: Reading): Verdict {
    if (key === 'not_fresh') return { allowed: false, reason: 'not_fresh' }
    const reason = judge(digest, key)
    if (reason === null && key !== null) return allow(digest, key)
    return refuse(reason ?? 'unknown_key', key)
  }

  function rejudge(digest: Buffer, before: StoredKey, key: Reading): Reason | null {
    if (key === 'not_fresh') return key
    const reason = judge(digest, key)
    if (reason !== null || key === null || key === before) return reason
    // What it may do was changed since it was judged by that: asked again, it is judged by the new.
    return grantsDigest(key.grants) === grantsDigest(before.grants) ? null : 'not_fresh'
  }

  function refuse(reason: Reason, key: StoredKey | null): Refused {
    if (key === null) return { allowed: false, reason }
    return { allowed: false, reason, keyId: key.id, serviceUserId: key.serviceUserId }
  }
}

/** The verdict on a key that nobody here has ever seen, from where too many of that kind come. */
function limited(error: unknown): Refused {
  if (error instanceof LookupRefused) return { allowed: false, reason: error.code, limit: error.limit }
  throw error
}

/** Stands in for the key of a digest that leads nowhere; SHA-256 gives no digest of zeros. */
const nobody = {
  digest: Buffer.alloc(32),
  expiresAt: 0,
  retiresAt: null,
  revokedAt: null,
  userDisabledAt: null,
}
