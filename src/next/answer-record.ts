import type { Finish } from '../audit/recorder.ts'
import type { Outcome } from '../domain/call.ts'
import type { Reason } from '../domain/verdict.ts'
import { styleOf } from './gate.ts'
import { refusalResponse } from './refusal.ts'
import type { Recording } from './thrown.ts'

/** As in the gateway: a plain answer up to this many bytes is read whole, so that its call's row is complete. */
const wholeBytes = 64 * 1024
/** One that isn't whole by then is passed on as a stream, in milliseconds. */
const wholeWaitMs = 100

type Reader = ReadableStreamDefaultReader<Uint8Array>

/**
 * Records a handler's answer: its row is committed before the answer is handed on. A stream's row is committed at
 * its head, and its end is a second one.
 */
export async function recordAnswer(
  answer: Response,
  recording: Recording & {
    isHead: boolean
    /** Why not all of the handler's answer went on; null where it did, so far. */
    reason: () => Reason | null
    /** Told of a stream before its answer is handed on, with a promise of its end. */
    onStream: (ended: Promise<void>) => Promise<void>
  },
): Promise<Response> {
  const { begun, passage, durationMs } = recording
  const { status, body } = answer
  function ended(outcome: Outcome): Finish {
    const reason = recording.reason()
    return { outcome: reason === null ? outcome : 'failed', reason, status, durationMs: durationMs() }
  }
  const isEvents = answer.headers.get('content-type')?.startsWith('text/event-stream') === true
  let start: Start = { chunks: [], reader: null, failed: null }
  if (body !== null && !recording.isHead) {
    const reader: Reader = body.getReader()
    start = isEvents ? { chunks: [], reader, failed: null } : await readStart(reader)
  }

  const { reader, failed } = start
  if (reader === null) {
    // Next answers for a stream that fails before anything of it has left.
    const finish = failed === null ? ended(outcomeOf(status)) : { ...ended('failed'), status: 500 }
    if (!(await begun.finish(finish))) return unrecorded(finish)
    if (failed !== null) throw failed.error
    if (body === null || recording.isHead) return answer
    return new Response(joined(start.chunks), answer)
  }

  if (!(await begun.open(status))) {
    void reader.cancel().catch(() => undefined)
    return unrecorded(ended(outcomeOf(status)))
  }
  let settle: () => void = () => {}
  const over = new Promise<void>((resolve) => {
    settle = resolve
  })
  await recording.onStream(over)
  const stream = passedOn(reader, start.chunks, (outcome) => {
    begun.end(ended(outcome))
    settle()
  })
  return new Response(stream, answer)

  function unrecorded(finish: Finish): Response {
    begun.end({ ...finish, reason: 'executed_unrecorded', status: 500 })
    return refusalResponse('executed_unrecorded', styleOf(passage))
  }

  function outcomeOf(code: number): Outcome {
    return code < 400 ? 'succeeded' : 'failed'
  }

  /** The stream as it comes, its start first. `onEnd` is called once, with how it ended. */
  function passedOn(from: Reader, chunks: Uint8Array[], onEnd: (outcome: Outcome) => void) {
    let isOver = false
    function over(outcome: Outcome): void {
      if (!isOver) onEnd(outcome)
      isOver = true
    }
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const kept = chunks.shift()
        if (kept !== undefined) return controller.enqueue(kept)
        try {
          const { done, value } = await from.read()
          // The client left meanwhile.
          if (isOver) return
          if (!done) return controller.enqueue(value)
          controller.close()
          over(outcomeOf(status))
        } catch (error) {
          controller.error(error)
          over('failed')
        }
      },
      async cancel(why) {
        over('aborted')
        await from.cancel(why)
      },
    })
  }
}

/** What came of an answer so far; `reader` is null where that is all of it. */
interface Start {
  chunks: Uint8Array[]
  reader: Reader | null
  failed: { error: unknown } | null
}

async function readStart(reader: Reader): Promise<Start> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), wholeWaitMs)
  })
  try {
    while (bytes <= wholeBytes) {
      const reading = reader.read()
      const read = await Promise.race([reading, enough])
      if (read === null) return { chunks, reader: resumed(reader, reading), failed: null }
      if (read.done) return { chunks, reader: null, failed: null }
      chunks.push(read.value)
      bytes += read.value.length
    }
    return { chunks, reader, failed: null }
  } catch (error) {
    return { chunks, reader: null, failed: { error } }
  } finally {
    clearTimeout(timer)
  }
}

/** A reader whose next read is already under way. */
function resumed(reader: Reader, reading: ReturnType<Reader['read']>): Reader {
  let next: typeof reading | null = reading
  return Object.assign(Object.create(reader) as Reader, {
    read() {
      const first = next
      next = null
      return first ?? reader.read()
    },
    cancel: (why: unknown) => reader.cancel(why),
  })
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = chunks
  return (
    chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
  ) as Uint8Array<ArrayBuffer>
}
