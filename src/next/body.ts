import type { Reason } from '../domain/verdict.ts'

/**
 * Reads a body whole, or answers the reason to refuse it. `announcedBytes` is its Content-Length: where less
 * arrives, something in front has cut it off.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  limits: { limitBytes: number; timeoutMs: number; announcedBytes: number | null },
): Promise<Uint8Array | Reason> {
  if ((limits.announcedBytes ?? 0) > limits.limitBytes) return 'body_too_large'
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    void cancel(reader)
  }, limits.timeoutMs)
  try {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (isLate) return 'request_timeout'
      if (done) break
      bytes += value.length
      if (bytes > limits.limitBytes) {
        void cancel(reader)
        return 'body_too_large'
      }
      chunks.push(value)
    }
    if (limits.announcedBytes !== null && bytes !== limits.announcedBytes) return 'body_malformed'
    const [first] = chunks
    return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
  } finally {
    clearTimeout(timer)
  }
}

/** What still comes is not wanted; that it can't be told so is no matter. */
async function cancel(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  await reader.cancel().catch(() => undefined)
}
