import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createMetrics } from '../../src/gateway/metrics.ts'
import { createOperationsServer } from '../../src/gateway/operations.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serve(handle: (request: Request, peer: string) => Promise<Response>): Promise<string> {
  const metrics = createMetrics({
    leaseAgeMs: () => 0,
    epoch: () => 0,
    standing: () => ({ lagEpochs: 0, clockOffsetMs: null, refusing: null }),
    trailBacklog: () => 0,
    trailIsAway: () => false,
    spooledBytes: () => 0,
    filesSetAside: () => 0,
    cachedKeys: () => 0,
    trail: () => null,
    limitsAreAway: () => false,
  })
  const server = createOperationsServer({
    readiness: () => ({ ready: true, fresh: true, trail: true, setAside: 0 }),
    metrics,
    forwardAuth: null,
    page: { mount: '/admin/api-keys', handle },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a client that leaves ends the stream that it followed, and its request', async () => {
  let ended: (value: string) => void = () => {}
  const cancelled = new Promise<string>((resolve) => {
    ended = resolve
  })
  let aborted = false
  const url = await serve(async (request) => {
    request.signal.addEventListener('abort', () => {
      aborted = true
    })
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(': here\n\n')),
      cancel: () => ended('cancelled'),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
  const leave = new AbortController()
  const response = await fetch(`${url}/admin/api-keys/api/v1/audit/live`, { signal: leave.signal })
  const first = await response.body?.getReader().read()
  expect(Buffer.from(first?.value ?? []).toString()).toBe(': here\n\n')
  leave.abort()
  expect(await cancelled).toBe('cancelled')
  await expect.poll(() => aborted).toBe(true)
})

test("the handler gets one of Node's own requests, with the body as it was sent, or none", async () => {
  const url = await serve(async (request, peer) => {
    const again = new Request(request.url, request)
    return Response.json({
      peer,
      method: again.method,
      hasBody: again.body !== null,
      text: await again.text(),
    })
  })
  const ask = async (init: RequestInit) => (await fetch(`${url}/admin/api-keys/x?y=1`, init)).json()
  expect(await ask({ method: 'DELETE' })).toMatchObject({
    method: 'DELETE',
    hasBody: false,
    peer: '127.0.0.1',
  })
  expect(await ask({ method: 'POST', body: 'text' })).toMatchObject({ hasBody: true, text: 'text' })
  expect(await ask({ method: 'PATCH', body: '' })).toMatchObject({ hasBody: false, text: '' })
})

test('a handler that fails is a 500 without its reason', async () => {
  const url = await serve(() => Promise.reject(new Error('the reason')))
  const response = await fetch(`${url}/admin/api-keys`)
  expect([response.status, (await response.text()).includes('the reason')]).toEqual([500, false])
})
