import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyState, refusalOf } from '../../src/domain/key-state.ts'
import type { Store } from '../../src/domain/ports.ts'
import { hashToken } from '../../src/domain/service-key.ts'
import { createKeys, type Keys } from '../../src/keys/keys.ts'
import { openPostgres } from '../../src/store/store.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { policy } from './policy.ts'

const actor = 'local:tester'
const clock = { nowMs: Date.parse('2028-02-29T12:00:00Z'), now: () => clock.nowMs }

let server: PostgresServer
let stores: Store[]
let nodes: Keys[]
beforeAll(async () => {
  server = await startPostgres()
  const connectionString = await server.createDatabase()
  stores = [0, 1].map(() => openPostgres({ connectionString, schema: 'postern' }))
  await stores[0]?.migrate()
  nodes = stores.map((store) =>
    createKeys({ store: store.keys, trail: store.trail, clock, policy, prefixes: ['pst'] }),
  )
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await server.stop()
})

function node(index: number): Keys {
  const keys = nodes[index % nodes.length]
  if (keys === undefined) throw new Error('there is no node')
  return keys
}

let count = 0
async function newKey(input: { selfRotate?: true } = {}) {
  const { name } = await node(0).createServiceUser(
    { name: `bot-${(count += 1)}`, owner: 'team@example.com' },
    actor,
  )
  const { key, token } = await node(0).issue({ serviceUser: name, ...input }, actor)
  return { id: key.key.id, token }
}

async function opens(token: string): Promise<boolean> {
  const [found] = (await stores[0]?.lookups.lookup([hashToken(token)]))?.keys ?? []
  return (
    found !== undefined &&
    refusalOf(keyState(found, { disabledAt: found.userDisabledAt }, clock.nowMs)) === null
  )
}

/** What came of requests that were made at once, on both nodes in turn. */
async function atOnce<T>(many: number, ask: (keys: Keys, index: number) => Promise<T>) {
  const settled = await Promise.allSettled(
    Array.from({ length: many }, (_, index) => ask(node(index), index)),
  )
  return {
    done: settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])),
    refused: settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : [])),
  }
}

test('two rotations at once on two nodes make one successor; the other is told of it (R11)', async () => {
  for (let round = 0; round < 20; round++) {
    const { id, token } = await newKey()
    const { done, refused } = await atOnce(2, (keys) => keys.rotate(id, { overlap: '0' }, actor))
    expect(done).toHaveLength(1)
    expect(refused).toMatchObject([{ code: 'already_rotated', successorId: done[0]?.key.key.id }])
    expect(await opens(token)).toBe(false)
    expect(await opens(done[0]?.token ?? '')).toBe(true)
  }
})

test('the same request sent ten times at once to two nodes makes one successor, and shows its secret once', async () => {
  const { id } = await newKey()
  const { done, refused } = await atOnce(10, (keys) => keys.rotate(id, {}, actor, 'same'))
  expect(refused).toEqual([])
  expect(new Set(done.map(({ key }) => key.key.id)).size).toBe(1)
  expect(done.filter(({ token }) => token !== null)).toHaveLength(1)
})

test('a key that asks ten times at once for itself ends with one successor, and one secret that works', async () => {
  const { id } = await newKey({ selfRotate: true })
  const { done, refused } = await atOnce(10, (keys) => keys.selfRotate(id, 'same'))
  expect(refused).toEqual([])
  expect(new Set(done.map(({ key }) => key.key.id)).size).toBe(1)
  const working = await Promise.all(done.map(({ token }) => opens(token)))
  expect(working.filter(Boolean)).toHaveLength(1)
})

test('a key that is revoked while it rotates itself leaves nothing that works (T33)', async () => {
  for (let round = 0; round < 20; round++) {
    const { id, token } = await newKey({ selfRotate: true })
    const { done } = await atOnce(2, async (keys, index): Promise<string | null> => {
      if (index === round % 2) return (await keys.selfRotate(id, 'thief')).token
      await keys.revoke(id, 'stolen', actor)
      return null
    })
    for (const each of [token, ...done]) if (each !== null) expect(await opens(each)).toBe(false)
  }
})

test('a rotation undone by two at once is undone once', async () => {
  const { id, token } = await newKey()
  const { token: successor } = await node(0).rotate(id, {}, actor)
  const { done, refused } = await atOnce(2, (keys) => keys.undoRotation(id, actor))
  expect(done).toHaveLength(1)
  expect(refused).toMatchObject([{ code: 'not_rotated' }])
  expect([await opens(token), await opens(successor ?? '')]).toEqual([true, false])
})

test('undoing a rotation while what came of it is rotated leaves one line alive', async () => {
  for (let round = 0; round < 10; round++) {
    const { id } = await newKey({ selfRotate: true })
    const successor = await node(0).rotate(id, {}, actor)
    const minted = await node(1).selfRotate(successor.key.key.id, '1')
    const settled = await Promise.allSettled([
      node(0).undoRotation(id, actor),
      node(1).rotate(minted.key.key.id, {}, actor),
    ])
    const old = (await node(0).show(id)).key.state
    const newest = settled[1].status === 'fulfilled' ? settled[1].value.key.key.id : minted.key.key.id
    const alive = (await node(0).show(newest)).key.state
    expect([old, alive].toSorted()).toEqual(old === 'active' ? ['active', 'revoked'] : ['active', 'retiring'])
  }
})
