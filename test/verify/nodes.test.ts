import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SeenNode } from '../../src/domain/node-store.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { leaseMs } from '../../src/verify/lease.ts'
import { createNodes, type Acknowledgement } from '../../src/verify/nodes.ts'
import { createFakeClock } from './fake-clock.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)),
}))

function node(id: string, over: Partial<SeenNode> = {}): SeenNode {
  return {
    ...{ id, boot: id, host: `host-${id}`, version: '1', appliedEpoch: 10, leaseAgeMs: 5, clockOffsetMs: 0 },
    ...{ refusing: null, seenMsAgo: 100 },
    ...over,
  }
}

/** Waits over nodes that the test changes as time passes; answers what came and when. */
async function waited(
  nodes: SeenNode[],
  world: { epoch?: number; isAway?: boolean; at?: (ms: number) => void } = {},
): Promise<Acknowledgement> {
  const clock = createFakeClock()
  const room = createNodes({
    store: {
      list: async () => {
        if (world.isAway) throw new StoreUnavailable('away')
        return { epoch: world.epoch ?? 10, nodes }
      },
    } as Parameters<typeof createNodes>[0]['store'],
    clock,
  })
  let over = false
  const waiting = room.untilAcknowledged().finally(() => {
    over = true
  })
  for (let ms = 0; ms < 3_000 && !over; ms += 5) {
    await vi.advanceTimersByTimeAsync(5)
    clock.advance(5)
    world.at?.(ms + 5)
  }
  return waiting
}

describe('waiting until a change is known everywhere', () => {
  it('is over at once where every node has applied it, or none serves', async () => {
    expect(await waited([node('a'), node('b', { appliedEpoch: 11 })])).toMatchObject({
      epoch: 10,
      tookMs: 0,
      nodes: [{ standing: 'acknowledged' }, { standing: 'acknowledged' }],
    })
    expect(await waited([])).toEqual({ epoch: 10, tookMs: 0, nodes: [] })
  })

  it('is over when the last of them has', async () => {
    const late = node('b', { appliedEpoch: 9 })
    const { tookMs, nodes } = await waited([node('a'), late], {
      at: (ms) => {
        if (ms >= 300) late.appliedEpoch = 10
      },
    })
    expect(tookMs).toBeGreaterThanOrEqual(300)
    expect(tookMs).toBeLessThan(leaseMs)
    expect(nodes.map(({ standing }) => standing)).toEqual(['acknowledged', 'acknowledged'])
  })

  it.each([
    ['says nothing', node('b', { appliedEpoch: 9 }), 'lease-ended'],
    [
      'was not seen for long: it may be one that only can’t write its row',
      node('b', { appliedEpoch: 9, seenMsAgo: 59_000 }),
      'lease-ended',
    ],
    ['has applied nothing yet', node('b', { appliedEpoch: -1 }), 'lease-ended'],
    [
      'refuses, and may just have gone on',
      node('b', { appliedEpoch: 90, refusing: 'epoch_went_back' }),
      'refusing',
    ],
  ] as const)(
    'is not over before every lease has run out, where a node %s',
    async (_name, silent, standing) => {
      const { tookMs, nodes } = await waited([node('a'), silent])
      expect(tookMs).toBeGreaterThanOrEqual(leaseMs)
      expect(tookMs).toBeLessThanOrEqual(1000)
      expect(nodes.map((each) => each.standing)).toEqual(['acknowledged', standing])
    },
  )

  it('waits for the epoch of its beginning, however many changes come after', async () => {
    const world = { epoch: 10, at: () => void world.epoch++ }
    expect(await waited([node('a')], world)).toMatchObject({ epoch: 10, tookMs: 0 })
  })

  it('goes by time alone where the database tells nothing: the change is committed', async () => {
    const { epoch, tookMs, nodes } = await waited([node('a')], { isAway: true })
    expect([epoch, nodes]).toEqual([null, []])
    expect(tookMs).toBeGreaterThanOrEqual(leaseMs)
  })
})
