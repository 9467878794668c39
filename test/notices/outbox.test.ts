import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { arrived, failed, refused, type Attempt, type Sender } from '../../src/notices/sender.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { createStage, day, type Stage } from './stage.ts'

// Several databases, made anew for each.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let server: PostgresServer
let stage: Stage
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())
beforeEach(async () => {
  stage = await createStage(server)
  await stage.keys.createServiceUser(
    { name: 'bot', owner: 'o@example.com', backupOwner: 'b@example.com' },
    'ann',
  )
})
afterEach(() => stage.close())

/** A channel that does as it is told, and what it was given. */
function stub(answer: (count: number) => Attempt | Promise<Attempt> = () => arrived) {
  const sent: { id: string; noticeId: string; kind: string; recipient: string }[] = []
  const sender: Sender = {
    channel: 'webhook',
    recipients: (_, escalated) => (escalated ? ['ops', 'backup'] : ['ops']),
    // oxlint-disable-next-line typescript/promise-function-async
    send({ id, recipient }, notice) {
      sent.push({ id, recipient, noticeId: notice.id, kind: notice.kind })
      return Promise.resolve(answer(sent.length))
    },
  }
  return { sent, sender }
}

async function issue(expires = '180d'): Promise<string> {
  return (await stage.keys.issue({ serviceUser: 'bot', expires }, 'ann')).key.key.id
}

async function kinds(): Promise<string[]> {
  return (await stage.all()).map(({ notice }) => notice.kind).toReversed()
}

describe('one notice for each occasion', () => {
  test('a key is created, warned of, and expires: each once, over many passes', async () => {
    const { sent, sender } = stub()
    const { notices } = stage.node({ senders: [sender] })
    const id = await issue('40d')
    for (let hours = 0; hours < 42 * 24; hours += 6) {
      // oxlint-disable-next-line no-await-in-loop
      await notices.tick()
      stage.clock.advance(6 * 3_600_000)
    }
    const expected = ['key-created', ...Array.from({ length: 4 }, () => 'key-expiring'), 'key-expired']
    expect(await kinds()).toEqual(expected)
    expect(sent.filter(({ recipient }) => recipient === 'ops').map(({ kind }) => kind)).toEqual(expected)
    const warnings = (await stage.all()).filter(({ notice }) => notice.kind === 'key-expiring')
    expect(warnings.map(({ notice }) => notice.facts?.daysLeft)).toEqual([1, 7, 14, 30])
    expect(warnings.every(({ notice }) => notice.keyId === id)).toBe(true)
  })

  test('a worker that was away for weeks says only what is urgent', async () => {
    const { notices } = stage.node()
    await issue('40d')
    stage.clock.advance(35 * day)
    await notices.tick()
    await notices.tick()
    expect(await kinds()).toEqual(['key-created', 'key-expiring'])
    expect((await stage.all())[0]?.notice.facts?.daysLeft).toBe(7)
  })

  test('a clock that jumps ahead and comes back says nothing twice', async () => {
    const { notices } = stage.node()
    await issue('40d')
    for (const days of [27, -20, 15, 10, -30, 29, 2]) {
      stage.clock.shiftWall(days * day)
      // oxlint-disable-next-line no-await-in-loop
      await notices.tick()
    }
    const occasions = (await stage.all()).map(({ notice }) => notice.occasion)
    expect(new Set(occasions).size).toBe(occasions.length)
    expect(occasions.length).toBeLessThanOrEqual(5)
  })

  test('an overlap that ends is recorded with its own instant, and said', async () => {
    const { notices } = stage.node()
    const id = await issue()
    stage.clock.advance(1)
    await stage.keys.rotate(id, {}, 'ann')
    const endsAt = stage.clock.now() + 7 * day
    stage.clock.advance(6 * day)
    await stage.store.trail.append({
      calls: [],
      ends: [],
      lastUsed: new Map([[id, stage.clock.now() - 1000]]),
    })
    await notices.tick()
    stage.clock.advance(day - 1)
    await notices.tick()
    expect((await stage.keys.show(id)).key.key.revokedAt).toBeNull()
    stage.clock.advance(3 * day)
    await notices.tick()
    const { key } = (await stage.keys.show(id)).key
    expect([key.revokedAt, key.revokedReason]).toEqual([endsAt, 'rotated: the overlap ended'])
    expect(await kinds()).toEqual(['key-created', 'key-rotated', 'overlap-ending', 'overlap-ended'])
  })

  test('an earlier one that nobody acknowledged brings in the backup owner, an acknowledged one does not', async () => {
    const { sent, sender } = stub()
    const { notices } = stage.node({ senders: [sender] })
    await issue('40d')
    const recipients = async (days: number): Promise<string[]> => {
      stage.clock.advance(days * day)
      sent.length = 0
      await notices.tick()
      return sent.filter(({ kind }) => kind === 'key-expiring').map(({ recipient }) => recipient)
    }
    expect(await recipients(10)).toEqual(['ops'])
    const [first] = await stage.all()
    await notices.acknowledge(first?.notice.id ?? '', 'ann')
    expect(await recipients(16)).toEqual(['ops'])
    expect((await recipients(7)).toSorted()).toEqual(['backup', 'ops'])
  })
})

describe('a delivery', () => {
  test('that fails is repeated under its id, later each time, and is dead in the end', async () => {
    const { sent, sender } = stub(() => failed('status 500'))
    const { notices } = stage.node({ senders: [sender], random: () => 1 })
    await issue()
    const waits: number[] = []
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await notices.tick()
      // oxlint-disable-next-line no-await-in-loop
      const [delivery] = (await stage.all())[0]?.deliveries ?? []
      expect([delivery?.attempts, delivery?.lastFailure]).toEqual([attempt, 'status 500'])
      if (delivery?.state === 'dead') break
      waits.push((delivery?.dueAt ?? 0) - stage.clock.now())
      stage.clock.advance((delivery?.dueAt ?? 0) - stage.clock.now() - 1)
      // oxlint-disable-next-line no-await-in-loop
      await notices.tick()
      expect(sent).toHaveLength(attempt)
      stage.clock.advance(1)
    }
    expect(waits.map((ms) => ms / 1000)).toEqual([30, 90, 270, 810, 2430, 7290, 21_600, 21_600, 21_600])
    expect(sent).toHaveLength(10)
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1)
    expect((await stage.all())[0]?.deliveries).toMatchObject([{ state: 'dead', attempts: 10 }])
    stage.clock.advance(day)
    await notices.tick()
    expect(sent).toHaveLength(10)
    expect(stage.logged.filter((line) => line.includes('given up on'))).toHaveLength(1)
  })

  test('that arrives at a later attempt shows no failure any more', async () => {
    const { notices } = stage.node({
      senders: [stub((count) => (count < 3 ? failed('timed_out') : arrived)).sender],
    })
    await issue()
    for (const _ of [1, 2, 3]) {
      // oxlint-disable-next-line no-await-in-loop
      await notices.tick()
      stage.clock.advance(6 * 3_600_000)
    }
    expect((await stage.all())[0]?.deliveries).toMatchObject([
      { state: 'delivered', attempts: 3, lastFailure: null },
    ])
  })

  test('that is refused for good is dead at once', async () => {
    const { notices } = stage.node({ senders: [stub(() => refused('status 410')).sender] })
    await issue()
    expect(await notices.tick()).toMatchObject({ delivered: 0, failed: 1, isOver: true })
    expect((await stage.all())[0]?.deliveries).toMatchObject([{ state: 'dead', lastFailure: 'status 410' }])
  })

  test('whose sender breaks down is a failure like others, and holds up none', async () => {
    const { sent, sender } = stub((count) => {
      if (count === 1) throw new Error('a bug, with a secret: c4nary')
      return arrived
    })
    const { notices } = stage.node({ senders: [sender] })
    await issue()
    await issue()
    expect(await notices.tick()).toMatchObject({ delivered: 1, failed: 1 })
    expect(sent).toHaveLength(2)
    expect(JSON.stringify(await stage.all())).not.toContain('c4nary')
  })

  test('to a recipient that hangs holds up none to others, nor what is due meanwhile', async () => {
    let release: () => void = () => {}
    const hung = new Promise<Attempt>((resolve) => {
      release = () => resolve(failed('timed_out'))
    })
    const { sent, sender } = stub()
    const both: Sender = {
      channel: 'webhook',
      recipients: () => ['hangs', 'ops'],
      send: (delivery, notice) => (delivery.recipient === 'hangs' ? hung : sender.send(delivery, notice)),
    }
    const { notices } = stage.node({ senders: [both] })
    for (let count = 0; count < 30; count += 1)
      // oxlint-disable-next-line no-await-in-loop
      await issue('40d')
    const first = notices.tick()
    await expect.poll(() => sent.length, { timeout: 20_000 }).toBe(30)
    stage.clock.advance(11 * day)
    const second = notices.tick()
    await expect.poll(() => sent.length, { timeout: 20_000 }).toBe(60)
    release()
    await Promise.all([first, second])
    expect(sent.every(({ recipient }) => recipient === 'ops')).toBe(true)
  })

  test('over a channel that this node does not know waits for one that does', async () => {
    const { sender, sent } = stub()
    await issue()
    await stage.store.notices.route(stage.clock.now(), 10, () => [
      { id: '0195a000-0000-7000-8000-00000000000d', channel: 'webhook', recipient: 'ops' },
    ])
    await stage.node().notices.tick()
    stage.clock.advance(day)
    await stage.node({ senders: [sender] }).notices.tick()
    expect(sent).toHaveLength(1)
  })
})

describe('the worker', () => {
  test('goes on from one chunk to the next until nothing is due', async () => {
    const { sent, sender } = stub()
    const { notices } = stage.node({ senders: [sender] })
    for (let count = 0; count < 45; count += 1)
      // oxlint-disable-next-line no-await-in-loop
      await issue('10d')
    stage.clock.advance(3 * day)
    expect(await notices.tick()).toEqual({ swept: 45, routed: 90, delivered: 90, failed: 0, isOver: true })
    expect(sent).toHaveLength(90)
    expect(await notices.tick()).toEqual({ swept: 0, routed: 0, delivered: 0, failed: 0, isOver: true })
  })

  test('two nodes at once: each notice is there once and delivered once', async () => {
    const { sent, sender } = stub(
      () => new Promise((done) => setTimeout(() => done(arrived), Math.random() * 5)),
    )
    for (let count = 0; count < 60; count += 1)
      // oxlint-disable-next-line no-await-in-loop
      await issue(count % 2 === 0 ? '10d' : '1d')
    const nodes = [1, 2, 3].map(() => stage.node({ senders: [sender] }).notices)
    for (const days of [0, 0, 4, 0, 5, 0, 2, 0]) {
      stage.clock.advance(days * day)
      // oxlint-disable-next-line no-await-in-loop
      await Promise.all(nodes.flatMap((node) => [node.tick(), node.tick()]))
    }
    const all = await stage.all()
    const occasions = all.map(({ notice }) => notice.occasion)
    expect(new Set(occasions).size).toBe(occasions.length)
    // 30 keys of ten days: created, two warnings, expired. 30 keys of one day: created, expired.
    expect(occasions).toHaveLength(30 * 4 + 30 * 2)
    const pairs = sent.map(({ noticeId, recipient }) => `${noticeId} ${recipient}`)
    expect(new Set(pairs).size).toBe(pairs.length)
    for (const { deliveries } of all)
      for (const { state, attempts } of deliveries) expect([state, attempts]).toEqual(['delivered', 1])
  })

  test('rotating, sweeping and delivering at once on two nodes: nothing is lost, nothing is twice', async () => {
    const { sent, sender } = stub()
    const ids = await Promise.all(Array.from({ length: 20 }, () => issue('60d')))
    stage.clock.advance(30 * day)
    const nodes = [1, 2].map(() => stage.node({ senders: [sender] }).notices)
    const rotations = ids.map((id) => stage.keys.rotate(id, { overlap: '2d' }, 'ann'))
    await Promise.all([...rotations, ...nodes.flatMap((node) => [node.tick(), node.tick()])])
    await Promise.all(nodes.map((node) => node.tick()))
    stage.clock.advance(2 * day)
    await Promise.all(nodes.map((node) => node.tick()))
    const all = await stage.all()
    const occasions = all.map(({ notice }) => notice.occasion)
    expect(new Set(occasions).size).toBe(occasions.length)
    for (const kind of ['key-rotated', 'overlap-ended'])
      expect(all.filter(({ notice }) => notice.kind === kind)).toHaveLength(20)
    for (const { notice } of all)
      expect(sent.filter(({ noticeId }) => noticeId === notice.id).length).toBeGreaterThan(0)
    const pairs = sent.map(({ noticeId, recipient }) => `${noticeId} ${recipient}`)
    expect(new Set(pairs).size).toBe(pairs.length)
  })

  test('stop waits for what is under way, and begins nothing more', async () => {
    let finish: (attempt: Attempt) => void = () => {}
    const { sent, sender } = stub(() => new Promise<Attempt>((done) => (finish = done)))
    const { notices } = stage.node({ senders: [sender] })
    await issue()
    const pass = notices.tick()
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    const stopped = notices.stop()
    finish(arrived)
    await stopped
    expect(await pass).toMatchObject({ delivered: 1 })
    expect((await stage.all())[0]?.deliveries).toMatchObject([{ state: 'delivered' }])
  })

  test('whoever waits for a pass may hang up: it goes on', async () => {
    let finish: (attempt: Attempt) => void = () => {}
    const { sent, sender } = stub(() => new Promise<Attempt>((done) => (finish = done)))
    const { notices } = stage.node({ senders: [sender] })
    await issue()
    expect(await notices.tick(50)).toMatchObject({ isOver: false })
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    finish(arrived)
    expect(await notices.tick()).toMatchObject({ isOver: true })
    expect((await stage.all())[0]?.deliveries).toMatchObject([{ state: 'delivered' }])
  })

  test('runs by itself once started', async () => {
    const { sent, sender } = stub()
    const { notices } = stage.node({ senders: [sender] })
    await issue()
    notices.start()
    await vi.waitFor(() => expect(sent).toHaveLength(1), 10_000)
    await notices.stop()
  })

  test('a store that is away is logged once, and its return', async () => {
    const { store } = stage.node()
    let isAway = true
    const sweep = vi.fn<typeof store.notices.sweep>((...args) =>
      isAway ? Promise.reject(new StoreUnavailable('away')) : store.notices.sweep(...args),
    )
    const { notices } = stage.node({
      store: {
        ...store.notices,
        sweep,
        route: (...args) =>
          isAway ? Promise.reject(new StoreUnavailable('away')) : store.notices.route(...args),
      },
    })
    const logged = () => stage.logged.map((line) => line.split(';')[0])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      notices.start()
      for (let pass = 0; pass < 40; pass += 1)
        // oxlint-disable-next-line no-await-in-loop
        await vi.advanceTimersByTimeAsync(5000)
      expect(sweep.mock.calls.length).toBeGreaterThan(1)
      expect(logged()).toEqual(['notices wait'])
      isAway = false
    } finally {
      vi.useRealTimers()
    }
    await notices.stop()
    await expect(notices.tick()).resolves.toBeDefined()
  })

  test('a test goes out at once, and is acknowledged by who sent it', async () => {
    const { sender, sent } = stub()
    const { notices } = stage.node({ senders: [sender] })
    const { notice, deliveries } = await notices.sendTest(null, 'local:ann')
    expect([notice.kind, notice.acknowledgedBy]).toEqual(['test', 'local:ann'])
    expect(deliveries).toMatchObject([{ channel: 'webhook', recipient: 'ops', state: 'delivered' }])
    await notices.sendTest('x@example.com', 'local:ann')
    expect(sent).toHaveLength(2)
    const { data } = await notices.list({ limit: 10, unacknowledged: true })
    expect(data).toEqual([])
  })

  test('without a channel notices are in the list only', async () => {
    const { notices } = stage.node()
    await issue()
    expect(await notices.tick()).toMatchObject({ routed: 1, delivered: 0, failed: 0 })
    expect(await stage.all()).toMatchObject([{ notice: { kind: 'key-created' }, deliveries: [] }])
  })
})
