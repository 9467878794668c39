import type { Clock } from '../../domain/ports.ts'

/** How often signing in has failed lately, by address and by account. For one node. */
export interface Attempts {
  /** Milliseconds until the next attempt is let through; 0: now. */
  waitMs(address: string | null, account: string): number
  /** Counts an attempt as failed before it is judged, as others may come meanwhile. Answers what takes that back. */
  begin(address: string | null, account: string): () => void
}

const windowMs = 5 * 60_000
/** A person who mistypes, and not one who guesses. */
const perAddress = 10
/** From everywhere: higher, so that nobody locks another out from one place. */
const perAccount = 50
const remembered = 10_000

/** Counts failures only: who signs in rightly is never slowed down. Old ones are forgotten. */
export function createAttempts(clock: Pick<Clock, 'monotonic'>): Attempts {
  /** In the order of the last failure, oldest first. */
  const failures = new Map<string, number[]>()

  function recent(key: string): number[] {
    const from = clock.monotonic() - windowMs
    return (failures.get(key) ?? []).filter((at) => at > from)
  }

  function waitOf(key: string, limit: number): number {
    const all = recent(key)
    const oldest = all[all.length - limit]
    return oldest === undefined ? 0 : oldest + windowMs - clock.monotonic()
  }

  function add(key: string, limit: number, at: number): void {
    const all = [...recent(key), at].slice(-limit)
    failures.delete(key)
    failures.set(key, all)
    for (const oldest of failures.keys()) {
      if (failures.size <= remembered) break
      failures.delete(oldest)
    }
  }

  function takeBack(key: string, at: number): void {
    const all = failures.get(key) ?? []
    const place = all.indexOf(at)
    if (place === -1) return
    if (all.length === 1) failures.delete(key)
    else failures.set(key, all.toSpliced(place, 1))
  }

  return {
    waitMs: (address, account) =>
      Math.max(waitOf(addressKey(address), perAddress), waitOf(accountKey(account), perAccount)),
    begin(address, account) {
      const at = clock.monotonic()
      add(addressKey(address), perAddress, at)
      add(accountKey(account), perAccount, at)
      return () => {
        takeBack(addressKey(address), at)
        takeBack(accountKey(account), at)
      }
    },
  }
}

/** Of IPv6 the network counts: one machine has as many addresses as it likes in it. */
function addressKey(address: string | null): string {
  if (address === null || !address.includes(':')) return `from ${address ?? 'somewhere'}`
  return `from ${address.split(':').slice(0, 4).join(':')}`
}

function accountKey(account: string): string {
  return `as ${account.toLowerCase().slice(0, 254)}`
}
