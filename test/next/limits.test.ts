import { afterAll, beforeAll, expect, it } from 'vitest'
import { has } from '../programs.ts'
import { startRedis } from '../limits/redis-server.ts'
import { buildApp, type RunningApp, startApp } from './next-app.ts'
import { type Agent, createAgent, json, toolCall, trailOf } from './scene.ts'

/** Limits in a Next app: test/limits and test/e2e/limits.test.ts have their rules, which are the same code. */

let app: RunningApp
beforeAll(buildApp, 600_000)
beforeAll(async () => {
  app = await startApp('next start')
  await fetch(`${app.url}/api/health`)
})
afterAll(async () => {
  await app?.stop('SIGKILL')
})

const get = (agent: Agent, path: string, of: RunningApp = app) =>
  fetch(of.url + path, { headers: agent.bearer })
const mcp = (agent: Agent, path: string) =>
  fetch(app.url + path, { ...toolCall, headers: { ...json, ...agent.bearer } })

it('proxy and wrapped handlers, which are modules of their own, count together', async () => {
  const agent = await createAgent(app, '--daily', '6')
  const paths = Array.from({ length: 32 }, (_, at) => (at % 2 === 0 ? '/api/who' : '/api/wrapped/plain'))
  const statuses = await Promise.all(paths.map(async (path) => (await get(agent, path)).status))
  expect(statuses.filter((status) => status === 200)).toHaveLength(6)
  expect(statuses.filter((status) => status === 429)).toHaveLength(26)
})

it.each(['/api/mcp', '/api/wrapped/mcp'])('%s answers what is beyond a limit as JSON-RPC', async (path) => {
  const agent = await createAgent(app, '--tool-rate', 'list_*=1/h')
  expect((await mcp(agent, path)).status).toBe(200)
  const refused = await mcp(agent, path)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000)
  expect(refused.headers.get('ratelimit-policy')).toBe('"tool";q=1;w=3600')
  expect(await refused.json()).toMatchObject({
    id: 7,
    error: { code: 42900, data: { code: 'rate_limited' } },
  })
  await expect
    .poll(async () =>
      (await trailOf(app)).find((row) => row.keyId === agent.keyId && row.reason === 'rate_limited'),
    )
    .toMatchObject({ outcome: 'denied', status: 429, tool: 'list_channels' })
})

it('a wrapped handler holds its place until its stream ends', async () => {
  const agent = await createAgent(app, '--concurrent', '1')
  const stream = await get(agent, '/api/wrapped/events?name=limited')
  expect(stream.status).toBe(200)
  expect((await get(agent, '/api/wrapped/plain')).status).toBe(429)
  await stream.body?.cancel()
  await expect.poll(async () => (await get(agent, '/api/wrapped/plain')).status).toBe(200)
})

it.skipIf(!has('redis-server'))(
  'an app counts in Redis where the environment names one, and refuses without it',
  async () => {
    const redis = await startRedis()
    const other = await startApp('standalone', { POSTERN_REDIS_URL: redis.url })
    try {
      await fetch(`${other.url}/api/health`)
      const agent = await createAgent(other, '--rate', '2/h')
      const free = await createAgent(other)
      const statuses = []
      for (let at = 0; at < 3; at++) statuses.push((await get(agent, '/api/who', other)).status)
      expect(statuses).toEqual([200, 200, 429])
      await redis.kill()
      await expect.poll(async () => (await get(agent, '/api/who', other)).status).toBe(503)
      expect((await get(free, '/api/who', other)).status).toBe(200)
    } finally {
      await other.stop('SIGKILL')
      await redis.kill()
    }
  },
)
