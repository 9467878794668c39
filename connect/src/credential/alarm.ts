/** A wait that can be cut short, and notices that the machine slept. */
export interface Alarm {
  wait(ms: number): Promise<void>
  /** Ends the wait that goes on, or the next one at once. */
  ring(): void
}

const tickMs = 60_000

/** Its timers keep no process alive. `now` is in epoch milliseconds. */
export function createAlarm(now: () => number): Alarm {
  let rung = false
  let wake: (() => void) | null = null

  return {
    async wait(ms) {
      const since = { wall: now(), monotonic: performance.now() }
      // A timer stands still while a laptop sleeps, and its clock may be set back: the later of the two counts.
      const leftMs = () => ms - Math.max(now() - since.wall, performance.now() - since.monotonic)
      for (let left = ms; left > 0 && !rung; left = leftMs()) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(left, tickMs))
          timer.unref()
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        wake = null
      }
      rung = false
    },
    ring() {
      rung = true
      wake?.()
    },
  }
}
