import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDemo } from '../../src/demo/server.ts'
import type { Demo } from '../../src/demo/server.ts'
import { startPostgres } from '../store/postgres-server.ts'
import type { PostgresServer } from '../store/postgres-server.ts'
import { clientModes, openClient } from './clients.ts'
import { bearer, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { startUpstream, valuesOf } from './upstream.ts'
import type { Upstream } from './upstream.ts'

let demo: Demo
/** Between the gateway and the demo: keeps what the backend really got. */
let tap: Upstream
let postgres: PostgresServer

beforeAll(async () => {
  ;[demo, tap, postgres] = await Promise.all([startDemo(), startUpstream(), startPostgres()])
  // Relayed as it comes, streams too.
  tap.answer(async (received, response, request) => {
    await received.whole
    const headers: [string, string][] = []
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const name = request.rawHeaders[at] ?? ''
      if (!/^(?:host|connection|content-length)$/i.test(name))
        headers.push([name, request.rawHeaders[at + 1] ?? ''])
    }
    const relayed = await fetch(demo.url, {
      method: received.method,
      headers,
      ...(received.body.length === 0 ? {} : { body: new Uint8Array(received.body) }),
    })
    response.writeHead(relayed.status, {
      'content-type': relayed.headers.get('content-type') ?? 'text/plain',
    })
    if (relayed.body !== null) for await (const chunk of relayed.body) response.write(chunk)
    response.end()
  })
})

afterAll(async () => {
  await Promise.all([demo.close(), tap.close(), postgres.stop()])
})

describe.each(['PGlite', 'Postgres'])('on %s', (engine) => {
  let gateway: TestGateway
  let key: TestKey

  beforeAll(async () => {
    const database = engine === 'Postgres' ? { database: await postgres.createDatabase() } : {}
    const route = {
      path: '/mcp',
      mcp: true,
      accepts: ['service-key' as const],
      upstream: `${tap.origin}/mcp`,
    }
    gateway = await openGateway({ routes: [route], ...database })
    key = await gateway.issueKey()
  })
  afterAll(() => gateway.close())

  test.each(clientModes)(
    'the %s client lists and calls tools, and the trail holds exactly what the backend got',
    async (mode) => {
      await gateway.mark()
      tap.received.length = 0
      const client = await openClient(mode, `${gateway.url}/mcp`, bearer(key))
      const tools = await client.listTools()
      expect(tools).toContain('list_channels')
      expect(tools.length).toBeGreaterThanOrEqual(4)
      const whoami = await client.callTool('whoami')
      expect(whoami.structured).toEqual({
        serviceUser: key.serviceUserId,
        principal: `service:${key.serviceUserId}`,
      })
      expect((await client.callTool('forecast_revenue', { weeks: 2 })).structured).toMatchObject({ weeks: 2 })
      expect((await client.callTool('always_fails')).isError).toBe(true)
      await client.close()

      const got = tap.received.map((received) => ({
        httpMethod: received.method,
        ...messageOf(received.body),
        keyId: key.id,
        serviceUserId: key.serviceUserId,
        credentialKind: 'service-key',
        path: '/mcp',
        clientAddress: '127.0.0.1',
        requestId: valuesOf(received.rawHeaders, 'x-request-id')[0],
        count: 1,
      }))
      const rows = await rowsOf(gateway, got.length)
      const byRequest = (a: { requestId?: string | undefined }, b: { requestId?: string | undefined }) =>
        (a.requestId ?? '').localeCompare(b.requestId ?? '')
      expect(
        rows
          .map((row) => ({
            httpMethod: row.httpMethod,
            method: row.method,
            tool: row.tool,
            keyId: row.keyId,
            serviceUserId: row.serviceUserId,
            credentialKind: row.credentialKind,
            path: row.path,
            clientAddress: row.clientAddress,
            requestId: row.requestId,
            count: row.count,
          }))
          .sort(byRequest),
      ).toEqual(got.sort(byRequest))
      expect(rows.filter(({ tool }) => tool !== null).map(({ tool }) => tool)).toEqual([
        'whoami',
        'forecast_revenue',
        'always_fails',
      ])
      for (const row of rows) {
        // A legacy client asks for the GET stream, which this server hasn't got.
        const isGet = row.httpMethod === 'GET'
        const isToolError = row.tool === 'always_fails'
        expect(row.isToolError).toBe(row.tool === null ? null : isToolError)
        expect([row.method, row.outcome, row.reason]).toEqual([
          row.method,
          isGet || isToolError ? 'failed' : 'succeeded',
          null,
        ])
        if (isGet) expect(row.status).toBe(405)
        else expect([200, 202]).toContain(row.status)
        expect(row.durationMs).toBeGreaterThan(0)
      }
    },
  )

  test.each(clientModes)(
    'the %s client fails cleanly with no key, a wrong, an expired and a revoked one',
    async (mode) => {
      const expired = await gateway.issueExpiredKey()
      const revoked = await gateway.issueKey()
      await gateway.postern.keys.revoke(revoked.id, 'left', 'the test')
      const cases = [
        [{}, 'missing_credential', null],
        [{ authorization: 'Bearer wrong' }, 'malformed_key', null],
        [bearer(expired), 'expired_key', expired.id],
        [bearer(revoked), 'revoked_key', revoked.id],
      ] as const
      tap.received.length = 0
      for (const [headers, reason, keyId] of cases) {
        await gateway.mark()
        await expect(openClient(mode, `${gateway.url}/mcp`, headers)).rejects.toThrow(Error)
        await expect.poll(async () => (await gateway.rows()).length).toBeGreaterThan(0)
        for (const row of await gateway.rows()) {
          expect(row).toMatchObject({
            outcome: 'denied',
            reason,
            status: 401,
            keyId,
            method: null,
            tool: null,
          })
          expect(row.serviceUserId).toBe(keyId === null ? null : key.serviceUserId)
        }
      }
      expect(tap.received).toEqual([])
    },
  )

  test('the sequence of the whole trail has no gap', async () => {
    const all = await gateway.postern.trail.list({ limit: 500 })
    const numbers = all.data.map(({ sequence }) => sequence).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1))
    expect(new Set(all.data.map(({ boot, writer }) => `${writer} ${boot}`)).size).toBe(1)
  })
})

function messageOf(body: Buffer): { method: string | null; tool: string | null } {
  if (body.length === 0) return { method: null, tool: null }
  const { method, params } = JSON.parse(body.toString()) as { method: string; params?: { name?: string } }
  return { method, tool: method === 'tools/call' ? (params?.name ?? null) : null }
}
