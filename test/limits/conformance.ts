import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { periodAt } from '../../src/domain/calendar.ts'
import type { LimitStore, Quota, Taken } from '../../src/limits/limit-store.ts'

/** Two stores that count together: two nodes on one Redis, or the one of a process twice. */
export interface TwoNodes {
  nodes: readonly [LimitStore, LimitStore]
  close(): Promise<void>
}

const month = periodAt('month', Date.now())
const passed = (all: readonly Taken[]) => all.filter(({ ok }) => ok).length

function quota(most: number, soFar = 0): Quota {
  return { most, period: month, soFar: () => Promise.resolve(soFar) }
}

/** What every store of limits does. */
export function limitStoreConformance(open: () => Promise<TwoNodes>): void {
  let two: TwoNodes
  beforeAll(async () => {
    two = await open()
  })
  afterAll(() => two.close())

  /** 64 callers at once, on both nodes in turns. */
  function at64<T>(ask: (node: LimitStore) => Promise<T>): Promise<T[]> {
    return Promise.all(Array.from({ length: 64 }, (_, at) => ask(two.nodes[at % 2 === 0 ? 0 : 1])))
  }

  describe('of 64 callers at once exactly as many get through as there is room for', () => {
    it('in a window', async () => {
      const name = randomUUID()
      expect(passed(await at64((node) => node.take(name, 1, { most: 10, seconds: 60 })))).toBe(10)
    })

    it('with several points each', async () => {
      const name = randomUUID()
      const taken = await at64((node) => node.take(name, 3, { most: 10, seconds: 60 }))
      // Those that are refused cost nothing in the end, whatever came between.
      expect(passed(taken)).toBeLessThanOrEqual(3)
      const rest = await at64((node) => node.take(name, 1, { most: 10, seconds: 60 }))
      expect(passed(taken) * 3 + passed(rest)).toBe(10)
    })

    it('of a quota, on top of what was used before', async () => {
      const name = randomUUID()
      expect(passed(await at64((node) => node.takeQuota(name, 1, quota(30, 12))))).toBe(18)
    })

    it('among the calls under way', async () => {
      const name = randomUUID()
      const held = await at64((node) => node.hold(name, 1, 7))
      expect(held.filter((each) => each !== null)).toHaveLength(7)
      for (const each of held) each?.free()
      await expect.poll(() => two.nodes[0].hold(name, 7, 7)).not.toBeNull()
      expect(await two.nodes[0].hold(name, 1, 7)).toBeNull()
    })
  })

  it('says when it may be worth asking again', async () => {
    const [node] = two.nodes
    const name = randomUUID()
    await node.take(name, 1, { most: 1, seconds: 60 })
    const refused = await node.take(name, 1, { most: 1, seconds: 60 })
    expect(refused.ok ? 0 : refused.retryAfterMs).toBeGreaterThan(0)
    expect(refused.ok ? 0 : refused.retryAfterMs).toBeLessThanOrEqual(60_000)
    const used = await node.takeQuota(randomUUID(), 2, quota(1))
    expect(used.ok ? 0 : Math.abs(used.retryAfterMs - (month.endsAt - Date.now()))).toBeLessThan(5000)
  })

  it('gives back what was taken, and what was refused never counted', async () => {
    const [node] = two.nodes
    const name = randomUUID()
    const window = { most: 2, seconds: 60 }
    const [first] = [await node.take(name, 1, window), await node.take(name, 1, window)]
    for (let at = 0; at < 20; at++) expect((await node.take(name, 1, window)).ok).toBe(false)
    if (first.ok) first.giveBack()
    expect((await node.take(name, 1, window)).ok).toBe(true)
    expect((await node.take(name, 1, window)).ok).toBe(false)
  })

  it('counts windows of different lengths apart, and a raised limit on what there is', async () => {
    const [node] = two.nodes
    const name = randomUUID()
    await node.take(name, 2, { most: 2, seconds: 60 })
    expect((await node.take(name, 2, { most: 2, seconds: 30 })).ok).toBe(true)
    expect((await node.take(name, 3, { most: 4, seconds: 60 })).ok).toBe(false)
    expect((await node.take(name, 2, { most: 4, seconds: 60 })).ok).toBe(true)
  })

  it('asks only once what was used before, and again where that failed', async () => {
    const [node] = two.nodes
    const name = randomUUID()
    let asked = 0
    const failing: Quota = { ...quota(5), soFar: () => Promise.reject(new Error('away')) }
    await expect(node.takeQuota(name, 1, failing)).rejects.toThrow('away')
    const counting: Quota = { ...quota(5), soFar: () => Promise.resolve((asked += 1) * 4) }
    const taken = await Promise.all(Array.from({ length: 8 }, () => node.takeQuota(name, 1, counting)))
    expect(passed(taken)).toBe(1)
    expect(asked).toBe(1)
  })

  it('begins anew with the next period', async () => {
    const [node] = two.nodes
    const name = randomUUID()
    const next = periodAt('month', month.endsAt)
    await node.takeQuota(name, 1, quota(1))
    expect((await node.takeQuota(name, 1, quota(1))).ok).toBe(false)
    expect((await node.takeQuota(name, 1, { ...quota(1), period: next })).ok).toBe(true)
  })
}
