import { setTimeout as pause } from 'node:timers/promises'
import { follower, type ReadPage } from './follow.ts'

const pollMs = 1_000
const admissionMs = 3_000
/** More than that in ten seconds nobody reads, and the database has other things to do. */
const mostRows = 1_000
const keepAliveMs = 15_000
/** A browser asks again by itself; whoever went away without a word doesn't. */
const longestMs = 30 * 60_000

/**
 * The trail as server-sent events: `call`, with one call as JSON. Nothing is read while the client doesn't take what
 * is there. It ends when access does, looked at every few seconds.
 */
export function liveStream(options: {
  readPage: ReadPage
  isAdmitted: () => Promise<boolean>
  /** Aborted when the client went away. */
  signal: AbortSignal
  onOver: () => void
  paceMs?: { poll: number; admission: number }
}): ReadableStream<Uint8Array> {
  const { readPage, isAdmitted, onOver, paceMs = { poll: pollMs, admission: admissionMs } } = options
  const encoder = new TextEncoder()
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, options.signal])

  async function run(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const next = follower(readPage, mostRows)
    const startedMs = performance.now()
    let admittedMs = startedMs
    let writtenMs = startedMs
    function write(text: string): void {
      controller.enqueue(encoder.encode(text))
      writtenMs = performance.now()
    }

    write(': the last calls, then each new one\n\n')
    while (!signal.aborted && performance.now() - startedMs < longestMs) {
      // Each round after the one before: they share what was seen.
      /* oxlint-disable no-await-in-loop */
      if (performance.now() - admittedMs >= paceMs.admission) {
        if (!(await isAdmitted())) return
        admittedMs = performance.now()
      }
      if ((controller.desiredSize ?? 0) > 0) {
        const calls = await next()
        if (signal.aborted) return
        if (calls.length > 0)
          write(
            calls.map((call) => `event: call\nid: ${call.id}\ndata: ${JSON.stringify(call)}\n\n`).join(''),
          )
        else if (performance.now() - writtenMs >= keepAliveMs) write(': still here\n\n')
      }
      await pause(paceMs.poll, undefined, { signal, ref: false }).catch(() => {})
      /* oxlint-enable no-await-in-loop */
    }
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      void run(controller).then(
        () => {
          onOver()
          // Cancelled ones are closed already.
          if (!stop.signal.aborted) controller.close()
        },
        (error: unknown) => {
          onOver()
          if (!stop.signal.aborted) controller.error(error)
        },
      )
    },
    cancel() {
      stop.abort()
      onOver()
    },
  })
}
