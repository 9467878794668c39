import type { Reason } from '../domain/verdict.ts'
import { refusalAnswer } from '../front/answer.ts'
import type { ListRules } from '../mcp/list-cuts.ts'
import { createListFilter, type ListFilter } from '../mcp/list-filter.ts'
import { type Passage, styleOf } from './gate.ts'
import { refusalResponse } from './refusal.ts'

export interface FilteredAnswer {
  answer: Response
  /** Why not all of the answer went on; null where it did, so far. */
  reason: () => Reason | null
}

/** A handler's answer without the entries of its lists that its caller may not call. */
export async function filterAnswer(
  answer: Response,
  rules: ListRules,
  passage: Passage,
): Promise<FilteredAnswer> {
  const { status, body } = answer
  if (body === null) return { answer, reason: () => null }
  const headers = new Headers(answer.headers)
  const contentType = headers.get('content-type')
  const filter = createListFilter(
    { status, contentType, contentEncoding: headers.get('content-encoding') },
    rules,
  )
  // They speak of the answer as it was.
  for (const name of ['content-length', 'etag', 'content-md5', 'digest']) headers.delete(name)
  const init = { status, statusText: answer.statusText, headers }
  if (contentType?.toLowerCase().startsWith('text/event-stream') === true) {
    const stream = filteredStream(body, filter, lastWords(passage))
    return { answer: new Response(stream.body, init), reason: stream.reason }
  }
  const whole = await filteredWhole(body, filter)
  if (whole !== null) return { answer: new Response(whole, init), reason: () => null }
  return {
    answer: refusalResponse('upstream_invalid', styleOf(passage)),
    reason: () => 'upstream_invalid',
  }
}

/** Null where the answer is invalid. */
async function filteredWhole(
  body: ReadableStream<Uint8Array>,
  filter: ListFilter,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const passed: Uint8Array[] = []
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    const { bytes, fault } = done ? filter.end() : filter.push(asBuffer(value))
    if (fault !== null) {
      void reader.cancel().catch(() => undefined)
      return null
    }
    passed.push(bytes)
    if (done) return Buffer.concat(passed)
  }
}

function filteredStream(body: ReadableStream<Uint8Array>, filter: ListFilter, lastWords: Buffer) {
  const reader = body.getReader()
  let isInvalid = false
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const { done, value } = await reader.read()
        const { bytes, fault } = done ? filter.end() : filter.push(asBuffer(value))
        if (bytes.length > 0) controller.enqueue(bytes)
        if (fault !== null) {
          isInvalid = true
          controller.enqueue(lastWords)
          void reader.cancel().catch(() => undefined)
        }
        if (done || fault !== null) return controller.close()
        if (bytes.length > 0) return
      }
    },
    cancel: (why) => reader.cancel(why),
  })
  return { body: stream, reason: (): Reason | null => (isInvalid ? 'upstream_invalid' : null) }
}

/** The error, as the event that ends a stream. */
function lastWords(passage: Passage): Buffer {
  const { body } = refusalAnswer('upstream_invalid', { ...styleOf(passage), close: false })
  return Buffer.from(`event: message\ndata: ${body}\n\n`)
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}
