import type { ServerResponse } from 'node:http'
import type { Begun, Finish } from '../audit/recorder.ts'
import type { Outcome } from '../domain/call.ts'
import type { Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import { BodyRefused } from './body.ts'
import type { Forwarding } from './forward.ts'
import { isEventStream, withLength } from './response-head.ts'
import type { Connection, ResponseSink } from './upstream/connection.ts'
import { UpstreamFailure } from './upstream/failure.ts'

/** A plain answer up to this many bytes is read whole, so that its call's row is complete. */
const wholeBytes = 64 * 1024
/** An answer of unsaid length that isn't whole by then is passed on as a stream, in milliseconds. */
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
  private isLengthSaid = false
  private held: Buffer[] = []
  private heldBytes = 0
  private isUpstreamDone = false
  private ending: Ending | null = null
  /** Runs once a client has left a call that goes on without it. */
  private leaving: NodeJS.Timeout | null = null

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
    if (isEventStream(this.headers) || ((lengthBytes ?? 0) > wholeBytes && !this.isBodiless())) {
      this.run(this.openStream())
      return false
    }
    this.phase = 'whole'
    this.isLengthSaid = lengthBytes !== null
    this.setDeadline(this.isLengthSaid ? this.forwarding.timeoutMs : wholeWaitMs)
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.phase === 'stream') {
      const hasRoom = this.response.destroyed || this.response.write(chunk)
      this.watchStream(hasRoom)
      return hasRoom
    }
    this.held.push(chunk)
    this.heldBytes += chunk.length
    if (this.phase === 'whole' && this.heldBytes <= wholeBytes) return true
    if (this.phase === 'whole') this.run(this.openStream())
    return false
  }

  onComplete(): void {
    this.isUpstreamDone = true
    if (this.phase === 'whole') this.sendWhole()
    else if (this.phase === 'stream') this.endStream()
  }

  onDue(): void {
    if (this.phase === 'whole' && !this.isLengthSaid) this.run(this.openStream())
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
    const end = this.finish({ outcome: outcomeOf(this.status), reason: null })
    const safe = this.begun === null ? Promise.resolve(true) : this.begun.finish(end)
    this.run(
      safe.then((isSafe) => {
        if (isSafe) return this.sendHeld()
        this.begun?.end({ ...end, reason: 'executed_unrecorded', status: 500 })
        this.forwarding.refuse('executed_unrecorded')
        this.over('executed_unrecorded')
      }),
    )
  }

  private sendHeld(): void {
    const { response, held } = this
    if (!response.destroyed) {
      this.writeHead(this.isBodiless() ? this.headers : withLength(this.headers, this.heldBytes))
      response.end(held.length === 1 ? held[0] : Buffer.concat(held))
    }
    this.over(null)
  }

  private async openStream(): Promise<void> {
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
      for (const chunk of this.held) response.write(chunk)
      response.on('drain', () => this.resumeUpstream())
    }
    this.held = []
    if (this.isUpstreamDone) this.endStream()
    else this.resumeUpstream()
  }

  private endStream(): void {
    const { response } = this
    const of = this.ending ?? { outcome: outcomeOf(this.status), reason: null }
    const end = this.finish(of)
    this.begun?.end(of.reason === 'executed_unrecorded' ? { ...end, status: 500 } : end)
    if (this.ending === null) response.end()
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
    this.forwarding.onOver(reason)
  }

  /** A fault of ours must not leave a client hanging or a promise unhandled. */
  private run(step: Promise<void>): void {
    step.catch((error: Error) => {
      this.response.destroy()
      this.connection?.abort(this, error)
      this.over('upstream_invalid')
    })
  }

  private writeHead(head: string[]): void {
    // Answered before the upload was whole: nobody reads the rest, so nothing can follow on this connection.
    if (!this.response.req.complete) this.response.shouldKeepAlive = false
    this.response.writeHead(this.status ?? 502, head)
  }

  private finish({ outcome, reason }: Ending): Finish {
    return { outcome, reason, status: this.status, durationMs: this.forwarding.durationMs() }
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
