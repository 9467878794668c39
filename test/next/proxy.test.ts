import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Finish, Recorder } from '../../src/audit/recorder.ts'
import { createRouteTable } from '../../src/front/routes.ts'
import { createProxy, type ProxyRequest } from '../../src/next/proxy.ts'
import { openGateway, type TestGateway, type TestKey } from '../e2e/gateway.ts'

// Next is not installed beside these sources; `app.test.ts` runs the real one.
vi.mock('next/server.js', () => ({
  NextResponse: { next: () => new Response(null, { headers: { 'x-middleware-next': '1' } }) },
}))

let gateway: TestGateway
let key: TestKey
beforeAll(async () => {
  gateway = await openGateway({ routes: [{ path: '/api/*', accepts: ['service-key'] }] })
  key = await gateway.issueKey()
})
// A machine that stood still for a second has lost its lease, which would be another refusal.
beforeEach(() => gateway.postern.lease.ensureFresh())
afterAll(() => gateway.close())

/** The proxy over the real Postern, whose recorder is this one. */
function proxyWith(recorder: Recorder) {
  const { postern } = gateway
  const { config } = postern
  const node = { postern, recorder, drained: async () => {} }
  const proxy = createProxy(config, {
    routes: createRouteTable(config.routes),
    isNextFile: () => false,
    use: async () => node,
  })
  const headers = { host: 'app.example', authorization: `Bearer ${key.token}` }
  const request = new Request('http://app.example/api/x', { headers })
  const nextUrl = { pathname: '/api/x', search: '' }
  const asked = Object.assign(request, { nextUrl }) as ProxyRequest
  return proxy(asked, { waitUntil: () => {} })
}

const isPassedOn = (answer: Response) => answer.headers.has('x-middleware-next')

test('a request goes on when its row is committed, and not before', async () => {
  let commit: () => void = () => {}
  const committed = new Promise<void>((resolve) => {
    commit = resolve
  })
  let isWaiting: () => void = () => {}
  const waiting = new Promise<void>((resolve) => {
    isWaiting = resolve
  })
  let isOver = false
  const answer = proxyWith({
    ...gateway.recorder,
    async begin(drafts, mode) {
      const begun = await gateway.recorder.begin(drafts, mode)
      return {
        ...begun,
        async finish(finish: Finish) {
          const safe = await begun.finish(finish)
          isWaiting()
          await committed
          return safe
        },
      }
    },
  }).finally(() => {
    isOver = true
  })
  await waiting
  await new Promise((resolve) => setImmediate(resolve))
  expect(isOver).toBe(false)
  commit()
  expect(isPassedOn(await answer)).toBe(true)
})

test.each<[string, (recorder: Recorder) => Partial<Recorder>]>([
  ['can not be taken', () => ({ refusal: () => 'trail_unavailable' })],
  ['can not be spooled', () => ({ begin: () => Promise.reject(new Error('ENOSPC')) })],
  [
    'is not committed in time',
    (recorder) => ({
      begin: async (drafts, mode) => ({
        ...(await recorder.begin(drafts, mode)),
        finish: () => Promise.resolve(false),
      }),
    }),
  ],
])('a request whose row %s is answered 503, and nothing of the app runs', async (_, broken) => {
  const answer = await proxyWith({ ...gateway.recorder, ...broken(gateway.recorder) })
  expect(answer.status).toBe(503)
  expect(isPassedOn(answer)).toBe(false)
  expect(answer.headers.get('retry-after')).toBe('1')
})
