import type { Delivery, NoticeStore } from '../domain/notice-store.ts'
import type { Notice } from '../domain/notice.ts'
import type { Clock } from '../domain/ports.ts'
import { mostAttempts, waitMs } from './retry.ts'
import { failed, type Attempt, type Sender } from './sender.ts'

/** Brings deliveries on their way, as long as some are due. */
export interface Deliveries {
  /** Resolves when nothing is due or under way any more; rejects with what the store failed with. */
  run(): Promise<void>
  /** Attempts that have ended so far. */
  totals(): { delivered: number; failed: number }
}

/** Attempts that a node has under way, and how many of them to one recipient. */
const places = 20
const placesEach = 4
/** An attempt that has not ended by then counts as cut off. Longer than any sender takes. */
const claimMs = 60_000

/**
 * A recipient that hangs keeps its own places, and never those of the others: what is claimed next is for someone
 * else, first attempts before repeated ones.
 */
export function createDeliveries(options: {
  store: Pick<NoticeStore, 'claim' | 'settle'>
  clock: Pick<Clock, 'now'>
  senders: readonly Sender[]
  random: () => number
  isStopped: () => boolean
  log: {
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}): Deliveries {
  const { store, clock, random, isStopped, log } = options
  const senderOf = new Map(options.senders.map((sender) => [sender.channel, sender]))
  /** Attempts under way, with their recipients. */
  const underWay = new Map<Promise<void>, string>()
  const totals = { delivered: 0, failed: 0 }
  let running: Promise<void> | null = null
  /** Whether there may be more than the last claim has found. */
  let isAsked = false
  let wake: () => void = () => {}
  let failure: { error: unknown } | null = null

  async function pump(): Promise<void> {
    failure = null
    for (;;) {
      const limit = places - underWay.size
      if (isAsked && limit > 0 && !isStopped() && failure === null) {
        isAsked = false
        const claimed = await claim(limit)
        for (const one of claimed) begin(one)
        // Perhaps not all that is due: there are limits to what one claim takes.
        if (claimed.length > 0) isAsked = true
        continue
      }
      if (underWay.size === 0) break
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    // At once, so that whoever asks from here on starts anew.
    running = null
    // A store that is away now: the claims lapse, and the deliveries are repeated under their ids.
    if (failure !== null) throw (failure as { error: unknown }).error
  }

  async function claim(limit: number): Promise<{ delivery: Delivery; notice: Notice }[]> {
    const at = clock.now()
    const except = [...new Set(underWay.values())]
    try {
      return await store.claim(at, at + claimMs, limit, { perRecipient: placesEach, except })
    } catch (error) {
      failure ??= { error }
      return []
    }
  }

  function begin(claimed: { delivery: Delivery; notice: Notice }): void {
    const { channel, recipient } = claimed.delivery
    const attempted = attempt(claimed)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .then(() => {
        underWay.delete(attempted)
        // Its recipient's turn has come again.
        isAsked = true
        wake()
      })
    underWay.set(attempted, `${channel}:${recipient}`)
  }

  async function attempt({ delivery, notice }: { delivery: Delivery; notice: Notice }): Promise<void> {
    const end = await trySending(delivery, notice)
    const at = clock.now()
    if (end.failure === null) {
      await store.settle(delivery, { at, failure: null, state: 'delivered', dueAt: at })
      totals.delivered++
      return
    }
    const isDead = end.isFinal || delivery.attempts >= mostAttempts
    const dueAt = isDead ? at : at + waitMs(delivery.attempts, random())
    await store.settle(delivery, { at, failure: end.failure, state: isDead ? 'dead' : 'waiting', dueAt })
    totals.failed++
    const fields = { delivery: delivery.id, channel: delivery.channel, failure: end.failure }
    if (isDead) log.warn(fields, 'a notice is given up on; postern notices list shows it')
  }

  /** A sender that breaks down is like one that fails: it holds up no other. */
  async function trySending(delivery: Delivery, notice: Notice): Promise<Attempt> {
    const sender = senderOf.get(delivery.channel)
    if (sender === undefined) return failed('the settings name no such channel')
    try {
      return await sender.send(delivery, notice)
    } catch (error) {
      log.error({ err: error, delivery: delivery.id }, 'a notice could not be sent')
      return failed('Postern failed; its log says why')
    }
  }

  return {
    run() {
      isAsked = true
      wake()
      running ??= pump()
      return running
    },
    totals: () => ({ ...totals }),
  }
}
