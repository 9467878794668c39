import type { Clock } from '../../src/domain/ports.ts'

/** Time that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /** Both clocks go on. */
  advance(ms: number): void
  /** Someone sets the wall clock; forward or back. */
  shiftWall(ms: number): void
  /** The machine sleeps: the wall clock goes on, the monotonic one doesn't. */
  sleep(ms: number): void
}

export function createFakeClock(startMs = 1_800_000_000_000): FakeClock {
  let wall = startMs
  let monotonic = 5_000
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(ms) {
      wall += ms
      monotonic += ms
    },
    shiftWall(ms) {
      wall += ms
    },
    sleep(ms) {
      wall += ms
    },
  }
}
