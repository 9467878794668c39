import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Access } from '../../src/admin/access.ts'
import { createAdminApi } from '../../src/admin/api.ts'
import { liveStream } from '../../src/admin/live.ts'
import { createSlots } from '../../src/admin/slots.ts'
import { apiBase, callAt, openAdminWorld, socket, type AdminWorld } from './admin-world.ts'

let world: AdminWorld
let who: Access | null = socket
let handle: (request: Request) => Promise<Response>
beforeAll(async () => {
  world = await openAdminWorld()
  handle = createAdminApi({ ...world.parts, accessOf: async () => who })
})
afterAll(() => world.close())

let sequence = 0
async function record(tool: string): Promise<void> {
  const call = callAt(world.clock.nowMs, (sequence += 1), { tool })
  await world.store.trail.append({ calls: [call], ends: [], lastUsed: new Map() })
}

/** Reads events one by one; `null` at the end. */
function eventsOf(response: Response): () => Promise<Record<string, unknown> | null> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (reader === undefined) throw new Error('there is no body')
  let text = ''
  return async () => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end !== -1) {
        const event = text.slice(0, end)
        text = text.slice(end + 2)
        const [kind, id, data] = event.split('\n')
        if (kind === 'event: call') {
          const call = JSON.parse(data?.replace(/^data: /, '') ?? '') as Record<string, unknown>
          expect(id).toBe(`id: ${String(call['id'])}`)
          return call
        }
        continue
      }
      // oxlint-disable-next-line no-await-in-loop
      const { value, done } = await reader.read()
      if (done) return null
      text += value
    }
  }
}

test('calls are told as they come, filtered as asked, until access ends', async () => {
  await record('first')
  const gone = new AbortController()
  const response = await handle(new Request(`${apiBase}/audit/live?tool=first`, { signal: gone.signal }))
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const next = eventsOf(response)
  expect(await next()).toMatchObject({ tool: 'first', sequence: 1 })
  await record('other')
  await record('first')
  expect(await next()).toMatchObject({ tool: 'first', sequence: 3 })
  who = { ...socket, role: 'auditor' }
  expect(await next()).toBe(null)
  who = socket
  gone.abort()
})

test('whoever goes away, or never reads, costs nothing more', async () => {
  let asked = 0
  let isOver = 0
  const stream = liveStream({
    readPage: async () => {
      asked += 1
      return { data: [], nextCursor: null }
    },
    isAdmitted: async () => true,
    signal: new AbortController().signal,
    onOver: () => (isOver += 1),
    paceMs: { poll: 1, admission: 1 },
  })
  const idle = new Promise((done) => setTimeout(done, 50))
  await idle
  // The greeting was never taken.
  expect(asked).toBe(0)
  await stream.cancel()
  expect(isOver).toBeGreaterThan(0)
})

test('a stream that nobody reads still ends with access', async () => {
  let isAdmitted = true
  let over: () => void = () => {}
  const ended = new Promise<void>((done) => (over = done))
  const stream = liveStream({
    readPage: async () => ({ data: [], nextCursor: null }),
    isAdmitted: async () => isAdmitted,
    signal: new AbortController().signal,
    onOver: over,
    paceMs: { poll: 1, admission: 1 },
  })
  isAdmitted = false
  await ended
  await new Response(stream).text()
})

test('one may have five at once, and all have the places that there are', () => {
  const slots = createSlots(7, 5)
  const taken = Array.from({ length: 6 }, () => slots.take('ann'))
  expect(taken.map((give) => give !== null)).toEqual([true, true, true, true, true, false])
  expect([slots.take('bob'), slots.take('bob'), slots.take('bob')].map((give) => give !== null)).toEqual([
    ...[true, true, false],
  ])
  taken[0]?.()
  taken[0]?.()
  expect([slots.take('ann'), slots.take('ann')].map((give) => give !== null)).toEqual([true, false])
})
