import type { ServerResponse } from 'node:http'
import type { Begun, Finish } from '../audit/recorder.ts'
import type { Outcome } from '../domain/call.ts'
import type { Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import { BodyRefused } from './body.ts'
import type { Forwarding } from './forward.ts'
import type { McpAnswer } from './mcp-answer.ts'
import { headerAt, isEventStream, withLength } from './response-head.ts'
import type { Connection, ResponseSink } from './upstream/connection.ts'
import { UpstreamFailure } from './upstream/failure.ts'

/** A plain answer up to this many bytes is read whole, so that its call's row is complete. */
const wholeBytes = 64 * 1024
/** Up to this many bytes it leaves in one piece with its head. */
const onePieceBytes = 16 * 1024
/** An answer of unsaid length, but MCP's JSON, that isn't whole by then is passed on as a stream, in milliseconds. */
const wholeWaitMs = 100
/** A plain answer that stands still this long is given up, in milliseconds. MCP streams may be idle. */
const idleTimeoutMs = 300_000

/**
 * One call on its way: `waiting` for the answer's head; the answer is then read `whole`, or its row is being
 * written (`opening`) before it is passed on as a `stream`; `over` once.
 */
type Phase = 'waiting' | 'whole' | 'opening' | 'stream' | 'over'

/** Why we end the upstream request ourselves. */
interface Ending {
  outcome: Outcome
  reason: Reason | null
}

/**
 * The answer to one forwarded call, from the backend's connection to the client. Nothing leaves before the call's row is committed; `onOver` is called once, at the end.
 *
 * A class: as closures the same steps were 1.6 kB a call that outlived it until the next collection.
 */
export class Exchange implements ResponseSink {
  private readonly forwarding: Forwarding
  private readonly response: ServerResponse
  private readonly begun: Begun | null
  private phase: Phase = 'waiting'
  private connection: Connection | null = null
  private status: number | null = null
  private headers: string[] = []
  /** Whether all of it is waited for, though it take its time. */
  private isAwaited = false
  private wholeLimitBytes = wholeBytes
  private held: Buffer[] = []
  private heldBytes = 0
  private isUpstreamDone = false
  private ending: Ending | null = null
  /** Runs once a client has left a call that goes on without it. */
  private leaving: NodeJS.Timeout | null = null
  /** Ends the watch over the key of an open stream. */
  private unwatch: (() => void) | null = null
  /** What the client is told before a stream that we end ourselves. */
  private lastWords: Buffer | null = null

  constructor(forwarding: Forwarding) {
    this.forwarding = forwarding
    this.response = forwarding.response
    this.begun = forwarding.begun
    this.response.on('close', () => this.clientClosed())
  }

  onConnection(connection: Connection): void {
    this.connection = connection
    if (this.response.destroyed) this.clientClosed()
  }

  onHead(status: number, headers: string[], lengthBytes: number | null): boolean {
    this.status = status
    this.headers = this.forwarding.responseHeaders(headers)
    const { mcp, warning } = this.forwarding
    if (warning !== null) this.warn(warning)
    if (mcp !== null && !mcp.head(status, this.headers)) {
      this.refuseAnswer()
      return false
    }
    this.wholeLimitBytes = mcp?.wholeLimitBytes ?? wholeBytes
    if (isEventStream(this.headers) || ((lengthBytes ?? 0) > this.wholeLimitBytes && !this.isBodiless())) {
      this.run(this.openStream())
      return false
    }
    this.phase = 'whole'
    this.isAwaited = lengthBytes !== null || this.mustBeWhole() || mcp?.isJson === true
    this.setDeadline(this.isAwaited ? this.forwarding.timeoutMs : wholeWaitMs)
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.phase === 'stream') {
      const hasRoom = this.passOn(chunk)
      this.watchStream(hasRoom)
      return hasRoom
    }
    this.held.push(chunk)
    this.heldBytes += chunk.length
    if (this.phase === 'whole' && this.heldBytes <= this.wholeLimitBytes) return true
    if (this.phase === 'whole') this.run(this.openStream())
    return false
  }

  onComplete(): void {
    this.isUpstreamDone = true
    if (this.phase === 'whole') this.sendWhole()
    else if (this.phase === 'stream') this.endStream()
  }

  onDue(): void {
    if (this.phase === 'whole' && !this.isAwaited) this.run(this.openStream())
    else this.endUpstream(tooSlow, 'slow')
  }

  onError(error: Error): void {
    if (this.phase === 'over' || this.isUpstreamDone) return
    this.isUpstreamDone = true
    const reason = reasonOf(error)
    // Without a reason this node is stopping, and the grace for calls under way is over.
    this.ending ??= { outcome: reason === null ? 'aborted' : 'failed', reason }
    if (this.phase === 'stream') this.endStream()
    else if (this.phase !== 'opening') this.run(this.failWhole(this.ending))
    else if (this.ending.reason === 'executed_unrecorded') this.endStream()
  }

  private clientClosed(): void {
    if (this.phase === 'over' || this.response.writableFinished) return
    if (this.forwarding.cancelsOnClose) {
      this.leave()
      return
    }
    // The call goes on to its end, though nobody listens, but not for ever.
    this.leaving ??= setTimeout(() => this.leave(), this.forwarding.timeoutMs)
    this.resumeUpstream()
  }

  private leave(): void {
    this.endUpstream({ outcome: 'aborted', reason: null }, 'the client left')
  }

  private sendWhole(): void {
    if (this.forwarding.mcp !== null && !this.readWhole(this.forwarding.mcp)) {
      this.run(this.failWhole({ outcome: 'failed', reason: 'upstream_invalid' }))
      return
    }
    const end = this.finish({ outcome: outcomeOf(this.status), reason: null })
    if (this.begun === null) this.sendHeld()
    else
      this.begun.finish(end).then(
        (isSafe) => this.sendRecorded(isSafe, end),
        (error: Error) => this.fail(error),
      )
  }

  private sendRecorded(isSafe: boolean, end: Finish): void {
    try {
      if (isSafe) return this.sendHeld()
      this.begun?.end({ ...end, reason: 'executed_unrecorded', status: 500 })
      this.forwarding.refuse('executed_unrecorded')
      this.over('executed_unrecorded')
    } catch (error) {
      this.fail(error as Error)
    }
  }

  /** Reads what is held, which may then be other bytes; false where the answer is invalid. */
  private readWhole(mcp: McpAnswer): boolean {
    const [first] = this.held
    const body = this.held.length === 1 && first !== undefined ? first : Buffer.concat(this.held)
    const read = mcp.whole(body)
    if (read === null) return false
    this.held = [read]
    this.heldBytes = read.length
    return true
  }

  /** Sends part of a stream on; false where the client has no room for more at present, or gets no more. */
  private passOn(chunk: Buffer): boolean {
    const { response } = this
    const { mcp } = this.forwarding
    if (mcp === null || !mcp.isStream) return response.destroyed || response.write(chunk)
    // Read though nobody may listen any more: the trail wants to know how the call ended.
    const passed = mcp.push(chunk)
    const hasRoom = response.destroyed || passed.length === 0 || response.write(passed)
    if (mcp.isBroken) this.endStreamFor('failed', 'upstream_invalid')
    return hasRoom && !mcp.isBroken
  }

  /** Ends an open stream ourselves, with a last word to the client. */
  private endStreamFor(outcome: Outcome, reason: Reason): void {
    if (this.phase !== 'stream' || this.ending !== null) return
    this.lastWords = this.forwarding.mcp?.lastWords(reason) ?? null
    this.endUpstream({ outcome, reason }, reason)
    if (this.isUpstreamDone) this.endStream()
  }

  /** A backend that announces its own end knows better. */
  private warn(warning: readonly string[]): void {
    for (let at = 0; at + 1 < warning.length; at += 2) {
      const name = warning[at] ?? ''
      if (headerAt(this.headers, name) === -1) this.headers.push(name, warning[at + 1] ?? '')
    }
  }

  private sendHeld(): void {
    const { response, held } = this
    if (!response.destroyed) {
      this.writeHead(this.isBodiless() ? this.headers : withLength(this.headers, this.heldBytes))
      const body = held.length === 1 ? held[0] : Buffer.concat(held)
      // As text it goes in one piece with its head: 3 % of a call. The bytes stay what they are.
      if (body !== undefined && body.length <= onePieceBytes) endWith(response, body.toString('latin1'))
      else response.end(body)
    }
    this.over(null)
  }

  /** Whether it must not go on before all of it is here. */
  private mustBeWhole(): boolean {
    return this.wholeLimitBytes !== wholeBytes
  }

  /** The answer is not what MCP asks for. What still comes of it is nobody's. */
  private refuseAnswer(): void {
    this.phase = 'opening'
    this.isUpstreamDone = true
    this.connection?.abort(this, new Error('invalid answer'))
    this.run(this.failWhole({ outcome: 'failed', reason: 'upstream_invalid' }))
  }

  private async openStream(): Promise<void> {
    if (this.mustBeWhole()) {
      this.refuseAnswer()
      return
    }
    this.phase = 'opening'
    this.setDeadline(null)
    const isSafe = this.begun === null || (await this.begun.open(this.status ?? 0))
    // Client or backend may have gone while the row was on its way.
    if ((this.phase as Phase) === 'over') return
    if (!isSafe) {
      this.forwarding.refuse('executed_unrecorded')
      this.endUpstream(
        { outcome: outcomeOf(this.status), reason: 'executed_unrecorded' },
        'the row was not safe in time',
      )
      if (this.isUpstreamDone) this.endStream()
      return
    }
    this.phase = 'stream'
    const { response } = this
    if (!response.destroyed) {
      this.writeHead(this.headers)
      response.flushHeaders()
      response.on('drain', () => this.resumeUpstream())
    }
    const { held } = this
    this.held = []
    for (const chunk of held) if (this.ending === null) this.passOn(chunk)
    if (this.isUpstreamDone) this.endStream()
    else {
      // Its key may have ended while the answer was on its way: the watch tells at once.
      this.unwatch = this.forwarding.watch?.((reason) => this.endStreamFor('aborted', reason)) ?? null
      this.resumeUpstream()
    }
  }

  private endStream(): void {
    if (this.phase === 'over') return
    const { response } = this
    const of = this.ending ?? { outcome: outcomeOf(this.status), reason: null }
    const end = this.finish(of)
    this.begun?.end(of.reason === 'executed_unrecorded' ? { ...end, status: 500 } : end)
    if (this.ending === null) response.end(this.forwarding.mcp?.rest())
    else if (this.lastWords !== null && !response.destroyed) response.end(this.lastWords)
    else if (response.headersSent && !response.writableEnded) response.destroy()
    this.over(of.reason)
  }

  private async failWhole(of: Ending): Promise<void> {
    const end = this.finish(of)
    const isSafe = this.begun === null || (await this.begun.finish({ ...end, status: statusOf(of) }))
    if (!isSafe) this.begun?.end({ ...end, reason: 'executed_unrecorded', status: 500 })
    const reason = isSafe ? of.reason : 'executed_unrecorded'
    // Without a reason the client has left, or this node is stopping.
    this.forwarding.refuse(reason ?? 'upstream_invalid')
    this.over(reason)
  }

  private endUpstream(as: Ending, why: string): void {
    this.ending ??= as
    this.connection?.abort(this, new Error(why))
  }

  private over(reason: Reason | null): void {
    if (this.phase === 'over') return
    this.phase = 'over'
    if (this.leaving !== null) clearTimeout(this.leaving)
    this.unwatch?.()
    this.forwarding.onOver(reason)
  }

  /** A fault of ours must not leave a client hanging or a promise unhandled. */
  private run(step: Promise<void>): void {
    step.catch((error: Error) => this.fail(error))
  }

  private fail(error: Error): void {
    this.response.destroy()
    this.connection?.abort(this, error)
    this.over('upstream_invalid')
  }

  private writeHead(head: string[]): void {
    // Answered before the upload was whole: nobody reads the rest, so nothing can follow on this connection.
    if (!this.response.req.complete) this.response.shouldKeepAlive = false
    this.response.writeHead(this.status ?? 502, head)
  }

  private finish({ outcome, reason }: Ending): Finish {
    const { status } = this
    const durationMs = this.forwarding.durationMs()
    const replies = this.forwarding.mcp?.replies
    // Written out: a spread that adds a property was 1 µs.
    if (replies === undefined) return { outcome, reason, status, durationMs }
    return { outcome, reason, status, durationMs, replies }
  }

  private resumeUpstream(): void {
    if (this.phase === 'stream') this.watchStream(true)
    this.connection?.resume(this)
  }

  /** A client that is slow is no fault of the backend's. */
  private watchStream(isReading: boolean): void {
    if (!this.forwarding.isMcp) this.setDeadline(isReading ? idleTimeoutMs : null)
  }

  private setDeadline(afterMs: number | null): void {
    this.connection?.setDeadline(this, afterMs)
  }

  private isBodiless(): boolean {
    return this.forwarding.method === 'HEAD' || this.status === 204 || this.status === 304
  }
}

/** Head and text as one write: `end` of a text would make a list of it and an empty one, a twentieth of `node:http`. */
function endWith(response: ServerResponse, text: string): void {
  const { socket } = response
  if (socket === null || text === '') {
    response.end(text, 'latin1')
    return
  }
  socket.cork()
  response.write(text, 'latin1')
  socket.uncork()
  response.end()
}

const tooSlow: Ending = { outcome: 'failed', reason: 'upstream_timeout' }

/** What the client is told of a call without an answer; null where it has left. */
function statusOf({ reason }: Ending): number | null {
  return reason === null ? null : refusalFor(reason).status
}

function outcomeOf(status: number | null): Outcome {
  return status !== null && status < 400 ? 'succeeded' : 'failed'
}

function reasonOf(error: Error): Reason | null {
  if (error instanceof UpstreamFailure || error instanceof BodyRefused) return error.reason
  return 'upstream_unreachable'
}
