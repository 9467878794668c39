import type { TrailRow } from '../domain/call.ts'
import type { Page } from '../domain/ports.ts'
import { csvLine } from './csv.ts'
import { callJson } from './json.ts'
import { callSchema, type CallJson } from './schemas-audit.ts'

const pageRows = 500
const admissionMs = 5_000

/**
 * The trail as a download, page by page, each read when the one before was taken: no more than one is in memory. An
 * error on the way breaks it off, so that a part is never taken for the whole.
 */
export function exportStream(options: {
  format: 'jsonl' | 'csv'
  /** The cursor to go on behind, as a part of the same file; null: from its beginning. */
  after: string | null
  readPage: (cursor: string | null, limit: number) => Promise<Page<TrailRow>>
  /** Whether whoever asked may still have it. */
  isAdmitted: () => Promise<boolean>
  onOver: () => void
}): ReadableStream<Uint8Array> {
  const { format, after, readPage, isAdmitted, onOver } = options
  const encoder = new TextEncoder()
  let cursor = after
  let admittedAtMs = performance.now()
  const lineOf = format === 'csv' ? csvOf : (call: CallJson) => `${JSON.stringify(call)}\n`

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (format === 'csv' && after === null) controller.enqueue(encoder.encode(csvLine(columns)))
      },
      async pull(controller) {
        try {
          if (performance.now() - admittedAtMs > admissionMs) {
            if (!(await isAdmitted())) throw new Error('who asked for it may not have it any more')
            admittedAtMs = performance.now()
          }
          const page: Page<TrailRow> = await readPage(cursor, pageRows)
          cursor = page.nextCursor
          const text = page.data.map((row) => lineOf(callJson(row))).join('')
          if (text !== '') controller.enqueue(encoder.encode(text))
          if (cursor !== null) return
          onOver()
          controller.close()
        } catch (error) {
          onOver()
          throw error
        }
      },
      cancel: onOver,
    },
    // Nothing ahead of what is asked for.
    { highWaterMark: 0 },
  )
}

const columns = Object.keys(callSchema.shape) as (keyof CallJson)[]

function csvOf(call: CallJson): string {
  return csvLine(columns.map((column) => call[column]))
}
