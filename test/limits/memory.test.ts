import { afterEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStore } from '../../src/limits/memory.ts'
import { limitStoreConformance } from './conformance.ts'

const clock = { now: () => Date.now() }

describe('limits in memory', () => {
  limitStoreConformance(() => {
    const store = createMemoryStore(clock)
    return Promise.resolve({ nodes: [store, store], close: () => store.close() })
  })
})

describe('a window in memory', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('begins anew once it is over, and what is given back late counts for nothing', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const store = createMemoryStore(clock)
    const window = { most: 1, seconds: 10 }
    const first = await store.take('a', 1, window)
    vi.advanceTimersByTime(9999)
    expect((await store.take('a', 1, window)).ok).toBe(false)
    vi.advanceTimersByTime(1)
    expect((await store.take('a', 1, window)).ok).toBe(true)
    if (first.ok) first.giveBack()
    expect((await store.take('a', 1, window)).ok).toBe(false)
  })

  it('keeps a month, which is longer than a timer of Node', async () => {
    vi.useFakeTimers({
      toFake: ['Date', 'setTimeout', 'clearTimeout'],
      now: Date.parse('2027-01-01T00:00:00Z'),
    })
    const store = createMemoryStore(clock)
    const period = {
      name: '2027-01',
      firstDay: '2027-01-01',
      lastDay: '2027-01-31',
      endsAt: Date.parse('2027-02-01'),
    }
    const quota = { most: 1, period, soFar: () => Promise.resolve(0) }
    await store.takeQuota('a', 1, quota)
    vi.advanceTimersByTime(30 * 86_400_000)
    expect((await store.takeQuota('a', 1, quota)).ok).toBe(false)
  })
})
