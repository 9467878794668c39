/** Whether the answer is a stream of server-sent events. */
export function isEventStream(headers: readonly string[]): boolean {
  return find(headers, 'content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
}

/** The list with a `Content-Length`, where it has none. */
export function withLength(headers: string[], bytes: number): string[] {
  if (find(headers, 'content-length') === null) headers.push('content-length', String(bytes))
  return headers
}

function find(headers: readonly string[], name: string): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const candidate = headers[at] ?? ''
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[at + 1] ?? null
  }
  return null
}
