import { newId } from '../domain/id.ts'
import { judge, testNotice } from '../domain/notice.ts'
import { StoreUnavailable, type Clock } from '../domain/ports.ts'
import type { NoticeStore, NoticeWithDeliveries } from '../domain/notice-store.ts'
import { createDeliveries } from './deliveries.ts'
import type { Sender } from './sender.ts'

/** What one pass did: keys looked at, notices given their recipients, deliveries that arrived and that didn't. */
export interface Pass {
  swept: number
  routed: number
  delivered: number
  failed: number
}

export interface Notices {
  /**
   * One whole pass, after the one that may be under way; what it has done after `patienceMs` at the latest, while it
   * goes on. Throws what the store throws.
   */
  tick(patienceMs?: number): Promise<Pass & { isOver: boolean }>
  /** Passes from now on, by themselves. What fails is logged. */
  start(): void
  /** No new pass or attempt; attempts under way may end, for up to ten seconds. What is cut off is repeated later. */
  stop(): Promise<void>
  /** Sends a notice over every channel, e-mail to `address` or the sender's own; answers what came of it so far. */
  sendTest(address: string | null, actor: string): Promise<NoticeWithDeliveries>
  /** Newest first. */
  list: NoticeStore['list']
  /** As the store's: `ownedBy` is whose service users' notices it may be. */
  acknowledge(id: string, actor: string, ownedBy?: string): Promise<NoticeWithDeliveries | null>
}

export interface NoticesParts {
  store: NoticeStore
  clock: Pick<Clock, 'now'>
  /** None: notices are in the list only. */
  senders: readonly Sender[]
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** How long an idempotency key is remembered, in milliseconds. */
  idempotencyKeysLiveMs: number
  /** From 0 to 1. */
  random?: () => number
}

const sweepKeys = 500
const routeNotices = 100
const deliverEveryMs = 5_000
const sweepEveryMs = 60_000
const graceMs = 10_000
const testPatienceMs = 15_000

/** What one pass finds before anything is sent. */
type Found = Pick<Pass, 'swept' | 'routed'>

/**
 * The worker of the outbox. Any number of nodes run it at once: the store gives each key, notice and delivery to one
 * of them. Verification never waits for it, and no key dies by it.
 */
export function createNotices(parts: NoticesParts): Notices {
  const { store, clock, senders, log, random = Math.random } = parts
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let nextSweepAt = 0
  let isFailing = false
  let last: Promise<unknown> = Promise.resolve()
  const deliveries = createDeliveries({ store, clock, senders, random, log, isStopped: () => stopped })

  async function sweep(): Promise<number> {
    let swept = 0
    for (;;) {
      const at = clock.now()
      // One chunk after the other, each a short transaction.
      // oxlint-disable-next-line no-await-in-loop
      const found = await store.sweep(at, sweepKeys, (due) =>
        due.map(({ key, user, hasSuccessor }) => judge(key, user, { hasSuccessor }, at)),
      )
      swept += found
      if (found < sweepKeys || stopped) return swept
    }
  }

  async function route(): Promise<number> {
    let routed = 0
    for (;;) {
      const at = clock.now()
      // oxlint-disable-next-line no-await-in-loop
      const found = await store.route(at, routeNotices, (notice, escalated) =>
        senders.flatMap((sender) =>
          sender.recipients(notice, escalated).map((recipient) => ({
            id: newId(at),
            channel: sender.channel,
            recipient,
          })),
        ),
      )
      routed += found
      if (found < routeNotices || stopped) return routed
    }
  }

  /** What is due, and to whom. Deliveries go on by themselves, as some may hang. */
  async function pass({ sweeps }: { sweeps: boolean }, done: Found): Promise<void> {
    if (sweeps) {
      done.swept += await sweep()
      await store.forgetIdempotencyKeys(clock.now() - parts.idempotencyKeysLiveMs)
    }
    done.routed += await route()
  }

  /** A pass by hand. Whoever waits for it may hang up; it doesn't. */
  async function passByHand(
    asked: { sweeps: boolean },
    patienceMs: number,
  ): Promise<Pass & { isOver: boolean }> {
    const done = { swept: 0, routed: 0 }
    const before = deliveries.totals()
    const isOver = await within(
      patienceMs,
      afterOthers(() => pass(asked, done)).then(() => deliveries.run()),
    )
    const { delivered, failed } = deliveries.totals()
    return { ...done, delivered: delivered - before.delivered, failed: failed - before.failed, isOver }
  }

  /** One after the other: two at once in a process would only be in each other's way. */
  function afterOthers<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }

  async function runByItself(): Promise<void> {
    const sweeps = performance.now() >= nextSweepAt
    // Nodes that started together drift apart.
    if (sweeps) nextSweepAt = performance.now() + sweepEveryMs * (0.75 + 0.5 * random())
    try {
      await afterOthers(() => pass({ sweeps }, { swept: 0, routed: 0 }))
      deliveries.run().then(noteSuccess, noteFailure)
    } catch (error) {
      noteFailure(error)
    }
    if (!stopped) timer = setTimeout(() => void runByItself(), deliverEveryMs).unref()
  }

  function noteSuccess(): void {
    if (isFailing) log.info({}, 'notices go on')
    isFailing = false
  }

  function noteFailure(error: unknown): void {
    if (!isFailing && !stopped)
      log[error instanceof StoreUnavailable ? 'warn' : 'error'](
        { err: error },
        'notices wait; they go on by themselves',
      )
    isFailing = true
  }

  return {
    tick: (patienceMs = Infinity) => passByHand({ sweeps: true }, patienceMs),
    start() {
      stopped = false
      timer = setTimeout(() => void runByItself(), 0).unref()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await within(graceMs, Promise.allSettled([last, deliveries.run()]))
    },
    async sendTest(address, actor) {
      const notice = testNotice({ address, actor }, clock.now())
      await store.add(notice)
      // Not behind a pass that hangs on some channel: the answer names the recipients in any case.
      await route()
      await passByHand({ sweeps: false }, testPatienceMs)
      // Whoever asked for it knows of it.
      const sent = await store.acknowledge(notice.id, actor, clock.now())
      return sent ?? { notice, deliveries: [] }
    },
    list: (filter) => store.list(filter),
    acknowledge: (id, actor, ownedBy) => store.acknowledge(id, actor, clock.now(), ownedBy),
  }
}

/** Whether the work was over in time. */
async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  if (limitMs === Infinity) {
    await work
    return true
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((done) => {
    timer = setTimeout(() => done(false), limitMs)
  })
  return await Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer))
}
