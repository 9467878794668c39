import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { periodAt } from '../../src/domain/calendar.ts'
import { withFallback } from '../../src/limits/fallback.ts'
import type { LimitStore } from '../../src/limits/limit-store.ts'
import { createMemoryStore } from '../../src/limits/memory.ts'
import { pingRedis } from '../../src/limits/ping-redis.ts'
import { createRedisStore } from '../../src/limits/redis.ts'
import { has } from '../programs.ts'
import { limitStoreConformance } from './conformance.ts'
import { startRedis, type RedisServer } from './redis-server.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const window = { most: 3, seconds: 60 }

async function open(url: string, told: string[] = []): Promise<LimitStore> {
  const store = createRedisStore({
    url,
    prefix: 'test:',
    clock,
    onAway: (cause) => told.push(`away: ${cause}`),
    onBack: () => told.push('back'),
  })
  await store.start()
  return store
}

describe.skipIf(!has('redis-server'))('limits in Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.kill())

  describe('as any other', () => {
    limitStoreConformance(async () => {
      const nodes = [await open(server.url), await open(server.url)] as const
      return {
        nodes,
        async close() {
          await Promise.all(nodes.map((node) => node.close()))
        },
      }
    })
  })

  it('a node that begins later finds what the others have counted', async () => {
    const name = randomUUID()
    const period = periodAt('day', Date.now())
    const first = await open(server.url)
    for (let at = 0; at < 4; at++)
      await first.takeQuota(name, 1, { most: 5, period, soFar: () => Promise.resolve(0) })
    const second = await open(server.url)
    const stale = { most: 5, period, soFar: () => Promise.resolve(0) }
    expect((await second.takeQuota(name, 1, stale)).ok).toBe(true)
    expect((await second.takeQuota(name, 1, stale)).ok).toBe(false)
    await Promise.all([first.close(), second.close()])
  })
})

describe.skipIf(!has('redis-server'))('a Redis that goes away', () => {
  it('refuses at once where it is killed, and counts again once it is back', async () => {
    const server = await startRedis()
    const told: string[] = []
    const store = await open(server.url, told)
    expect((await store.take('a', 3, window)).ok).toBe(true)
    await server.kill()
    await vi.waitFor(() => expect(store.isAway()).toBe(true))
    await expect(store.take('a', 1, window)).rejects.toThrow()
    await expect(store.hold('a', 1, 1)).rejects.toThrow()
    await server.restart()
    await vi.waitFor(async () => expect((await store.take('a', 1, window)).ok).toBe(true), 10_000)
    expect(told.map((text) => text.split(':')[0])).toEqual(['away', 'back'])
    await store.close()
    await server.kill()
  })

  it('killed among 64 callers, lets nobody through who was not counted', async () => {
    const server = await startRedis()
    const store = await open(server.url)
    const asked = Array.from({ length: 64 }, () => store.take('a', 1, window).catch(() => null))
    await server.kill()
    const passed = (await Promise.all(asked)).filter((taken) => taken?.ok === true)
    expect(passed.length).toBeLessThanOrEqual(window.most)
    await expect(store.take('a', 1, window)).rejects.toThrow()
    await store.close()
  })

  it('hangs, and is not waited for by each call', async () => {
    const server = await startRedis()
    const store = await open(server.url)
    server.signal('SIGSTOP')
    await expect(store.take('a', 1, window)).rejects.toThrow()
    expect(store.isAway()).toBe(true)
    await expect(store.take('a', 1, window)).rejects.toThrow('did not answer in time')
    server.signal('SIGCONT')
    await vi.waitFor(async () => expect((await store.take('b', 1, window)).ok).toBe(true), 10_000)
    await store.close()
    await server.kill()
  })

  it('lets a quota go on from what is recorded, where it lost what it had counted', async () => {
    const server = await startRedis()
    const store = await open(server.url)
    let recorded = 0
    const quota = { most: 5, period: periodAt('day', Date.now()), soFar: () => Promise.resolve(recorded) }
    for (let at = 0; at < 4; at++) expect((await store.takeQuota('a', 1, quota)).ok).toBe(true)
    recorded = 4
    await server.restart()
    await vi.waitFor(() => expect(store.isAway()).toBe(false), 10_000)
    expect((await store.takeQuota('a', 1, quota)).ok).toBe(true)
    expect((await store.takeQuota('a', 1, quota)).ok).toBe(false)
    await store.close()
    await server.kill()
  })

  it('is replaced by each node for itself where the settings say so', async () => {
    const server = await startRedis()
    const store = withFallback(await open(server.url), createMemoryStore(clock))
    expect((await store.take('a', 3, window)).ok).toBe(true)
    await server.kill()
    const passed = await Promise.all(Array.from({ length: 64 }, () => store.take('a', 1, window)))
    expect(passed.filter(({ ok }) => ok)).toHaveLength(3)
    await store.close()
  })

  it('frees the places of a process that is gone, and keeps those of one that lives', async () => {
    const server = await startRedis()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const [gone, alive] = [await open(server.url), await open(server.url)]
    await gone.hold('a', 1, 2)
    await alive.hold('a', 1, 2)
    await gone.close()
    const { Redis } = await import('ioredis')
    const redis = new Redis(server.url)
    const left = () => redis.pttl('test:a')
    const ids = await redis.zrange('test:a', '0', '-1')
    // As if the lease of both had passed but for a moment: only who lives takes it up again.
    for (const id of ids) await redis.zadd('test:a', String(Date.now() - 1), id)
    vi.advanceTimersByTime(10_000)
    vi.useRealTimers()
    await vi.waitFor(async () => {
      const held = await Promise.all([alive.hold('a', 1, 2), alive.hold('a', 1, 2)])
      expect(held.filter((each) => each !== null)).toHaveLength(1)
    })
    expect(await left()).toBeGreaterThan(0)
    redis.disconnect()
    await alive.close()
    await server.kill()
  })

  it('says why without the password', async () => {
    const server = await startRedis({ password: 'canary-secret' })
    expect(await pingRedis(server.url)).toBeNull()
    const told: string[] = []
    const wrong = server.url.replace('canary-secret', 'canary-wrong')
    const store = await open(wrong, told)
    await expect(store.take('a', 1, window)).rejects.toThrow()
    expect(await pingRedis(wrong)).toMatch(/WRONGPASS|NOAUTH/)
    await server.kill()
    expect(await pingRedis(server.url)).toContain('ECONNREFUSED')
    expect(told.length).toBeGreaterThan(0)
    expect(JSON.stringify([told, await pingRedis(wrong)])).not.toContain('canary')
    await store.close()
  })
})
