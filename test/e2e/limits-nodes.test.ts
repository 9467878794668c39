import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AskedLimits } from '../../src/keys/limits.ts'
import { startRedis, type RedisServer } from '../limits/redis-server.ts'
import { has } from '../programs.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { bearer, openGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type Upstream } from './upstream.ts'

describe.skipIf(!has('redis-server'))('two nodes on one Redis and one Postgres', () => {
  let postgres: PostgresServer
  let redis: RedisServer
  let upstream: Upstream
  let database: string
  let one: TestGateway
  let two: TestGateway
  let users = 0

  const open = (agent: string, limits: object) =>
    openGateway({
      agent,
      database,
      routes: [{ path: '/api/*', accepts: ['service-key'], upstream: upstream.origin }],
      settings: { limits, signingKey: Buffer.alloc(32, 7).toString('base64') },
    })
  beforeAll(async () => {
    ;[postgres, redis, upstream] = await Promise.all([startPostgres(), startRedis(), startUpstream()])
    database = await postgres.createDatabase()
    one = await open('one', { redis: redis.url })
    two = await open('two', { redis: redis.url })
  }, 60_000)
  afterAll(async () => {
    await Promise.all([one.close(), two.close()])
    await Promise.all([postgres.stop(), redis.kill(), upstream.close()])
  })

  async function limitedKey(limits: AskedLimits) {
    const input = { name: `limited-${++users}`, owner: 'team@example.com' }
    const { id: serviceUser } = await one.postern.keys.createServiceUser(input, 'the test')
    const { key, token } = await one.postern.keys.issue({ serviceUser, limits }, 'the test')
    return { token, id: key.key.id }
  }
  const call = (node: TestGateway, key: { token: string }) =>
    fetch(`${node.url}/api/x`, { headers: bearer(key) })
  const statusOf = async (node: TestGateway, key: { token: string }) => (await call(node, key)).status

  it.each<[string, AskedLimits, number]>([
    ['a rate', { rate: '10/h' }, 10],
    ['a rate and its burst', { rate: '10/h', burst: 3 }, 13],
    ['a month', { monthly: 10 }, 10],
  ])(
    'of 64 calls at once at both exactly as many go through as the limit says: %s',
    async (_, limits, most) => {
      const key = await limitedKey(limits)
      const statuses = await Promise.all(
        Array.from({ length: 64 }, (_, at) => statusOf(at % 2 === 0 ? one : two, key)),
      )
      expect(statuses.filter((status) => status === 200)).toHaveLength(most)
      expect(statuses.filter((status) => status === 429)).toHaveLength(64 - most)
    },
  )

  it('calls under way at one take the places at the other', async () => {
    const key = await limitedKey({ concurrent: 1 })
    let go = () => {}
    upstream.answer((_, response) => {
      go = () => void response.end('done')
    })
    const before = upstream.received.length
    const first = call(one, key)
    await expect.poll(() => upstream.received.length).toBe(before + 1)
    expect(await statusOf(two, key)).toBe(429)
    go()
    expect((await first).status).toBe(200)
    upstream.reset()
    await expect.poll(() => statusOf(two, key)).toBe(200)
  })

  it('a node that counts by itself goes on from what is recorded: a restart is no new quota', async () => {
    const key = await limitedKey({ daily: 5 })
    for (let at = 0; at < 4; at++) expect(await statusOf(one, key)).toBe(200)
    await one.rows()
    const later = await open('three', {})
    try {
      expect([await statusOf(later, key), await statusOf(later, key)]).toEqual([200, 429])
    } finally {
      await later.close()
    }
  })

  it('Redis away: what has a limit is refused, retryably, what has none goes on; and back, a quota goes on', async () => {
    const limited = await limitedKey({ daily: 5 })
    const free = await limitedKey({})
    for (let at = 0; at < 4; at++) expect(await statusOf(one, limited)).toBe(200)
    await one.rows()
    const lenient = await open('lenient', { redis: redis.url, whenAway: 'allow' })
    await redis.kill()
    const refused = await call(two, limited)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await refused.json()).toMatchObject({ code: 'not_fresh' })
    expect(await statusOf(two, free)).toBe(200)
    expect((await two.rows()).map(({ reason }) => reason)).toContain('store_unavailable')
    const metrics = await (await fetch(`${two.adminUrl}/_postern/metrics`)).text()
    expect(metrics).toContain('postern_limits_away 1')
    // Each node by itself, where the settings say so; still from what is recorded.
    expect([await statusOf(lenient, limited), await statusOf(lenient, limited)]).toEqual([200, 429])
    await lenient.rows()
    await lenient.close()

    const other = await limitedKey({ daily: 2 })
    await redis.restart()
    await expect.poll(() => statusOf(two, other), { timeout: 10_000 }).toBe(200)
    expect(await statusOf(two, limited)).toBe(429)
  })
})
