import type { JobLeases } from '../domain/job-lease.ts'
import { StoreUnavailable } from '../domain/ports.ts'

/** A job that one node at a time does, again and again. */
export interface LeasedJob {
  /** One pass by hand, after the one that may be under way; false where another node has the job. Throws what it does. */
  run(): Promise<boolean>
  start(): void
  /** No new pass; the one under way ends at its next step. */
  stop(): Promise<void>
  /** Since when passes fail, in epoch milliseconds; null where the last one did not. */
  failingSince(): number | null
}

/** What a pass asks between its steps: true as long as it may go on. */
export type Hold = () => Promise<boolean>

export interface LeasedJobOptions {
  name: string
  leases: JobLeases
  /** This process. */
  holder: string
  everyMs: number
  clock: { now(): number; monotonic(): number }
  pass: (hold: Hold, isStopped: () => boolean) => Promise<void>
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** From 0 to 1. */
  random?: () => number
}

const leaseMs = 60_000
/** A step takes less than what is left of the time then. */
const renewAfterMs = 15_000
const firstRetryMs = 1_000
const longestRetryMs = 5 * 60_000

/** Runs `pass` under the job's lease, by itself once started; after a failure later and later. */
export function createLeasedJob(options: LeasedJobOptions): LeasedJob {
  const { name, leases, holder, everyMs, clock, pass, log, random = Math.random } = options
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let last: Promise<unknown> = Promise.resolve()
  let failures = 0
  let failingSince: number | null = null

  async function runOnce(): Promise<boolean> {
    let renewedAt = clock.monotonic()
    if (!(await leases.acquire(name, holder, leaseMs))) return false
    async function hold(): Promise<boolean> {
      if (stopped) return false
      if (clock.monotonic() - renewedAt < renewAfterMs) return true
      const askedAt = clock.monotonic()
      const isHeld = await leases.acquire(name, holder, leaseMs)
      if (isHeld) renewedAt = askedAt
      return isHeld
    }
    try {
      await pass(hold, () => stopped)
      return true
    } finally {
      // Whoever comes next needn't wait; and where this fails, the time ends it.
      await leases.release(name, holder).catch(() => {})
    }
  }

  function afterOthers(): Promise<boolean> {
    const result = last.then(runOnce)
    last = result.catch(() => {})
    return result
  }

  async function runByItself(): Promise<void> {
    let waitMs = everyMs
    try {
      await afterOthers()
      if (failures > 0) log.info({ job: name }, 'the job goes on')
      failures = 0
      failingSince = null
    } catch (error) {
      failures++
      failingSince ??= clock.now()
      const level = error instanceof StoreUnavailable ? 'warn' : 'error'
      if (failures === 1 || isTampered(error))
        log[level]({ err: error, job: name }, 'the job failed; it is tried again by itself')
      waitMs = Math.max(everyMs, Math.min(longestRetryMs, firstRetryMs * 2 ** failures))
    }
    // Nodes that started together drift apart.
    if (!stopped) timer = setTimeout(() => void runByItself(), waitMs * (0.75 + 0.5 * random())).unref()
  }

  return {
    run: afterOthers,
    start() {
      stopped = false
      timer = setTimeout(() => void runByItself(), 0).unref()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await last
    },
    failingSince: () => failingSince,
  }
}

/** That is said again and again. */
function isTampered(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'trail_tampered'
}
