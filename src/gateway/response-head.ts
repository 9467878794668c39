/** Whether the answer is a stream of server-sent events. */
export function isEventStream(headers: readonly string[]): boolean {
  const at = headerAt(headers, 'content-type')
  return at !== -1 && headers[at + 1]!.toLowerCase().startsWith('text/event-stream')
}

/** The list with this `Content-Length`, in place of the one that it has. */
export function withLength(headers: string[], bytes: number): string[] {
  const at = headerAt(headers, 'content-length')
  if (at === -1) headers.push('content-length', String(bytes))
  else headers[at + 1] = String(bytes)
  return headers
}

/** Where a header's name stands in a flat list (name, value, …), in whatever case; -1 where it doesn't. */
export function headerAt(headers: readonly string[], name: string): number {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const candidate = headers[at]!
    if (candidate.length === name.length && candidate.toLowerCase() === name) return at
  }
  return -1
}
