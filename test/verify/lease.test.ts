import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Refusing } from '../../src/domain/node-store.ts'
import type { ChangedSubject } from '../../src/domain/ports.ts'
import { pollLimit } from '../../src/domain/ports.ts'
import type { Position } from '../../src/verify/lease.ts'
import { createLease, leaseMs, pollIntervalMs } from '../../src/verify/lease.ts'
import { createFakeClock } from './fake-clock.ts'
import { createKeyWorld, settled } from './key-world.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

function setUp(recalled: Position | null = null) {
  const clock = createFakeClock()
  const world = createKeyWorld()
  const applied: (readonly ChangedSubject[] | 'all')[] = []
  const refusals: [Refusing | null, number, number][] = []
  const failures: unknown[] = []
  const positions: Position[] = []
  const lease = createLease({
    lookups: world,
    clock,
    recall: () => recalled,
    onApplied: (position) => positions.push(position),
    onChanges: (changes) => applied.push(changes),
    onRefusing: (why, applied, found) => refusals.push([why, applied, found]),
    onPollFailed: (error) => failures.push(error),
  })
  return { clock, world, lease, applied, refusals, failures, positions }
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
    const { lease, clock, world, refusals } = setUp()
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
    expect(refusals).toEqual([['epoch_went_back', before, before - 1]])
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
    const { lease, clock, refusals } = setUp()
    await lease.ensureFresh()
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(true)
    expect(refusals).toEqual([])
  })
})

describe('another history', () => {
  /** A node that has applied a change, over a database that then forgot it. */
  async function afterRestore() {
    const all = setUp()
    const { key } = all.world.create()
    await all.lease.ensureFresh()
    all.world.restoreTo(all.world.epoch() - 1)
    all.clock.advance(leaseMs)
    return { ...all, key }
  }

  it('refuses everything although its numbers have caught up: what they count is other changes', async () => {
    const { lease, world, refusals } = await afterRestore()
    const { key } = world.create()
    world.revoke(key.id, 0)
    expect(await lease.ensureFresh()).toBe(false)
    expect(lease.refusing()).toBe('history_differs')
    expect(refusals).toEqual([['history_differs', 11, 12]])
  })

  it('is gone on from once it is acknowledged, with nothing cached', async () => {
    const { lease, world, clock, applied, refusals, key } = await afterRestore()
    expect(await lease.ensureFresh()).toBe(false)
    world.revoke(key.id, 0)
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(false)
    world.acknowledgeRestore(lease.epoch())
    clock.advance(pollIntervalMs)
    expect(await lease.ensureFresh()).toBe(true)
    expect(applied).toEqual(['all'])
    expect(refusals.map(([why]) => why)).toEqual(['epoch_went_back', null])
    expect(lease.refusing()).toBeNull()
    expect(lease.epoch()).toBe(world.epoch())
  })

  it('is still refused where the acknowledged epoch is one that this node had applied already', async () => {
    const { lease, world, clock } = await afterRestore()
    world.acknowledgeRestore(0)
    expect(world.epoch()).toBe(lease.epoch())
    for (let poll = 0; poll < 3; poll++) {
      clock.advance(leaseMs)
      expect(await lease.ensureFresh()).toBe(false)
    }
    expect(lease.refusing()).toBe('history_differs')
  })

  it('makes nobody who is refused ask the database at each call', async () => {
    const { lease, world } = await afterRestore()
    await lease.ensureFresh()
    const { polls } = world
    for (let call = 0; call < 20; call++) expect(await lease.ensureFresh()).toBe(false)
    expect(world.polls).toBe(polls)
  })

  it('drops all that is cached where a restore was acknowledged before this node saw it', async () => {
    const { lease, world, clock, applied } = setUp()
    await lease.ensureFresh()
    world.restoreTo(world.epoch() - 3)
    world.acknowledgeRestore(lease.epoch())
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(true)
    expect(applied).toEqual(['all'])
  })

  it('of another database than a moment ago is refused', async () => {
    const { lease, world, clock } = setUp()
    await lease.ensureFresh()
    world.databaseId = 'b-database'
    world.acknowledgeRestore(lease.epoch())
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(false)
    expect(lease.refusing()).toBe('another_database')
  })
})

describe('what an earlier run had applied', () => {
  const recalled = { databaseId: 'a-database', epoch: 12, mark: 'key-2 created 0' }

  it('is not hidden by a restart: a database that knows less is refused', async () => {
    const { lease, refusals } = setUp(recalled)
    expect(await lease.ensureFresh()).toBe(false)
    expect(lease.epoch()).toBe(12)
    expect(refusals).toEqual([['epoch_went_back', 12, 10]])
  })

  it.each([
    ['other changes', 'key-9 created 0', 'history_differs'],
    ['the same', 'key-2 created 0', null],
  ])('is compared with %s', async (_name, mark, why) => {
    const { lease, world, positions } = setUp({ ...recalled, mark })
    world.create()
    world.create()
    world.create()
    expect(await lease.ensureFresh()).toBe(why === null)
    expect(lease.refusing()).toBe(why)
    expect(positions.map(({ epoch }) => epoch)).toEqual(why === null ? [13] : [])
  })

  it('says nothing of another database', async () => {
    const { lease, positions } = setUp({ ...recalled, databaseId: 'b-database' })
    expect(await lease.ensureFresh()).toBe(true)
    expect(positions).toEqual([{ databaseId: 'a-database', epoch: 10, mark: null }])
  })

  it('is over with an acknowledged restore', async () => {
    const { lease, world, clock, applied } = setUp(recalled)
    expect(await lease.ensureFresh()).toBe(false)
    world.acknowledgeRestore(12)
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(true)
    expect(applied).toEqual(['all'])
  })

  it('is told anew only where it moves on', async () => {
    const { lease, world, clock, positions } = setUp()
    await lease.ensureFresh()
    clock.advance(leaseMs)
    await lease.ensureFresh()
    const { key } = world.create()
    clock.advance(leaseMs)
    await lease.ensureFresh()
    expect(positions).toEqual([
      { databaseId: 'a-database', epoch: 10, mark: null },
      { databaseId: 'a-database', epoch: 11, mark: `${key.id} created 0` },
    ])
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
      onRefusing: () => expect.unreachable(),
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
      onRefusing: () => {},
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
