import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { JobLeases } from '../../src/domain/job-lease.ts'
import { createLeasedJob, type LeasedJobOptions } from '../../src/upkeep/leased-job.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Leases as the database has them, by the fake clock. */
function createLeases(): JobLeases {
  const held = new Map<string, { holder: string; endsAt: number }>()
  return {
    acquire: async (job, holder, forMs) => {
      const lease = held.get(job)
      if (lease !== undefined && lease.holder !== holder && lease.endsAt > Date.now()) return false
      held.set(job, { holder, endsAt: Date.now() + forMs })
      return true
    },
    release: async (job, holder) => {
      if (held.get(job)?.holder === holder) held.delete(job)
    },
  }
}

const said: string[] = []
const log = {
  info: (_: object, text: string) => void said.push(text),
  warn: (_: object, text: string) => void said.push(text),
  error: (_: object, text: string) => void said.push(text),
}

function jobOf(leases: JobLeases, holder: string, pass: LeasedJobOptions['pass']) {
  const clock = { now: () => Date.now(), monotonic: () => Date.now() }
  return createLeasedJob({ name: 'job', leases, holder, everyMs: 1000, clock, pass, log, random: () => 0.5 })
}

test('one node at a time does it, and another goes on where that one died', async () => {
  const leases = createLeases()
  let free: () => void = () => {}
  const first = jobOf(leases, 'a', () => new Promise((resolve) => (free = resolve)))
  let passes = 0
  const second = jobOf(leases, 'b', async () => void passes++)
  const running = first.run()
  await vi.advanceTimersByTimeAsync(1)
  expect(await second.run()).toBe(false)
  // Hung, and never came back for its lease.
  await vi.advanceTimersByTimeAsync(61_000)
  expect(await second.run()).toBe(true)
  expect(passes).toBe(1)
  free()
  expect(await running).toBe(true)
})

test('a node that lost the lease is told so between two steps, and one that works on keeps it', async () => {
  const leases = createLeases()
  const held: boolean[] = []
  let next: () => void = () => {}
  const step = () => new Promise<void>((resolve) => (next = resolve))
  const job = jobOf(leases, 'a', async (hold) => {
    for (let n = 0; n < 3; n++) {
      // oxlint-disable-next-line no-await-in-loop
      await step()
      // oxlint-disable-next-line no-await-in-loop
      held.push(await hold())
    }
  })
  const running = job.run()
  await vi.advanceTimersByTimeAsync(20_000)
  next()
  await vi.advanceTimersByTimeAsync(50_000)
  // Asked for anew at the step before: 70 s after the start it is held.
  expect(await leases.acquire('job', 'b', 60_000)).toBe(false)
  next()
  await vi.advanceTimersByTimeAsync(61_000)
  expect(await leases.acquire('job', 'b', 60_000)).toBe(true)
  next()
  await running
  expect(held).toEqual([true, true, false])
})

test('what fails is tried again later and later, said once, and again when it goes on', async () => {
  said.length = 0
  const at: number[] = []
  let isWell = false
  const job = jobOf(createLeases(), 'a', async () => {
    at.push(Date.now())
    if (!isWell) throw new Error('away')
  })
  job.start()
  await vi.advanceTimersByTimeAsync(70_000)
  const waits = at.slice(1).map((each, index) => each - (at[index] ?? 0))
  expect(waits).toEqual([2000, 4000, 8000, 16_000, 32_000])
  expect(job.failingSince()).toBe(at[0])
  expect(said).toHaveLength(1)
  isWell = true
  await vi.advanceTimersByTimeAsync(70_000)
  expect(said).toHaveLength(2)
  expect(job.failingSince()).toBeNull()
  await job.stop()
  const passes = at.length
  await vi.advanceTimersByTimeAsync(60_000)
  expect(at).toHaveLength(passes)
})
