import { describe, expect, test } from 'vitest'
import { bearer, callOf, mcpHeaders, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { openRaw, readAnswer } from './raw.ts'
import type { RawConnection } from './raw.ts'
import { onStage } from './stage.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
let gateway: TestGateway
/** The database is away, and what is in the spool can't be made to survive a power loss. */
let isDiskFailing = false

onStage(
  (origin) => ({
    routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` }],
    wrapRecorder: (recorder) => ({
      ...recorder,
      isAway: () => isDiskFailing || recorder.isAway(),
      sync: () => (isDiskFailing ? Promise.reject(new Error('EIO')) : recorder.sync()),
    }),
  }),
  (stage) => ({ upstream, gateway } = stage),
)

const body = callOf('danger')

/** A call whose key has been accepted already, and whose body is still on its way. */
async function begin(key: TestKey): Promise<RawConnection> {
  const connection = await openRaw(gateway.port)
  connection.send(
    `POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${key.token}\r\nConnection: close\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  await connection.until('100 Continue')
  return connection
}

test('an intent that the disk does not keep safe while the database is away is a denial, and nothing goes on', async () => {
  isDiskFailing = true
  const response = await fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...mcpHeaders, ...bearer(await gateway.issueKey()) },
    body,
  })
  isDiskFailing = false
  expect(response.status).toBe(503)
  expect(await rowsOf(gateway, 1)).toMatchObject([
    { outcome: 'denied', reason: 'trail_unavailable', status: 503, tool: 'danger' },
  ])
  expect(upstream.received).toEqual([])
})

describe('a key is judged again right before dispatch', () => {
  test.each<[string, string, (key: TestKey) => Promise<void>]>([
    [
      'revoked',
      'revoked_key',
      async (key) => {
        const before = gateway.postern.lease.epoch()
        await gateway.postern.keys.revoke(key.id, 'left', 'the test')
        await expect.poll(() => gateway.postern.lease.epoch()).toBeGreaterThan(before)
      },
    ],
    [
      'expired',
      'expired_key',
      async () => {
        gateway.shiftClock(365 * 86_400_000)
        await Promise.resolve()
      },
    ],
  ])('one that was %s while its body was on the way opens nothing', async (_what, reason, end) => {
    const key = await gateway.issueKey()
    await expect.poll(() => gateway.postern.lease.epoch()).toBeGreaterThan(0)
    const connection = await begin(key)
    await end(key)
    connection.send(body)
    const text = await connection.closed
    expect(readAnswer(text.slice(text.indexOf('\r\n\r\n') + 4)).status).toBe(401)
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { outcome: 'denied', reason, status: 401, keyId: key.id, tool: 'danger' },
    ])
    expect(upstream.received).toEqual([])
  })

  test('one that was revoked while its intent was being written opens nothing, and the intent is a denial', async () => {
    const key = await gateway.issueKey()
    const connection = await begin(key)
    gateway.beforeDispatch(async () => {
      const before = gateway.postern.lease.epoch()
      await gateway.postern.keys.revoke(key.id, 'left', 'the test')
      await expect.poll(() => gateway.postern.lease.epoch()).toBeGreaterThan(before)
    })
    connection.send(body)
    expect(await connection.closed).toContain(' 401 ')
    expect(await rowsOf(gateway, 1)).toMatchObject([
      { outcome: 'denied', reason: 'revoked_key', status: 401, keyId: key.id, tool: 'danger' },
    ])
    expect(upstream.received).toEqual([])
    expect((await gateway.postern.keys.show(key.id)).key.key.lastUsedAt).toBeNull()
  })

  test('and one that is still good opens its route', async () => {
    const connection = await begin(await gateway.issueKey())
    connection.send(body)
    expect(await connection.closed).toContain('200 OK')
    expect(upstream.received).toHaveLength(1)
  })
})
