import type { Dispatcher } from 'undici'
import { errors } from 'undici'
import type { Finish } from '../audit/recorder.ts'
import type { Outcome } from '../domain/call.ts'
import type { Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import { BodyRefused } from './body.ts'
import type { Forwarding } from './forward.ts'
import { contentLength, isEventStream, withLength } from './response-head.ts'

/** A plain answer up to this many bytes is read whole, so that its call's row is complete. */
const wholeBytes = 64 * 1024
/** An answer of unsaid length that isn't whole by then is passed on as a stream, in milliseconds. */
const wholeWaitMs = 100

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
 * The answer to one forwarded call, from undici's raw handler (its callbacks hand over header buffers unparsed)
 * to the client. Nothing leaves before the call's row is committed; `onOver` is called once, at the end,
 * with why the client did not get the backend's answer, where it didn't.
 */
export function createExchange(
  forwarding: Forwarding,
  onOver: (reason: Reason | null) => void,
): Dispatcher.DispatchHandler {
  const { response, begun } = forwarding
  let phase: Phase = 'waiting'
  let abortUpstream: (error: Error) => void = () => {}
  let resumeUpstream: () => void = () => {}
  let status: number | null = null
  let headers: string[] = []
  let held: Buffer[] = []
  let heldBytes = 0
  let isUpstreamDone = false
  let ending: Ending | null = null
  let timer: NodeJS.Timeout | null = null
  /** Runs once a client has left a call that goes on without it. */
  let leaving: NodeJS.Timeout | null = null

  response.once('close', onClientClosed)

  function finish(of: Ending): Finish {
    return { outcome: of.outcome, reason: of.reason, status, durationMs: forwarding.durationMs() }
  }

  function endUpstream(as: Ending, why: string): void {
    ending ??= as
    abortUpstream(new Error(why))
  }

  function setTimer(ms: number, action: () => void): void {
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(action, ms)
  }

  function over(reason: Reason | null): void {
    if (phase === 'over') return
    phase = 'over'
    if (timer !== null) clearTimeout(timer)
    if (leaving !== null) clearTimeout(leaving)
    response.off('close', onClientClosed)
    onOver(reason)
  }

  /** A fault of ours must not leave a client hanging or a promise unhandled. */
  function run(step: Promise<void>): void {
    step.catch((error: Error) => {
      response.destroy()
      abortUpstream(error)
      over('upstream_invalid')
    })
  }

  function onClientClosed(): void {
    if (phase === 'over' || response.writableFinished) return
    const leave = () => endUpstream({ outcome: 'aborted', reason: null }, 'the client left')
    if (forwarding.cancelsOnClose) {
      leave()
      return
    }
    // The call goes on to its end, though nobody listens, but not for ever.
    leaving ??= setTimeout(leave, forwarding.timeoutMs)
    resumeUpstream()
  }

  function writeHead(head: string[]): void {
    // Answered before the upload was whole: nobody reads the rest, so nothing can follow on this connection.
    if (!response.req.complete) response.shouldKeepAlive = false
    response.writeHead(status ?? 502, head)
  }

  async function sendWhole(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    const end = finish({ outcome: outcomeOf(status), reason: null })
    if (begun !== null && !(await begun.finish(end))) {
      begun.end({ ...end, reason: 'executed_unrecorded', status: 500 })
      forwarding.refuse('executed_unrecorded')
      over('executed_unrecorded')
      return
    }
    if (!response.destroyed) {
      writeHead(isBodiless() ? headers : withLength(headers, heldBytes))
      response.end(held.length === 1 ? held[0] : Buffer.concat(held))
    }
    over(null)
  }

  async function openStream(): Promise<void> {
    phase = 'opening'
    if (timer !== null) clearTimeout(timer)
    const isSafe = begun === null || (await begun.open(status ?? 0))
    // Client or backend may have gone while the row was on its way.
    if ((phase as Phase) === 'over') return
    if (!isSafe) {
      forwarding.refuse('executed_unrecorded')
      endUpstream(
        { outcome: outcomeOf(status), reason: 'executed_unrecorded' },
        'the row was not safe in time',
      )
      if (isUpstreamDone) endStream()
      return
    }
    phase = 'stream'
    if (!response.destroyed) {
      writeHead(headers)
      response.flushHeaders()
      for (const chunk of held) response.write(chunk)
      response.on('drain', resumeUpstream)
    }
    held = []
    if (isUpstreamDone) endStream()
    else resumeUpstream()
  }

  function endStream(): void {
    const of = ending ?? { outcome: outcomeOf(status), reason: null }
    const end = finish(of)
    begun?.end(of.reason === 'executed_unrecorded' ? { ...end, status: 500 } : end)
    if (ending === null) response.end()
    else if (response.headersSent && !response.writableEnded) response.destroy()
    over(of.reason)
  }

  async function failWhole(of: Ending): Promise<void> {
    const end = finish(of)
    const isSafe = begun === null || (await begun.finish({ ...end, status: statusOf(of) }))
    if (!isSafe) begun?.end({ ...end, reason: 'executed_unrecorded', status: 500 })
    const reason = isSafe ? of.reason : 'executed_unrecorded'
    // Without a reason the client has left, or this node is stopping.
    forwarding.refuse(reason ?? 'upstream_invalid')
    over(reason)
  }

  function isBodiless(): boolean {
    return forwarding.method === 'HEAD' || status === 204 || status === 304
  }

  return {
    onConnect(abort) {
      abortUpstream = abort
      if (response.destroyed) onClientClosed()
    },

    onHeaders(statusCode, rawHeaders, resume) {
      if (statusCode < 200) return true
      resumeUpstream = resume
      status = statusCode
      headers = forwarding.responseHeaders(rawHeaders)
      const length = contentLength(headers)
      if (isEventStream(headers) || (length !== null && length > wholeBytes && !isBodiless())) {
        run(openStream())
        return false
      }
      phase = 'whole'
      if (length === null) setTimer(wholeWaitMs, () => run(openStream()))
      else
        setTimer(forwarding.timeoutMs, () =>
          endUpstream({ outcome: 'failed', reason: 'upstream_timeout' }, 'slow'),
        )
      return true
    },

    onData(chunk) {
      if (phase === 'stream') return response.destroyed || response.write(chunk)
      held.push(chunk)
      heldBytes += chunk.length
      if (phase === 'whole' && heldBytes <= wholeBytes) return true
      if (phase === 'whole') run(openStream())
      return false
    },

    onComplete() {
      isUpstreamDone = true
      if (phase === 'whole') run(sendWhole())
      else if (phase === 'stream') endStream()
    },

    onError(error) {
      if (phase === 'over' || isUpstreamDone) return
      isUpstreamDone = true
      // A 304 may say the length of what it stands for; undici misses the body.
      if (phase === 'whole' && status === 304 && error instanceof errors.ResponseContentLengthMismatchError) {
        run(sendWhole())
        return
      }
      // Destroyed: this node is stopping, and the grace for calls under way is over.
      const isStop = error instanceof errors.ClientDestroyedError
      ending ??= isStop
        ? { outcome: 'aborted', reason: null }
        : { outcome: 'failed', reason: reasonOf(error) }
      if (phase === 'stream') endStream()
      else if (phase !== 'opening') run(failWhole(ending))
      else if (ending.reason === 'executed_unrecorded') endStream()
    },
  }
}

/** What the client is told of a call without an answer; null where it has left. */
function statusOf({ reason }: Ending): number | null {
  return reason === null ? null : refusalFor(reason).status
}

function outcomeOf(status: number | null): Outcome {
  return status !== null && status < 400 ? 'succeeded' : 'failed'
}

function reasonOf(error: Error): Reason {
  if (error instanceof BodyRefused) return error.reason
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return 'upstream_timeout'
  if (error instanceof errors.ConnectTimeoutError) return 'upstream_timeout'
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError)
    return 'upstream_invalid'
  if (error instanceof errors.ResponseContentLengthMismatchError) return 'upstream_invalid'
  return 'upstream_unreachable'
}
