/** After this many attempts a delivery is dead. */
export const mostAttempts = 10

const firstMs = 30_000
const factor = 3
const mostMs = 6 * 3_600_000

/**
 * How long to wait after an attempt that failed (the first is 1), in milliseconds: anywhere up to a bound that grows
 * from 30 seconds to 6 hours, so that what failed together doesn't come back together. `random` is from 0 to 1.
 */
export function waitMs(attempt: number, random: number): number {
  const bound = Math.min(mostMs, firstMs * factor ** Math.max(0, attempt - 1))
  return Math.max(1, Math.round(bound * random))
}
