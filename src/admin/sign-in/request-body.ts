import { RequestRefused } from '../problem.ts'

const limitBytes = 64 * 1024

/** The same request, its body read whole and bounded. Throws {@link RequestRefused}: `body_too_large`. */
export async function smallBody(request: Request): Promise<Request> {
  const { body, method, headers, url, signal } = request
  if (body === null || method === 'GET' || method === 'HEAD')
    return new Request(url, { method, headers, signal })
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.byteLength
    if (length > limitBytes) {
      await reader.cancel().catch(() => undefined)
      throw new RequestRefused(413, 'body_too_large', 'The body is over 64 KiB.')
    }
    chunks.push(value)
  }
  return new Request(url, { method, headers, signal, body: Buffer.concat(chunks) })
}

/** A JSON object. Throws {@link RequestRefused}: `media_type_refused`, `body_malformed`. */
export async function jsonBody(request: Request): Promise<Record<string, unknown>> {
  const mediaType = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json')
    throw new RequestRefused(415, 'media_type_refused', 'Send the body as application/json.')
  const value: unknown = await request.json().catch(() => null)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RequestRefused(400, 'body_malformed', 'The body is not a JSON object.')
  return Object.fromEntries(Object.entries(value))
}
