import type { Readable } from 'node:stream'

const limitBytes = 64 * 1024

/** The JSON object that a body holds; null where it is none, or over 64 KiB. Rejects where the body breaks off. */
export async function jsonObjectOf(body: Readable): Promise<Record<string, unknown> | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Leaving the loop destroys the body.
    if (bytes > limitBytes) return null
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
