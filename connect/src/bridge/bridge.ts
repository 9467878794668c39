import type { Credential, SendOutbound } from '../contracts.ts'
import { createMirrors } from '../protocol/mirrors.ts'
import { claimedRevision, errorText, readMessages } from '../protocol/message.ts'
import type { Message, Reading } from '../protocol/message.ts'
import { createDeliver } from './deliver.ts'
import { createHttpSse } from './http-sse.ts'
import { createLegacy, postHeaders } from './legacy.ts'
import type { LogMessages } from './logging.ts'
import { cancel } from './pending.ts'
import type { Pending, PendingRequests } from './pending.ts'
import { createPost } from './post.ts'
import { createRelay } from './relay.ts'
import type { Unit } from './relay.ts'
import { createSession, noteSaid, openSession, sessionHeaders } from './session.ts'
import { keepSubscription } from './subscription.ts'
import { createToolLists } from './tool-lists.ts'

export interface BridgeOptions {
  url: URL
  send: SendOutbound
  credential: Credential
  log: LogMessages
  /** Writes one message to the client. */
  write: (line: string) => void
  version: string
}

export interface Bridge {
  /** Takes one line from the client. */
  receive(line: string): void
  /** The client says no more: waits for what is under way, at most `graceMs`, and ends the rest. */
  end(graceMs: number): Promise<void>
}

/** Between one client on stdio and one endpoint. What both say goes through as it is. */
export function createBridge({ url, send, credential, log, write, version }: BridgeOptions): Bridge {
  const pending: PendingRequests = new Map()
  const session = createSession()
  const mirrors = createMirrors()
  const ending = new AbortController()
  const post = createPost({ send, credential, tell: log.tell, version })
  const onUnreadable = () =>
    log.tell('error', 'not_mcp', `${url.host} sent something that is not JSON-RPC; it was dropped.`)
  const deliver = createDeliver({ pending, session, write, onUnreadable })
  const legacy = createLegacy({ url, post, session, deliver, tell: log.tell, signal: ending.signal })
  const httpSse = createHttpSse({ url, post, session, pending, deliver, signal: ending.signal })
  const lists = createToolLists({ url, post, mirrors, tell: log.tell })
  const relay = createRelay({
    url,
    post,
    pending,
    deliver,
    write,
    tell: log.tell,
    onAnswered,
    resume: legacy.resume,
    streamEnds: httpSse.ended,
  })
  const running = new Set<Promise<void>>()
  /** Older revisions: nothing overtakes `initialize` and `notifications/initialized`. */
  let gate: Promise<void> | null = null

  function onAnswered(): void {
    log.recovered()
    if (session.initializedText !== null && session.hasLogging) log.flush(session.logLevel)
    for (const { message, isModern } of pending.values()) {
      const level = message.meta['io.modelcontextprotocol/logLevel']
      if (isModern && typeof level === 'string') log.flush(level)
    }
  }

  function receive(line: string): void {
    if (line.trim() === '') return
    const reading = readMessages(line)
    if (typeof reading === 'number') {
      write(errorText(null, reading, 'This is not a JSON-RPC message.'))
      return
    }
    const [first] = reading.messages
    if (first === undefined) return
    if (!reading.isBatch && !isForServer(first)) return
    const isModern = !reading.isBatch && claimedRevision(first) !== null
    if (!isModern) noteSaid(session, reading)
    const unit = unitOf(reading, first, isModern)
    if (unit === null) return
    const run = isModern ? relayModern(unit, first) : relayLegacy(unit, first)
    running.add(run)
    void run.finally(() => running.delete(run))
  }

  /** Whether a message is one for the server to see. */
  function isForServer(message: Message): boolean {
    if (message.kind === 'response') return session.asked.delete(message.id ?? '')
    if (message.method !== 'notifications/cancelled') return true
    const { requestId } = message.params
    const given = typeof requestId === 'number' ? String(requestId) : JSON.stringify(requestId)
    const cancelled = pending.get(given)
    if (cancelled !== undefined) cancel(cancelled)
    // Of 2026-07-28 the closed request is all that the server gets to see.
    return cancelled === undefined ? session.handshake !== null : !cancelled.isModern
  }

  function relayModern(unit: Unit, { method }: Message): Promise<void> {
    if (method === 'subscriptions/listen')
      return keepSubscription(relay, unit, write).finally(() => settle(unit))
    return relay.relay(unit)
  }

  function relayLegacy(unit: Unit, { method }: Message): Promise<void> {
    const opens = method === 'initialize' || method === 'notifications/initialized'
    if (method === 'initialize') legacy.begin()
    const run = (gate === null ? relay.relay(unit) : gate.then(() => relay.relay(unit))).then(() => {
      if (opens && gate === run) gate = null
      if (session.initializedText !== null && method !== 'initialize' && session.postUrl === null)
        legacy.listen()
    })
    if (opens) gate = run
    return run
  }

  /** Null where one of its requests bears the id of another that waits: then it is answered here. */
  function unitOf(reading: Reading, first: Message, isModern: boolean): Unit | null {
    const controller = new AbortController()
    const waiting: Pending[] = reading.messages
      .filter(({ kind }) => kind === 'request')
      .map((message) => ({
        message,
        controller,
        isModern,
        isCancelled: false,
        onAnswer: onAnswerTo(message, isModern),
        headers: {},
        onSettled: null,
      }))
    for (const { message } of waiting) {
      if (!pending.has(message.id ?? '')) continue
      write(errorText(message.id, -32600, 'A request with this id is under way.'))
      return null
    }
    for (const each of waiting) pending.set(each.message.id ?? '', each)
    const isHandshake = first.method === 'initialize'
    const isMirrored = isModern && first.method === 'tools/call'
    return {
      reading,
      waiting,
      controller,
      isResumable: !isModern,
      keep: null,
      fallBack: isModern ? null : (refusal) => httpSse.fallBack(refusal, isHandshake),
      delivery: {
        url: () => session.postUrl ?? url,
        headers: () => ({
          ...postHeaders,
          ...(isModern ? mirrors.headersFor(first) : isHandshake ? {} : sessionHeaders(session)),
        }),
        renewSession: isModern || isHandshake ? null : legacy.renew,
        learnMirrors: isMirrored ? () => lists.ask(first, controller.signal) : null,
      },
    }
  }

  function onAnswerTo({ method }: Message, isModern: boolean): Pending['onAnswer'] {
    if (method === 'initialize' && !isModern)
      return ({ result }, text, headers) => {
        if (result !== null) openSession(session, headers, result)
        return text
      }
    return method === 'tools/list' && isModern ? lists.onList : null
  }

  function settle(unit: Unit): void {
    for (const each of unit.waiting) {
      const id = each.message.id ?? ''
      if (pending.get(id) === each) pending.delete(id)
    }
  }

  return {
    receive,
    async end(graceMs) {
      for (const each of pending.values()) if (each.message.method === 'subscriptions/listen') cancel(each)
      const timer = setTimeout(() => {
        for (const each of pending.values()) each.controller.abort()
        ending.abort()
      }, graceMs)
      await Promise.all(running)
      clearTimeout(timer)
      ending.abort()
      if (session.id !== null) {
        const ask = {
          method: 'DELETE',
          url,
          headers: sessionHeaders(session),
          signal: AbortSignal.timeout(500),
        } as const
        const answer = await post.ask(ask).catch(() => null)
        answer?.body.on('error', () => {}).destroy()
      }
      await credential.close()
    },
  }
}
