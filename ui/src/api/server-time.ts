import { useSyncExternalStore } from 'react'

/** The time as the server has it, so that a wrong clock here moves no end of a key. One ticking for all. */

const tickMs = 15_000

let offsetMs = 0
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

/** Said by the server with each answer to who is signed in. Small differences are the way there and back. */
export function setServerNow(serverNow: number): void {
  const difference = serverNow - Date.now()
  offsetMs = Math.abs(difference) > 5_000 ? difference : 0
  tick()
}

/** Now, in epoch milliseconds of the server; rendered anew every 15 seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

/** Now, where nothing is rendered. */
export function serverNow(): number {
  return Date.now() + offsetMs
}

function tick(): void {
  now = serverNow()
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(tick, tickMs)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}
