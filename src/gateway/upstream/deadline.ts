/** One moment at which something is too late; it may be moved as often as one likes. */
export interface Deadline {
  /** Moves it to so many milliseconds from now. It isn't watched before {@link Deadline.watch}. */
  move(afterMs: number, onDue: () => void): void
  /** There is none at present. */
  lift(): void
  /** Sees to it that it is noticed. */
  watch(): void
  /** For good. */
  end(): void
}

/**
 * Moving one is a number written, where a timer for each request is a list kept: a timer that runs already and
 * comes first is left alone, and finds out later that it was too early.
 */
export function createDeadline(): Deadline {
  let dueMs = Infinity
  let onDue: () => void = () => {}
  let timer: NodeJS.Timeout | null = null
  let timerMs = Infinity

  function watch(): void {
    if (dueMs >= timerMs) return
    if (timer !== null) clearTimeout(timer)
    timerMs = dueMs
    timer = setTimeout(wake, Math.max(1, Math.ceil(dueMs - performance.now())))
    timer.unref()
  }

  function wake(): void {
    timer = null
    timerMs = Infinity
    if (performance.now() < dueMs) {
      watch()
      return
    }
    dueMs = Infinity
    onDue()
  }

  return {
    move(afterMs, then) {
      dueMs = performance.now() + afterMs
      onDue = then
    },
    lift() {
      dueMs = Infinity
    },
    watch,
    end() {
      dueMs = Infinity
      if (timer !== null) clearTimeout(timer)
      timer = null
    },
  }
}
