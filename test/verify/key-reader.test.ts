import { describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { hashToken, newToken } from '../../src/domain/service-key.ts'
import { createKeyCache } from '../../src/verify/key-cache.ts'
import { createKeyReader } from '../../src/verify/key-reader.ts'
import { createLease } from '../../src/verify/lease.ts'
import { createFakeClock } from './fake-clock.ts'
import { allUnknown, createKeyWorld, settled } from './key-world.ts'

function setUp() {
  const clock = createFakeClock()
  const world = createKeyWorld()
  const cache = createKeyCache(clock)
  const lease = createLease({
    lookups: world,
    clock,
    onChanges: (changes) => cache.apply(changes),
    onRefusing: () => {},
    onPollFailed: () => {},
  })
  const readKey = createKeyReader({ lookups: world, cache, lease, unknownKeys: allUnknown })
  /** The next poll, as the timer or a lapsed lease would make it. */
  async function poll(): Promise<void> {
    clock.advance(900)
    expect(await lease.ensureFresh()).toBe(true)
  }
  return { clock, world, cache, lease, readKey, poll }
}

const strangers = (count: number): Buffer[] => Array.from({ length: count }, () => hashToken(newToken('pst')))

describe('reading a key', () => {
  it('asks the database once, then answers from memory, keys and misses alike', async () => {
    const { world, readKey, poll } = setUp()
    const { key } = world.create()
    const [stranger] = strangers(1) as [Buffer]
    await poll()
    expect(await readKey(key.digest)).toEqual(key)
    expect(await readKey(stranger)).toBeNull()
    expect(world.lookups).toEqual([1, 1])
    // Not even a promise is made.
    expect(readKey(key.digest)).toEqual(key)
    expect(readKey(stranger)).toBeNull()
    expect(world.lookups).toEqual([1, 1])
  })

  it('lookups that miss at the same moment share one query', async () => {
    const { world, readKey, poll } = setUp()
    const made = Array.from({ length: 20 }, () => world.create().key)
    await poll()
    const answers = await Promise.all(made.map(async (key) => readKey(key.digest)))
    expect(answers).toEqual(made)
    expect(world.lookups).toEqual([20])
  })

  it('each digest is asked for once, however many want it', async () => {
    const { world, readKey, poll } = setUp()
    const { key } = world.create()
    await poll()
    world.holdLookups = true
    const early = Array.from({ length: 10 }, async () => readKey(key.digest))
    await settled()
    const late = Array.from({ length: 10 }, async () => readKey(Buffer.from(key.digest)))
    world.heldLookups[0]?.arrive()
    expect(await Promise.all([...early, ...late])).toEqual(Array.from({ length: 20 }, () => key))
    expect(world.lookups).toEqual([1])
  })

  it('has one query in flight; whatever misses meanwhile shares the next', async () => {
    const { world, readKey, poll } = setUp()
    const made = Array.from({ length: 8 }, () => world.create().key)
    await poll()
    world.holdLookups = true
    const first = readKey(made[0]?.digest ?? Buffer.alloc(32))
    await settled()
    const rest = made.slice(1).map(async (key) => readKey(key.digest))
    await settled()
    expect(world.lookups).toEqual([1])
    world.heldLookups[0]?.arrive()
    expect(await first).toEqual(made[0])
    await settled()
    expect(world.lookups).toEqual([1, 7])
    world.heldLookups[1]?.arrive()
    expect(await Promise.all(rest)).toEqual(made.slice(1))
    expect(world.mostAtOnce).toBe(1)
  })

  it('asks for a thousand digests at most in one query', async () => {
    const { world, readKey, poll } = setUp()
    await poll()
    await Promise.all(strangers(2500).map(async (digest) => readKey(digest)))
    expect(world.lookups).toEqual([1000, 1000, 500])
  })

  it('an error reaches all who wait, and is not remembered', async () => {
    const { world, readKey, poll } = setUp()
    const made = [world.create().key, world.create().key]
    await poll()
    world.isAway = true
    const answers = await Promise.allSettled([...made, ...made].map(async (key) => readKey(key.digest)))
    expect(
      answers.map((answer) => answer.status === 'rejected' && answer.reason instanceof StoreUnavailable),
    ).toEqual([true, true, true, true])
    expect(world.lookups).toHaveLength(1)
    world.isAway = false
    expect(await Promise.all(made.map(async (key) => readKey(key.digest)))).toEqual(made)
  })

  it('goes on with what missed meanwhile after a query that failed', async () => {
    const { world, readKey, poll } = setUp()
    const [first, second] = [world.create().key, world.create().key]
    await poll()
    world.holdLookups = true
    const failing = Promise.resolve(readKey(first.digest)).catch((error: unknown) => error)
    await settled()
    const waiting = readKey(second.digest)
    world.holdLookups = false
    world.heldLookups[0]?.fail(new StoreUnavailable('cut'))
    expect(await failing).toBeInstanceOf(StoreUnavailable)
    expect(await waiting).toEqual(second)
  })
})

describe('a lookup that began before a change and lands after it (T29)', () => {
  it('neither answers nor fills the cache with a key that was revoked meanwhile', async () => {
    const { clock, world, cache, readKey, poll } = setUp()
    const { key } = world.create()
    await poll()
    world.holdLookups = true
    const reading = readKey(key.digest)
    await settled()
    world.revoke(key.id, clock.now())
    await poll()
    world.holdLookups = false
    world.heldLookups[0]?.arrive()
    expect((await reading)?.revokedAt).not.toBeNull()
    expect(world.lookups).toEqual([1, 1])
    expect(cache.get(key.digest)?.revokedAt).not.toBeNull()
  })

  it('neither answers nor remembers a miss for a key that was created meanwhile', async () => {
    const { world, cache, readKey, poll } = setUp()
    const { key } = world.create()
    world.keys.delete(key.id)
    await poll()
    world.holdLookups = true
    const reading = readKey(key.digest)
    await settled()
    world.create(key)
    await poll()
    world.holdLookups = false
    world.heldLookups[0]?.arrive()
    expect(await reading).toEqual(key)
    expect(cache.get(key.digest)).toEqual(key)
  })

  it('is repeated for all who share it, also those who joined after the change', async () => {
    const { clock, world, readKey, poll } = setUp()
    const made = Array.from({ length: 5 }, () => world.create().key)
    await poll()
    world.holdLookups = true
    const before = made.map(async (key) => readKey(key.digest))
    await settled()
    for (const key of made) world.revoke(key.id, clock.now())
    await poll()
    const after = made.map(async (key) => readKey(key.digest))
    world.holdLookups = false
    world.heldLookups[0]?.arrive()
    const answers = await Promise.all([...before, ...after])
    expect(answers.filter((key) => key?.revokedAt === null)).toEqual([])
    expect(world.lookups).toEqual([5, 5])
  })

  it('counts where the change came before its snapshot, though this node has not applied it yet', async () => {
    const { clock, world, cache, readKey, poll } = setUp()
    const { key } = world.create()
    await poll()
    world.revoke(key.id, clock.now())
    expect((await readKey(key.digest))?.revokedAt).not.toBeNull()
    expect(world.lookups).toEqual([1])
    await poll()
    // The change dropped what was known of the key; the next reading sees the same.
    expect(cache.get(key.digest)).toBeUndefined()
    expect((await readKey(key.digest))?.revokedAt).not.toBeNull()
  })

  it('gives up as unavailable, where the epoch moves under every attempt', async () => {
    const { world, cache, readKey, poll } = setUp()
    const { key } = world.create()
    await poll()
    world.holdLookups = true
    const reading = Promise.resolve(readKey(key.digest)).catch((error: unknown) => error)
    await settled()
    for (let attempt = 0; attempt < 10; attempt++) {
      world.create()
      await poll()
      world.heldLookups[attempt]?.arrive()
      await settled()
    }
    expect(await reading).toBeInstanceOf(StoreUnavailable)
    expect(cache.get(key.digest)).toBeUndefined()
    world.holdLookups = false
    expect(await readKey(key.digest)).toEqual(key)
  })
})

describe('a flood of keys that are well formed and unknown (T12)', () => {
  it('costs one query at a time, and none for what was asked before', async () => {
    const { world, readKey, poll } = setUp()
    await poll()
    const flood = strangers(5000)
    for (let wave = 0; wave < 3; wave++) await Promise.all(flood.map(async (digest) => readKey(digest)))
    expect(world.lookups).toEqual([1000, 1000, 1000, 1000, 1000])
    expect(world.mostAtOnce).toBe(1)
  })

  it('keeps the number of queries flat while one is slow', async () => {
    const { world, readKey, poll } = setUp()
    await poll()
    world.holdLookups = true
    const answers = [Promise.resolve(readKey(strangers(1)[0] ?? Buffer.alloc(32)))]
    await settled()
    for (let turn = 0; turn < 50; turn++) {
      answers.push(...strangers(20).map(async (digest) => readKey(digest)))
      await settled()
    }
    expect(world.lookups).toEqual([1])
    world.holdLookups = false
    world.heldLookups[0]?.arrive()
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 1001 }, () => null))
    expect(world.lookups).toEqual([1, 1000])
  })

  it('does not keep a new key out once the poll has applied its creation', async () => {
    const { world, readKey, poll } = setUp()
    const { key } = world.create()
    world.keys.delete(key.id)
    await poll()
    await Promise.all([...strangers(3000), key.digest].map(async (digest) => readKey(digest)))
    expect(readKey(key.digest)).toBeNull()
    world.create(key)
    await poll()
    expect(await readKey(key.digest)).toEqual(key)
  })
})
