import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { has } from '../programs.ts'
import { startPgBouncer, type PgBouncer } from '../store/pgbouncer.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { openGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type Upstream } from './upstream.ts'

describe.skipIf(!has('pgbouncer'))(
  'two nodes behind PgBouncer in transaction mode (skipped without it)',
  () => {
    let server: PostgresServer
    let bouncer: PgBouncer
    let upstream: Upstream
    let nodes: TestGateway[] = []
    beforeAll(async () => {
      server = await startPostgres()
      const direct = await server.createDatabase()
      bouncer = await startPgBouncer(direct)
      upstream = await startUpstream()
      const open = (agent: string) =>
        openGateway({
          agent,
          routes: [{ path: '/x', accepts: ['service-key'], upstream: upstream.origin }],
          database: bouncer.through(direct),
        })
      nodes = [await open('one'), await open('two')]
    })
    afterAll(async () => {
      await Promise.all(nodes.map((node) => node.close()))
      await upstream.close()
      await bouncer.stop()
      await server.stop()
    })

    async function call(node: TestGateway | undefined, token: string): Promise<number> {
      const answer = await fetch(`${node?.url}/x`, { headers: { authorization: `Bearer ${token}` } })
      await answer.body?.cancel()
      return answer.status
    }

    test('every call is in the trail once, and a revoked key is refused by both', async () => {
      const [a, b] = nodes
      const key = await a?.issueKey()
      if (a === undefined || b === undefined || key === undefined) throw new Error('no node')
      await expect.poll(() => call(b, key.token)).toBe(200)
      const calls = Array.from({ length: 200 }, (_, index) => call(nodes[index % 2], key.token))
      expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
      const { data } = await b.postern.trail.list({ keyId: key.id, outcome: 'succeeded', limit: 1000 })
      expect(data).toHaveLength(201)
      const revoked = await a.postern.admin(
        new Request(`http://p/admin/api-keys/api/v1/keys/${key.id}/revoke?wait=true`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"reason":"leaked"}',
        }),
      )
      expect(await revoked.json()).toMatchObject({
        acknowledgement: { nodes: [{ standing: 'acknowledged' }, { standing: 'acknowledged' }] },
      })
      expect(await Promise.all([call(a, key.token), call(b, key.token)])).toEqual([401, 401])
    })

    test('the lease holds while nothing happens', async () => {
      for (let look = 0; look < 20; look++) {
        expect(nodes.map((node) => node.postern.lease.isFresh())).toEqual([true, true])
        await new Promise((resolve) => void setTimeout(resolve, 50))
      }
    })
  },
)
