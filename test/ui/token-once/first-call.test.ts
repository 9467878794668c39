import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CallJson } from '../../../src/admin/schemas-audit.ts'
import { watchFirstCall, type CallSource } from '../../../ui/src/token-once/first-call.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const callAt = (second: number, outcome: CallJson['outcome'] = 'succeeded') =>
  ({
    id: `${second}`,
    at: `2027-01-01T00:00:${String(second).padStart(2, '0')}.000Z`,
    outcome,
  }) as unknown as CallJson

/** A source that the test plays: what the trail holds, and the feed's events. */
function played() {
  const trail: CallJson[] = []
  let feed: Parameters<CallSource['live']>[0] | null = null
  let isClosed = false
  let asked = 0
  let isDown = false
  const source: CallSource = {
    live(on) {
      feed = on
      return () => {
        isClosed = true
      }
    },
    async newest() {
      asked += 1
      if (isDown) throw new Error('no answer')
      return trail
    },
  }
  return {
    source,
    trail,
    feed: () => {
      if (feed === null) throw new Error('nobody listens')
      return feed
    },
    isClosed: () => isClosed,
    asked: () => asked,
    goDown: (down: boolean) => {
      isDown = down
    },
  }
}

describe('waiting for the first call of a new key', () => {
  it('tells of a call at once where the feed is live, and stops listening then', () => {
    const play = played()
    const calls: CallJson[] = []
    watchFirstCall(play.source, { onCall: (call) => calls.push(call) })
    play.feed().open()
    play.feed().call(callAt(1))
    expect(calls).toEqual([callAt(1)])
    expect(play.isClosed()).toBe(true)
    play.feed().call(callAt(2))
    expect(calls).toHaveLength(1)
  })

  it('tells of a call that came before the feed was open', async () => {
    const play = played()
    const calls: CallJson[] = []
    play.trail.push(callAt(1))
    watchFirstCall(play.source, { onCall: (call) => calls.push(call) })
    play.feed().open()
    await vi.advanceTimersByTimeAsync(0)
    expect(calls).toEqual([callAt(1)])
  })

  it('asks again and again where the feed is lost or never came, and through failures', async () => {
    const play = played()
    const calls: CallJson[] = []
    watchFirstCall(play.source, { onCall: (call) => calls.push(call), pollEveryMs: 1000 })
    play.goDown(true)
    await vi.advanceTimersByTimeAsync(3000)
    play.goDown(false)
    play.feed().lost()
    play.trail.push(callAt(5))
    await vi.advanceTimersByTimeAsync(1000)
    expect(calls).toEqual([callAt(5)])
    const asked = play.asked()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(play.asked()).toBe(asked)
  })

  it('asks no more while the feed is live', async () => {
    const play = played()
    watchFirstCall(play.source, { onCall: () => undefined, pollEveryMs: 1000 })
    play.feed().open()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(play.asked()).toBe(1)
  })

  it('shows a refused call and goes on until one gets through', () => {
    const play = played()
    const calls: CallJson[] = []
    watchFirstCall(play.source, { onCall: (call) => calls.push(call) })
    play.feed().open()
    play.feed().call(callAt(1, 'denied'))
    play.feed().call(callAt(1, 'denied'))
    expect(play.isClosed()).toBe(false)
    play.feed().call(callAt(2, 'failed'))
    expect(calls.map(({ outcome }) => outcome)).toEqual(['denied', 'failed'])
    expect(play.isClosed()).toBe(true)
  })

  it('ends with the view', async () => {
    const play = played()
    const calls: CallJson[] = []
    watchFirstCall(play.source, { onCall: (call) => calls.push(call), pollEveryMs: 1000 })()
    play.feed().call(callAt(1))
    await vi.advanceTimersByTimeAsync(5000)
    expect([calls.length, play.asked(), play.isClosed()]).toEqual([0, 0, true])
  })
})
