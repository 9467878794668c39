import { Buffer } from 'node:buffer'
import { createEventFilter, readEvent, withData } from './event-stream.ts'
import { filterLists, type ListRules } from './list-cuts.ts'

/**
 * An answer on its way to a caller who may not see all that a server lists. `front/list-rules.ts` says which answers need
 * it and makes its rules; the gateway, which takes answers apart anyway (`gateway/mcp-answer.ts`), calls `filterLists`
 * of `list-cuts.ts` itself, for a whole answer and for the data of each event.
 */
export interface ListFilter {
  /** What may go on now. A plain answer goes on at its end; of a stream, each event once it is whole. */
  push(chunk: Buffer): Filtered
  /** What is left. */
  end(): Filtered
}

/**
 * What goes on, and then, where `fault` is not null, nothing more: the reason is `upstream_invalid`. The fault is short
 * and stable, for the log and tests; it never holds any of the answer.
 */
export interface Filtered {
  bytes: Buffer
  fault: string | null
}

/** What of an answer's head the filter goes by. */
export interface AnswerHead {
  status: number
  contentType: string | null
  contentEncoding: string | null
}

/** The most bytes of a plain answer, and of one event. */
export const listLimitBytes = 8 * 1024 * 1024

/** Methods whose answers are lists that the filter knows. */
export const listMethods: ReadonlySet<string> = new Set([
  ...['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list', 'tasks/list'],
])

/**
 * The filter for an answer. What it is in decides how it is read; one that can't be read is `invalid` from its first
 * byte, but for errors (from 300) and empty answers, which list nothing.
 */
export function createListFilter(
  head: AnswerHead,
  rules: ListRules,
  limitBytes = listLimitBytes,
): ListFilter {
  const mediaType = head.contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  const encoding = head.contentEncoding?.trim().toLowerCase() ?? ''
  const isPlain = encoding === '' || encoding === 'identity'
  if (isPlain && mediaType === 'application/json') return wholeFilter(rules, limitBytes)
  if (isPlain && mediaType === 'text/event-stream') return streamFilter(rules, limitBytes)
  return {
    push: (chunk) => (head.status >= 300 || chunk.length === 0 ? passed(chunk) : invalid('media type')),
    end: () => passed(nothing),
  }
}

const nothing = Buffer.alloc(0)

function passed(bytes: Buffer): Filtered {
  return { bytes, fault: null }
}

function invalid(fault: string): Filtered {
  return { bytes: nothing, fault }
}

function wholeFilter(rules: ListRules, limitBytes: number): ListFilter {
  let chunks: Buffer[] = []
  let heldBytes = 0
  return {
    push(chunk) {
      heldBytes += chunk.length
      if (heldBytes > limitBytes) {
        chunks = []
        return invalid('too long')
      }
      // A chunk of its own, since those of a connection are overwritten.
      chunks.push(Buffer.from(chunk))
      return passed(nothing)
    },
    end() {
      const whole = Buffer.concat(chunks)
      chunks = []
      if (whole.length === 0) return passed(whole)
      const filtered = filterLists(whole, rules)
      if (filtered.kind === 'invalid') return invalid(filtered.detail)
      return passed(filtered.kind === 'same' ? whole : filtered.bytes)
    },
  }
}

function streamFilter(rules: ListRules, limitBytes: number): ListFilter {
  let fault: string | null = null
  const events = createEventFilter((event) => {
    if (fault !== null) return nothing
    const { type, data } = readEvent(event)
    // An event without data tells nobody anything; empty data is how a stream begins that can be resumed.
    if (data === null || data === '' || type === 'endpoint') return null
    const filtered = filterLists(Buffer.from(data), rules)
    if (filtered.kind === 'same') return null
    if (filtered.kind === 'changed') return withData(event, filtered.bytes.toString('utf8'))
    fault = filtered.detail
    return nothing
  }, limitBytes)
  return {
    push(chunk) {
      const bytes = events.push(chunk)
      return bytes === null ? invalid('too long') : { bytes, fault }
    },
    end() {
      // Part of an event, which no client acts on and nobody has judged.
      return { bytes: nothing, fault }
    },
  }
}
