import { BridgeFailure } from '../contracts.ts'
import type { OutboundAnswer, Tell } from '../contracts.ts'
import { errorText } from '../protocol/message.ts'
import type { Message, Reading } from '../protocol/message.ts'
import { readEvents } from '../protocol/events.ts'
import type { StreamEnd } from '../protocol/events.ts'
import { mediaTypeOf, notMcp, textOf } from '../protocol/refusal.ts'
import type { Refusal } from '../protocol/refusal.ts'
import { reasons } from '../reasons.ts'
import type { Deliver } from './deliver.ts'
import type { Pending, PendingRequests } from './pending.ts'
import { failureFrom } from './post.ts'
import type { Delivery, Post } from './post.ts'

/** The largest answer that is read whole, in characters. */
const longestAnswer = 64 * 1024 * 1024

export interface RelayOptions {
  url: URL
  post: Post
  pending: PendingRequests
  deliver: Deliver
  write: (line: string) => void
  tell: Tell
  /** An answer came that was its client's. */
  onAnswered: () => void
  /** Asks for the rest of a stream, by `Last-Event-ID`; null where that gives nothing. */
  resume: (end: StreamEnd, signal: AbortSignal) => Promise<OutboundAnswer | null>
  /** The end of the one stream that brings all answers; null where each request has its own. */
  streamEnds: () => Promise<void> | null
}

export interface Unit {
  /** Whether what was refused can be sent again elsewhere: older revisions only. */
  fallBack: ((refusal: Refusal) => Promise<boolean>) | null
  reading: Reading
  /** One for each request in it, already in `pending`. */
  waiting: Pending[]
  delivery: Omit<Delivery, 'signal' | 'body'>
  controller: AbortController
  /** Whether what is left of a stream that broke off may be asked for. */
  isResumable: boolean
  /** Sees the notifications of its stream first, and answers whether they go on. */
  keep: ((message: Message) => boolean) | null
}

/** Sends what the client said and brings back what the server answers to it. Each request of it gets an answer. */
export function createRelay({
  url,
  post,
  pending,
  deliver,
  write,
  tell,
  onAnswered,
  resume,
  streamEnds,
}: RelayOptions) {
  const isOpen = (unit: Unit) => unit.waiting.some((each) => isWaiting(each))
  const isWaiting = (each: Pending) => pending.get(each.message.id ?? '') === each && !each.isCancelled

  /** Answers whether it was one that answers were looked for in. */
  async function take(unit: Unit, answer: OutboundAnswer): Promise<StreamEnd | null> {
    const { status, headers, body } = answer
    for (const each of unit.waiting) each.headers = headers
    const type = mediaTypeOf(headers)
    if (type === 'text/event-stream') {
      onAnswered()
      return await readEvents(body, (event, data) => {
        if (event === 'message') deliver(data, unit.keep)
      })
    }
    if (unit.waiting.length === 0 || status === 202 || status === 204) {
      body.on('error', () => {}).resume()
      onAnswered()
      return null
    }
    if (type !== 'application/json') {
      body.on('error', () => {}).destroy()
      throw notMcp(url.host, headers)
    }
    let text: string
    try {
      text = await textOf(body, longestAnswer)
    } catch (error) {
      if (unit.controller.signal.aborted)
        throw new BridgeFailure('aborted', 'The request was given up.', true)
      throw error instanceof BridgeFailure ? error : brokenOff(url)
    }
    onAnswered()
    deliver(text)
    return null
  }

  /** Answers how the last stream ended, null where there was none. */
  async function exchange(unit: Unit): Promise<void> {
    const { delivery, controller, reading } = unit
    const sent = { ...delivery, body: reading.text, signal: controller.signal }
    let answer = await post.deliver(sent)
    if ('refusal' in answer && (await unit.fallBack?.(answer.refusal)) === true)
      answer = await post.deliver(sent)
    if ('refusal' in answer) {
      refuse(unit, answer.refusal)
      return
    }
    let end = await take(unit, answer)
    while (end !== null && unit.isResumable && end.lastEventId !== null && isOpen(unit)) {
      const rest: OutboundAnswer | null = await resume(end, controller.signal)
      if (rest === null) break
      const next: StreamEnd | null = await take(unit, rest)
      end = next === null ? null : { ...next, lastEventId: next.lastEventId ?? end.lastEventId }
    }
    const streamEnd = streamEnds()
    if (isOpen(unit) && streamEnd !== null) {
      await Promise.race([streamEnd, settled(unit)])
      if (isOpen(unit)) throw brokenOff(url)
    }
    if (isOpen(unit)) throw answer.status === 202 ? unanswered(url) : brokenOff(url)
  }

  /** The server's own error where it gave one, else ours. */
  function refuse(unit: Unit, { failure, error }: Refusal): void {
    // The protocol's own errors are the client's affair: that a method is not there is no fault of the way.
    if (error === null || error.code > -32000 || error.code < -32768)
      tell('error', failure.reason, failure.message)
    if (error === null) fail(unit, failure)
    else answerAll(unit, error.code, error.message, error.data)
  }

  function fail(unit: Unit, { reason, message, isSent }: BridgeFailure): void {
    answerAll(unit, reasons[reason].rpcCode, message, { reason, mayHaveRun: isSent && mayRun.has(reason) })
  }

  function answerAll(unit: Unit, code: number, message: string, data: unknown): void {
    for (const each of unit.waiting) {
      if (!isWaiting(each)) continue
      const id = each.message.id
      pending.delete(id ?? '')
      write(errorText(id, code, message, data))
    }
  }

  return {
    exchange,
    /** Never rejects. */
    async relay(unit: Unit): Promise<void> {
      try {
        await exchange(unit)
      } catch (error) {
        const failure = failureFrom(error)
        if (failure.reason !== 'aborted') tell('error', failure.reason, failure.message)
        fail(unit, failure)
      } finally {
        for (const each of unit.waiting)
          if (pending.get(each.message.id ?? '') === each) pending.delete(each.message.id ?? '')
      }
    },
    fail,
    isOpen,
  }
}

export type Relay = ReturnType<typeof createRelay>

/** Once all its requests are answered, or given up. */
function settled({ waiting, controller }: Unit): Promise<unknown> {
  const answered = waiting.map(
    (each) =>
      new Promise<void>((resolve) => {
        each.onSettled = resolve
      }),
  )
  const aborted = new Promise<void>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return Promise.race([Promise.all(answered), aborted])
}

/** Failures after which nobody knows whether the call was carried out. */
const mayRun: ReadonlySet<string> = new Set(['broken_off', 'timed_out', 'aborted'])

function brokenOff(url: URL): BridgeFailure {
  return new BridgeFailure(
    'broken_off',
    `The connection to ${url.host} broke off before the answer came: what was asked for may have been done, and is not sent again.`,
    true,
  )
}

function unanswered(url: URL): BridgeFailure {
  return new BridgeFailure(
    'not_mcp',
    `${url.host} took a request and gave no answer to it. Check the URL.`,
    true,
  )
}
