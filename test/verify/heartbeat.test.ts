import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NodeReport } from '../../src/domain/node-store.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { createHeartbeat, heartbeatIntervalMs } from '../../src/verify/heartbeat.ts'
import { createFakeClock } from './fake-clock.ts'
import { settled } from './key-world.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

function setUp() {
  const clock = createFakeClock()
  const reports: NodeReport[] = []
  const world = {
    epoch: 5,
    applied: 5,
    aheadMs: 0,
    tookMs: 0,
    isAway: false,
    left: [] as string[],
    tidied: 0,
  }
  const clocks: [boolean, number][] = []
  const failures: unknown[] = []
  const heartbeat = createHeartbeat({
    nodes: {
      async report(node) {
        if (world.isAway) throw new StoreUnavailable('away')
        reports.push(node)
        clock.advance(world.tookMs / 2)
        const at = clock.now() + world.aheadMs
        clock.advance(world.tookMs / 2)
        return { epoch: world.epoch, at }
      },
      async leave(boot) {
        world.left.push(boot)
      },
      async forget() {
        world.tidied++
      },
    },
    lease: { epoch: () => world.applied, ageMs: () => Infinity, refusing: () => null },
    clock,
    node: { id: 'a', boot: 'a-1', host: 'here', version: '1' },
    onClockFar: (isFar, offsetMs) => clocks.push([isFar, offsetMs]),
    onFailed: (error) => failures.push(error),
  })
  async function passTime(ms: number): Promise<void> {
    clock.advance(ms)
    await vi.advanceTimersByTimeAsync(ms)
    await settled()
  }
  return { clock, heartbeat, reports, world, clocks, failures, passTime }
}

describe('a heartbeat', () => {
  it('is there before the node takes up service, and again with what it measured', async () => {
    const { heartbeat, reports, world } = setUp()
    world.aheadMs = 40
    await heartbeat.start()
    expect(reports.map(({ clockOffsetMs, leaseAgeMs }) => [clockOffsetMs, leaseAgeMs])).toEqual([
      [null, null],
      [40, null],
    ])
    await heartbeat.stop()
  })

  it('comes every five seconds, at once where something changed, and one at a time', async () => {
    const { heartbeat, reports, world, passTime } = setUp()
    await heartbeat.start()
    await passTime(heartbeatIntervalMs)
    expect(reports).toHaveLength(3)
    world.applied = 9
    for (let change = 0; change < 10; change++) heartbeat.soon()
    await settled()
    expect(reports.at(-1)?.appliedEpoch).toBe(9)
    expect(reports.length).toBeLessThanOrEqual(5)
    await heartbeat.stop()
  })

  it('harms nobody where it fails, says so once, and goes on', async () => {
    const { heartbeat, reports, world, failures, passTime } = setUp()
    world.isAway = true
    await heartbeat.start()
    await passTime(heartbeatIntervalMs)
    await passTime(heartbeatIntervalMs)
    expect(failures).toHaveLength(1)
    world.isAway = false
    await passTime(heartbeatIntervalMs)
    expect(reports.length).toBeGreaterThan(0)
    await heartbeat.stop()
  })

  it('ends with the service: the row is removed, and none comes after', async () => {
    const { heartbeat, reports, world, passTime } = setUp()
    await heartbeat.start()
    await heartbeat.stop()
    expect(world.left).toEqual(['a-1'])
    const { length } = reports
    heartbeat.soon()
    await passTime(10 * heartbeatIntervalMs)
    expect(reports).toHaveLength(length)
  })

  it('tells how far the node lags behind', async () => {
    const { heartbeat, world } = setUp()
    world.epoch = 12
    await heartbeat.start()
    expect(heartbeat.lagEpochs()).toBe(7)
    await heartbeat.stop()
  })

  it.each([
    ['30 s', 30_000, 0, []],
    ['30 s and a little', 30_001, 0, [[true, 30_001]]],
    ['behind by more', -30_001, 0, [[true, -30_001]]],
    ['more, but no more than the way there and back explains', 30_040, 100, []],
  ])('judges a clock that is off by %s', async (_name, aheadMs, tookMs, told) => {
    const { heartbeat, world, clocks } = setUp()
    Object.assign(world, { aheadMs, tookMs })
    await heartbeat.start()
    expect(clocks).toEqual(told)
    await heartbeat.stop()
  })

  it('says that a clock is right again', async () => {
    const { heartbeat, world, clocks, passTime } = setUp()
    world.aheadMs = 60_000
    await heartbeat.start()
    world.aheadMs = 1
    await passTime(heartbeatIntervalMs)
    await passTime(heartbeatIntervalMs)
    expect(clocks).toEqual([
      [true, 60_000],
      [false, 1],
    ])
    await heartbeat.stop()
  })
})
