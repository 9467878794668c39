import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GrantedToken } from '../../src/client/token-request.ts'
import { createTokenSource } from '../../src/client/token-source.ts'
import { TokenUnavailable } from '../../src/client/token-unavailable.ts'
import { createFakeClock } from '../verify/fake-clock.ts'

const hour = 3_600_000

function world(random = () => 0.5) {
  const clock = createFakeClock()
  const state = { asked: 0, fails: false, lifeMs: hour }
  const source = createTokenSource({
    clock,
    random,
    // oxlint-disable-next-line typescript/require-await -- as the real one
    async request(): Promise<GrantedToken> {
      state.asked++
      if (state.fails) throw new TokenUnavailable('unreachable', 'away')
      return { accessToken: `token-${state.asked}`, lifeMs: state.lifeMs }
    },
  })
  return { clock, state, source }
}

/** Lets a renewal in the background come to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('a token', () => {
  test('is asked for once, and again from 75 to 85 per cent of its life on, while it goes on being used', async () => {
    for (const [chance, renewAt] of [
      [0, 0.75],
      [0.5, 0.8],
      [1, 0.85],
    ] as const) {
      const { clock, state, source } = world(() => chance)
      expect(await source.get()).toBe('token-1')
      clock.advance(hour * renewAt - 1000)
      expect(await source.get()).toBe('token-1')
      await settle()
      expect(state.asked).toBe(1)
      clock.advance(2000)
      expect(await source.get()).toBe('token-1')
      await settle()
      expect(await source.get()).toBe('token-2')
      expect(state.asked).toBe(2)
    }
  })

  test('is never used to its end, by whichever clock went on', async () => {
    for (const pass of ['advance', 'shiftWall', 'sleep'] as const) {
      const { clock, state, source } = world()
      await source.get()
      clock[pass](hour - 5000)
      expect(await source.get()).toBe('token-2')
      expect(state.asked).toBe(2)
    }
  })

  test('does not live longer because the clock was set back', async () => {
    const { clock, source } = world()
    await source.get()
    clock.shiftWall(-10 * hour)
    expect(await source.get()).toBe('token-1')
    clock.advance(hour)
    expect(await source.get()).toBe('token-2')
  })

  test('that lives a second only is not asked for per call', async () => {
    const { clock, state, source } = world()
    state.lifeMs = 1000
    for (let i = 0; i < 100; i++) {
      await source.get()
      clock.advance(5)
    }
    expect(state.asked).toBe(1)
  })
})

describe('while none is to be had', () => {
  test('the one at hand is used until it ends, and then each caller is told', async () => {
    const { clock, state, source } = world()
    await source.get()
    state.fails = true
    clock.advance(hour * 0.9)
    for (let i = 0; i < 10; i++) {
      expect(await source.get()).toBe('token-1')
      await settle()
    }
    expect(state.asked).toBe(2)
    clock.advance(hour * 0.1)
    await expect(source.get()).rejects.toMatchObject({ code: 'token_unavailable', failure: 'unreachable' })
  })

  test('attempts are ever further apart, up to half a minute, and callers in between cost none', async () => {
    const { clock, state, source } = world(() => 1)
    state.fails = true
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const callers = await Promise.allSettled(Array.from({ length: 100 }, () => source.get()))
      expect(callers.every(({ status }) => status === 'rejected')).toBe(true)
      expect(state.asked).toBe(i + 1)
      const error = await source.get().catch((error: unknown) => error)
      const { retryAfterMs } = error as TokenUnavailable
      waits.push(retryAfterMs)
      clock.advance(retryAfterMs - 1)
      await expect(source.get()).rejects.toThrow(TokenUnavailable)
      expect(state.asked).toBe(i + 1)
      clock.advance(1)
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    state.fails = false
    expect(await source.get()).toBe('token-9')
  })

  test('a wait does not grow with a clock that was set back', async () => {
    const { clock, state, source } = world()
    state.fails = true
    await source.get().catch(() => {})
    clock.shiftWall(-100 * hour)
    clock.advance(1000)
    state.fails = false
    expect(await source.get()).toBe('token-2')
  })

  test('a fault that is none of ours is told without what it says', async () => {
    const source = createTokenSource({
      clock: createFakeClock(),
      random: () => 0,
      request: () => Promise.reject(new Error('canary')),
    })
    const error: unknown = await source.get().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TokenUnavailable)
    expect(String(error)).not.toContain('canary')
  })
})

describe('a token that a resource refused', () => {
  test('is replaced once, whoever tells', async () => {
    const { state, source } = world()
    const token = await source.get()
    expect(Array.from({ length: 50 }, () => source.refused(token))).not.toContain(false)
    const tokens = await Promise.all(Array.from({ length: 50 }, () => source.get()))
    expect(new Set(tokens)).toEqual(new Set(['token-2']))
    expect(state.asked).toBe(2)
  })

  test('is not replaced for each call where all are refused', async () => {
    const { clock, state, source } = world()
    expect(source.refused(await source.get())).toBe(true)
    for (let i = 0; i < 99; i++) {
      expect(source.refused(await source.get())).toBe(false)
      clock.advance(100)
    }
    expect(state.asked).toBe(2)
    clock.advance(100)
    expect(source.refused(await source.get())).toBe(true)
  })
})

test('whatever happens, no token is handed out after its end, and one request is under way at most', async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('get' as const) }),
    fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ what: fc.constant('shift' as const), ms: fc.integer({ min: -60_000, max: 60_000 }) }),
    fc.record({ what: fc.constant('fail' as const), fails: fc.boolean() }),
    fc.record({ what: fc.constant('refuse' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 60_000 }),
      async (steps, lifeMs) => {
        const clock = createFakeClock()
        const ends = new Map<string, number>()
        let fails = false
        let underWay = 0
        let last = ''
        const source = createTokenSource({
          clock,
          random: () => 0.5,
          async request() {
            expect(++underWay).toBe(1)
            const endsAt = clock.monotonic() + lifeMs
            await settle()
            underWay--
            if (fails) throw new TokenUnavailable('failed', 'no')
            const accessToken = `t${ends.size}`
            ends.set(accessToken, endsAt)
            return { accessToken, lifeMs }
          },
        })
        for (const each of steps) {
          if (each.what === 'pass') clock.advance(each.ms)
          else if (each.what === 'shift') clock.shiftWall(each.ms)
          else if (each.what === 'fail') fails = each.fails
          else if (each.what === 'refuse') source.refused(last)
          else {
            const answers = await Promise.allSettled([source.get(), source.get()])
            for (const answer of answers) {
              if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(TokenUnavailable)
              else {
                last = answer.value
                expect(ends.get(last)).toBeGreaterThan(clock.monotonic())
              }
            }
          }
        }
      },
    ),
    { numRuns: 150 },
  )
})
