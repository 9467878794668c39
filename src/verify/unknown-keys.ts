import type { HitLimit, Rate } from '../domain/limit.ts'
import { peerOf } from '../domain/peer.ts'
import type { Clock } from '../domain/ports.ts'

/** Keeps those who try keys from reaching the database (T12). */
export interface UnknownKeys {
  /** Null where a digest that isn't cached may be looked up; else what refuses it. */
  refusal(name: string, address: string | null, lookupsUnderWay: number): HitLimit | null
  /** What a lookup found: whether there is such a key, dead or alive. */
  learned(name: string, address: string | null, isKnown: boolean): void
}

/** Lookups of unknown keys under way at once: as many as one query takes. */
const mostUnderWay = 1000
const mostPeers = 10_000
/** Digests that led to a key before: however bad the peer, they are no guesses. */
const mostRemembered = 100_000

/**
 * Counts the digests that led nowhere, for each peer and for the node; who has had too many of them is refused what
 * nobody here has ever seen. Keys that were found once are looked up as before, so that those of an office behind one
 * address don't suffer from a neighbour. In this process alone: what it protects is this node's database link.
 */
export function createUnknownKeys(options: {
  clock: Pick<Clock, 'monotonic'>
  perPeer: Rate
  perNode: Rate
}): UnknownKeys {
  const { clock, perPeer, perNode } = options
  const ofPeers = countedBy(clock, perPeer)
  const ofNode = countedBy(clock, perNode)
  const remembered = new Set<string>()

  return {
    refusal(name, address, lookupsUnderWay) {
      if (remembered.has(name)) return null
      const peerWaitMs = address === null ? null : ofPeers.waitMs(peerOf(address))
      if (peerWaitMs !== null) return hit(perPeer, peerWaitMs)
      const nodeWaitMs = lookupsUnderWay >= mostUnderWay ? 1000 : ofNode.waitMs('node')
      return nodeWaitMs === null ? null : hit(perNode, nodeWaitMs)
    },
    learned(name, address, isKnown) {
      if (isKnown) {
        if (remembered.size >= mostRemembered) remembered.delete(remembered.values().next().value ?? '')
        remembered.add(name)
        return
      }
      if (address !== null) ofPeers.count(peerOf(address))
      ofNode.count('node')
    },
  }
}

function hit({ points, perSeconds }: Rate, waitMs: number): HitLimit {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return { policy: 'unknown-keys', most: points, windowSeconds: perSeconds, retryAfterSeconds }
}

/** Counts in windows that are the same for all names, so that memory is bounded and is given back at once. */
function countedBy(clock: Pick<Clock, 'monotonic'>, { points, perSeconds }: Rate) {
  let counts = new Map<string, number>()
  let endsAtMs = -Infinity

  function named(name: string): string {
    if (clock.monotonic() >= endsAtMs) {
      counts = new Map()
      endsAtMs = clock.monotonic() + perSeconds * 1000
    }
    // Beyond so many peers it is a flood from everywhere: the new ones share what is left.
    return counts.size < mostPeers || counts.has(name) ? name : 'others'
  }

  return {
    count(name: string): void {
      const counted = named(name)
      counts.set(counted, (counts.get(counted) ?? 0) + 1)
    },
    /** How long nothing is left for this name, in milliseconds; null where something is. */
    waitMs(name: string): number | null {
      const counted = named(name)
      return (counts.get(counted) ?? 0) < points ? null : endsAtMs - clock.monotonic()
    },
  }
}
