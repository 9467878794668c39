import type { Clock } from '../domain/ports.ts'

/** Denials of one kind a second that are rows of their own; the rest of that second becomes one counted row. */
export const denialsASecond = 10
const windowMs = 1000
/** While the database is away, rows take room that calls need: denials are counted for so long, in milliseconds. */
const awayWindowMs = 10_000
const maxWindows = 1000

/** What a denial looks like before it has a place in the trail. */
export interface Denial {
  reason: string | null
  keyId: string | null
  /** Null in a counted row that stands for several addresses. */
  clientAddress: string | null
}

/**
 * Keeps a flood of denials from becoming a flood of rows, without losing their count. Denials are alike when
 * they have the same reason and key, or, with no key known, the same reason and address. `emit` gets the first
 * ones as they come, and the rest of a second as one with its count and the time of the last. A process that is killed
 * takes along what it has counted since; rows that were emitted are in the spool.
 */
export function createDenialGate<D extends Denial>(options: {
  clock: Clock
  /** Whether each denial should rather be counted than written, since the database is away. */
  countAll: () => boolean
  /** Whether there is no room for rows at present: then all goes on being counted. */
  isFull: () => boolean
  emit: (denial: D, count: number, lastAt: number) => void
}): { deny(denial: D): void; flush(): void } {
  const { clock, countAll, isFull, emit } = options
  interface Window {
    /** Whether it stands for more addresses than one. */
    isEverywhere: boolean
    emitted: number
    counted: number
    first: D | null
    lastAt: number
  }
  let windows = new Map<string, Window>()
  let timer: NodeJS.Timeout | null = null
  let openedAt = 0

  function flush(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const ended = windows
    windows = new Map()
    for (const { isEverywhere, first, counted, lastAt } of ended.values()) {
      if (first !== null) emit(isEverywhere ? { ...first, clientAddress: null } : first, counted, lastAt)
    }
  }

  function endWindows(): void {
    const isHeld = countAll() && (isFull() || clock.monotonic() - openedAt < awayWindowMs)
    if (isHeld) timer = setTimeout(endWindows, windowMs).unref()
    else flush()
  }

  function windowFor(denial: D): Window {
    const { reason, keyId, clientAddress } = denial
    const name = keyId === null ? `${reason} from ${clientAddress}` : `${reason} of ${keyId}`
    const known = windows.get(name)
    if (known !== undefined) return known
    // Beyond a thousand kinds a second it is a flood from everywhere: strangers are told apart by reason only.
    const isFlood = windows.size >= maxWindows && keyId === null
    return isFlood ? (windows.get(everywhere(reason)) ?? open(everywhere(reason), true)) : open(name, false)
  }

  function open(name: string, isEverywhere: boolean): Window {
    const window = { isEverywhere, emitted: 0, counted: 0, first: null, lastAt: 0 }
    windows.set(name, window)
    return window
  }

  return {
    deny(denial) {
      const window = windowFor(denial)
      if (timer === null) {
        openedAt = clock.monotonic()
        timer = setTimeout(endWindows, windowMs).unref()
      }
      if (window.emitted < denialsASecond && !countAll()) {
        window.emitted++
        emit(denial, 1, clock.now())
        return
      }
      window.first ??= denial
      window.counted++
      window.lastAt = clock.now()
    },
    flush,
  }
}

function everywhere(reason: string | null): string {
  return `${reason} from everywhere`
}
