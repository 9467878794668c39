import type { Readable } from 'node:stream'
import { createParser } from 'eventsource-parser'

/** How a stream of events ended. */
export interface StreamEnd {
  /** For `Last-Event-ID`; null where no event had one. */
  lastEventId: string | null
  /** How long the server wants to be left alone; null where it didn't say. */
  retryMs: number | null
}

/** The largest event that is read, in characters. */
const longestEvent = 64 * 1024 * 1024

/** Reads a stream to its end, however that comes about. `onEvent` gets the type (`message` unless said) and the data. */
export async function readEvents(
  body: Readable,
  onEvent: (type: string, data: string) => void,
): Promise<StreamEnd> {
  const end: StreamEnd = { lastEventId: null, retryMs: null }
  const parser = createParser({
    maxBufferSize: longestEvent,
    onEvent: ({ event = 'message', id, data }) => {
      if (id !== undefined && id !== '') end.lastEventId = id
      if (data !== '') onEvent(event === '' ? 'message' : event, data)
    },
    onRetry: (retryMs) => {
      end.retryMs = Math.min(retryMs, 60_000)
    },
  })
  body.setEncoding('utf8')
  try {
    for await (const chunk of body) parser.feed(chunk as string)
  } catch {
    // Broken off, or given up by us: either way nothing more comes.
  } finally {
    body.destroy()
  }
  return end
}
