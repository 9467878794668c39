/** Three events: the second comes once `next` was called for this name by another request. */
const waiting = ((globalThis as Record<string, unknown>)['testStreams'] ??= new Map<
  string,
  () => void
>()) as Map<string, () => void>

export function release(name: string): boolean {
  const go = waiting.get(name)
  waiting.delete(name)
  go?.()
  return go !== undefined
}

export function events(request: Request): Response {
  const name = new URL(request.url).searchParams.get('name') ?? ''
  const encoder = new TextEncoder()
  const stream = new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('data: first\n\n'))
      await new Promise<void>((resolve) => waiting.set(name, resolve))
      controller.enqueue(encoder.encode('data: second\n\n'))
      controller.close()
    },
  })
  return new Response(stream, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  })
}
