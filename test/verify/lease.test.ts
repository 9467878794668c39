import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChangedSubject } from '../../src/domain/ports.ts'
import { pollLimit } from '../../src/domain/ports.ts'
import { createLease, leaseMs, pollIntervalMs } from '../../src/verify/lease.ts'
import { createFakeClock } from './fake-clock.ts'
import { createKeyWorld, settled } from './key-world.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

function setUp() {
  const clock = createFakeClock()
  const world = createKeyWorld()
  const applied: (readonly ChangedSubject[] | 'all')[] = []
  const wentBack: [number, number][] = []
  const failures: unknown[] = []
  const lease = createLease({
    lookups: world,
    clock,
    onChanges: (changes) => applied.push(changes),
    onEpochWentBack: (from, to) => wentBack.push([from, to]),
    onPollFailed: (error) => failures.push(error),
  })
  return { clock, world, lease, applied, wentBack, failures }
}

async function passTime(clock: ReturnType<typeof createFakeClock>, ms: number): Promise<void> {
  clock.advance(ms)
  vi.advanceTimersByTime(ms)
  await settled()
}

describe('a lease', () => {
  it('does not hold before the first poll', () => {
    const { lease } = setUp()
    expect(lease.isFresh()).toBe(false)
    expect(lease.epoch()).toBe(-1)
    expect(lease.ageMs()).toBe(Infinity)
  })

  it('holds until 900 ms after its poll was sent, and not at 900 ms', async () => {
    const { lease, clock } = setUp()
    expect(await lease.ensureFresh()).toBe(true)
    clock.advance(leaseMs - 1)
    expect(lease.isFresh()).toBe(true)
    clock.advance(1)
    expect(lease.isFresh()).toBe(false)
    expect(leaseMs).toBe(900)
  })

  it('is taken by a poll of its own where the one under way was sent before the clock jumped', async () => {
    const { lease, clock, world } = setUp()
    world.holdPolls = true
    const first = lease.ensureFresh()
    clock.shiftWall(3_600_000)
    const second = lease.ensureFresh()
    world.holdPolls = false
    world.heldPolls[0]?.arrive()
    await first
    expect(await second).toBe(true)
  })

  it('is counted from when the poll was sent, however late its answer comes', async () => {
    const { lease, clock, world } = setUp()
    world.holdPolls = true
    const waiting = lease.ensureFresh()
    clock.advance(850)
    world.heldPolls[0]?.arrive()
    expect(await waiting).toBe(true)
    expect(lease.ageMs()).toBe(850)
    clock.advance(49)
    expect(lease.isFresh()).toBe(true)
    clock.advance(1)
    expect(lease.isFresh()).toBe(false)
  })

  it('is not won by a poll that was sent long ago', async () => {
    const { lease, clock, world } = setUp()
    world.holdPolls = true
    const waiting = lease.ensureFresh()
    clock.advance(leaseMs)
    world.heldPolls[0]?.arrive()
    expect(await waiting).toBe(false)
    expect(lease.isFresh()).toBe(false)
  })

  it.each<[string, (clock: ReturnType<typeof createFakeClock>) => void]>([
    ['the clock is set back', (clock) => clock.shiftWall(-3_600_000)],
    ['the clock is set back and forth', (clock) => [-5_000, 5_000].forEach((ms) => clock.shiftWall(ms))],
  ])('is not lengthened when %s', async (_name, turn) => {
    const { lease, clock } = setUp()
    await lease.ensureFresh()
    turn(clock)
    clock.advance(leaseMs - 1)
    expect(lease.isFresh()).toBe(true)
    clock.advance(1)
    expect(lease.isFresh()).toBe(false)
  })

  it('ends when the machine slept, though the monotonic clock stood still', async () => {
    const { lease, clock } = setUp()
    await lease.ensureFresh()
    clock.sleep(leaseMs)
    expect(lease.isFresh()).toBe(false)
  })

  it('is not won by a poll during which the clock was set back', async () => {
    const { lease, clock, world } = setUp()
    world.holdPolls = true
    const waiting = lease.ensureFresh()
    clock.shiftWall(-10_000)
    clock.advance(leaseMs)
    world.heldPolls[0]?.arrive()
    expect(await waiting).toBe(false)
  })

  it('is not lengthened by polls that fail', async () => {
    const { lease, clock, world, failures } = setUp()
    await lease.ensureFresh()
    lease.start()
    await settled()
    world.isAway = true
    for (let elapsed = 0; elapsed < leaseMs; elapsed += 100) await passTime(clock, 100)
    expect(lease.isFresh()).toBe(false)
    expect(failures.length).toBeGreaterThan(2)
    world.isAway = false
    await passTime(clock, pollIntervalMs)
    expect(lease.isFresh()).toBe(true)
    lease.stop()
  })
})

describe('an epoch that goes backwards', () => {
  it('refuses everything from then on, whatever later polls say', async () => {
    const { lease, clock, world, wentBack } = setUp()
    const { key } = world.create()
    await lease.ensureFresh()
    const before = world.epoch()
    world.restoreTo(before - 1)
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(false)
    expect(lease.isFresh()).toBe(false)
    expect(lease.epoch()).toBe(before)
    world.restoreTo(before)
    for (let change = 0; change < 5; change++) world.revoke(key.id, 0)
    expect(await lease.ensureFresh()).toBe(false)
    lease.start()
    for (let poll = 0; poll < 5; poll++) await passTime(clock, pollIntervalMs)
    expect(lease.isFresh()).toBe(false)
    expect(wentBack).toEqual([[before, before - 1]])
    lease.stop()
  })

  it('refuses although the lease had not run out', async () => {
    const { lease, clock, world } = setUp()
    lease.start()
    await settled()
    expect(lease.isFresh()).toBe(true)
    world.restoreTo(world.epoch() - 1)
    await passTime(clock, pollIntervalMs)
    expect(lease.isFresh()).toBe(false)
    lease.stop()
  })

  it('is not seen in an epoch that stays where it is', async () => {
    const { lease, clock, wentBack } = setUp()
    await lease.ensureFresh()
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(true)
    expect(wentBack).toEqual([])
  })
})

describe('what changed', () => {
  it('is told once, in order, and before the new epoch counts as applied', async () => {
    const world = createKeyWorld()
    const clock = createFakeClock()
    const seen: [number, string[]][] = []
    const lease = createLease({
      lookups: world,
      clock,
      onChanges: (changes) =>
        seen.push([lease.epoch(), changes === 'all' ? ['all'] : changes.map((change) => change.subjectId)]),
      onEpochWentBack: () => expect.unreachable(),
      onPollFailed: (error) => expect.unreachable(String(error)),
    })
    await lease.ensureFresh()
    const start = lease.epoch()
    const { key } = world.create()
    world.revoke(key.id, 0)
    clock.advance(leaseMs)
    await lease.ensureFresh()
    clock.advance(leaseMs)
    await lease.ensureFresh()
    expect(seen).toEqual([[start, [key.id, key.id]]])
    expect(lease.epoch()).toBe(start + 2)
  })

  it('is everything, where a poll may have left something out', async () => {
    const { lease, clock, world, applied } = setUp()
    await lease.ensureFresh()
    for (let made = 0; made < pollLimit; made++) world.create()
    clock.advance(leaseMs)
    await lease.ensureFresh()
    expect(applied).toEqual(['all'])
    expect(lease.epoch()).toBe(world.epoch())
  })

  it('is told one by one just below that', async () => {
    const { lease, clock, world, applied } = setUp()
    await lease.ensureFresh()
    for (let made = 0; made < pollLimit - 1; made++) world.create()
    clock.advance(leaseMs)
    await lease.ensureFresh()
    expect(applied.map((changes) => changes.length)).toEqual([pollLimit - 1])
    expect(applied).not.toContain('all')
  })

  it('does not count as applied where applying it failed, and the lease is not renewed', async () => {
    const world = createKeyWorld()
    const clock = createFakeClock()
    let isBroken = true
    const lease = createLease({
      lookups: world,
      clock,
      onChanges: () => {
        if (isBroken) throw new Error('broken')
      },
      onEpochWentBack: () => {},
      onPollFailed: () => {},
    })
    await lease.ensureFresh()
    const before = lease.epoch()
    world.create()
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(false)
    expect(lease.epoch()).toBe(before)
    isBroken = false
    expect(await lease.ensureFresh()).toBe(true)
    expect(lease.epoch()).toBe(world.epoch())
  })
})

describe('making sure that it is fresh', () => {
  it('polls inline where no timer runs, and only when the lease has run out', async () => {
    const { lease, clock, world } = setUp()
    expect(await lease.ensureFresh()).toBe(true)
    expect(await lease.ensureFresh()).toBe(true)
    expect(world.polls).toBe(1)
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(true)
    expect(world.polls).toBe(2)
  })

  it('shares one poll among all who ask at once', async () => {
    const { lease, world } = setUp()
    const answers = await Promise.all(Array.from({ length: 50 }, () => lease.ensureFresh()))
    expect(new Set(answers)).toEqual(new Set([true]))
    expect(world.polls).toBe(1)
  })

  it('answers no, without waiting, for a store that is away', async () => {
    const { lease, world, failures } = setUp()
    world.isAway = true
    expect(await lease.ensureFresh()).toBe(false)
    expect(failures).toHaveLength(1)
  })

  it('does not wait for a stuck poll beyond the lease', async () => {
    const { lease, clock, world } = setUp()
    world.holdPolls = true
    let answer: boolean | null = null
    void lease.ensureFresh().then((fresh) => (answer = fresh))
    await passTime(clock, leaseMs - 1)
    expect(answer).toBeNull()
    await passTime(clock, 1)
    expect(answer).toBe(false)
    // Whoever comes now finds the poll stuck already, and doesn't wait at all.
    expect(await lease.ensureFresh()).toBe(false)
    expect(world.polls).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no timer behind', async () => {
    const { lease } = setUp()
    await lease.ensureFresh()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('the timer', () => {
  it('polls every 200 ms, one poll at a time, until stopped', async () => {
    const { lease, clock, world } = setUp()
    lease.start()
    await settled()
    expect(world.polls).toBe(1)
    for (let poll = 2; poll <= 6; poll++) {
      await passTime(clock, pollIntervalMs)
      expect(world.polls).toBe(poll)
    }
    world.holdPolls = true
    await passTime(clock, pollIntervalMs)
    await passTime(clock, 10 * pollIntervalMs)
    expect(world.polls).toBe(7)
    world.heldPolls[0]?.arrive()
    await settled()
    world.holdPolls = false
    await passTime(clock, 0)
    expect(world.polls).toBe(8)
    lease.stop()
    await passTime(clock, 10 * pollIntervalMs)
    expect(world.polls).toBe(8)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('stays stopped when it is stopped while a poll is under way', async () => {
    const { lease, clock, world } = setUp()
    world.holdPolls = true
    lease.start()
    lease.stop()
    world.heldPolls[0]?.arrive()
    await settled()
    await passTime(clock, 10 * pollIntervalMs)
    expect(world.polls).toBe(1)
  })

  it('sees a change within one interval and the time of a poll', async () => {
    const { lease, clock, world, applied } = setUp()
    lease.start()
    await settled()
    world.create()
    await passTime(clock, pollIntervalMs)
    expect(applied).toHaveLength(1)
    lease.stop()
  })
})
