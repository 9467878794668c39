import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import { useNodes } from './nodes.ts'
import { at, batchOf, call, change, createKey, createUserWithKey, notice } from './records.ts'
import { revokeKey, schedule, serviceKey } from './records.ts'

const nodes = useNodes()
const { holdCounter, waiting } = nodes
let a: Store
let b: Store
beforeEach(() => {
  ;({ a, b } = nodes)
})

describe('changes on several nodes at once', () => {
  test('to one service user stand in a row: each decides on what the one before it wrote (R11)', async () => {
    const { user, key } = await createUserWithKey(a)
    const decided: (string | null)[] = []
    const rotate = (store: Store): Promise<string> =>
      store.keys.changeKeys({ keyId: key.id }, { at }, ({ successor }) => {
        decided.push(successor?.id ?? null)
        if (successor !== null) return { plan: null, result: successor.id }
        const made = serviceKey(user.id, { predecessorId: key.id })
        return {
          plan: {
            insertKeys: [made],
            updateKeys: [{ id: key.id, retiresAt: at + 7 }],
            changes: [change(key.id, 'rotated'), change(made.key.id, 'created')],
          },
          result: made.key.id,
        }
      })
    const results = await Promise.all([a, b, a, b, a, b].map(rotate))
    expect(new Set(results).size).toBe(1)
    expect(decided.filter((id) => id === null)).toHaveLength(1)
    expect((await a.keys.findSuccessor(key.id))?.key.id).toBe(results[0])
    expect((await a.keys.listKeys({ now: at, serviceUserId: user.id, limit: 9 })).data).toHaveLength(2)
  })

  test('with one idempotency key do it once, even for two service users', async () => {
    const users = [await createUserWithKey(a), await createUserWithKey(b)]
    const idempotencyKey = { actor: 'admin:ada', key: 'once' }
    const request = randomBytes(32)
    const resume = await holdCounter()
    const issued = [a, b].map((store, n) => {
      const user = users[n]?.user
      if (user === undefined) throw new Error('no user')
      const asked = { at, idempotencyKey }
      return store.keys.changeKeys({ serviceUserId: user.id }, asked, ({ remembered }) => {
        if (remembered !== null) return { plan: null, result: remembered.subjectId }
        const made = serviceKey(user.id)
        const remember = { ...idempotencyKey, request, subjectId: made.key.id, at }
        const changes = [change(made.key.id, 'created')]
        return { plan: { insertKeys: [made], changes, remember }, result: made.key.id }
      })
    })
    await waiting(2)
    await resume()
    const [first, second] = await Promise.all(issued)
    expect(first).toBe(second)
    expect((await a.keys.listKeys({ now: at, limit: 9 })).data).toHaveLength(3)
  })

  test('give no new secret to a key that was used while they were decided', async () => {
    const { key, digest } = await createUserWithKey(a)
    const resume = await holdCounter()
    const seen: (number | null | undefined)[] = []
    const reissued = a.keys.changeKeys({ keyId: key.id }, { at }, (situation) => {
      seen.push(situation.key?.lastUsedAt)
      if (situation.key?.lastUsedAt !== null) return { plan: null, result: false }
      const secret = { digest: randomBytes(32), start: 'pst_new1' }
      const changes = [change(key.id, 'secret-reissued')]
      return { plan: { updateKeys: [{ id: key.id, secret }], changes }, result: true }
    })
    await waiting(1)
    await b.trail.append(batchOf([], [], [[key.id, at + 1]]))
    await resume()
    expect(await reissued).toBe(false)
    expect(seen).toEqual([null, at + 1])
    expect((await a.lookups.lookup([digest])).keys).toHaveLength(1)
    expect(await a.keys.history(key.id)).toHaveLength(1)
  })

  test('hold up neither lookups nor last uses while they are stopped in the middle', async () => {
    const { key, digest } = await createUserWithKey(a)
    await schedule(a, key, at)
    const resume = await holdCounter()
    const revoked = revokeKey(a, key.id, { at, actor: 'admin:bo', reason: 'leaked' })
    await waiting(1)
    expect((await b.lookups.lookup([digest])).keys).toMatchObject([{ revokedAt: null }])
    await b.trail.append(batchOf([call({ keyId: key.id })], [], [[key.id, at + 1]]))
    expect((await b.keys.findKey(key.id))?.key.lastUsedAt).toBe(at + 1)
    await resume()
    expect(await revoked).toBe(true)
  })
})

test('changes, sweeps, last uses and deliveries in any order wait for each other and never deadlock', async () => {
  const made = await Promise.all(Array.from({ length: 6 }, () => createUserWithKey(a)))
  const others: string[] = []
  for (const { user } of made) {
    for (let n = 0; n < 3; n++) {
      const other = serviceKey(user.id)
      await createKey(a, other)
      others.push(other.key.id)
    }
  }
  const ids = [...made.map(({ key }) => key.id), ...others]
  const rounds = 30
  const lane = (work: (store: Store, round: number) => Promise<unknown>) =>
    [a, b].map(async (store) => {
      for (let round = 0; round < rounds; round++) await work(store, round)
    })
  const any = <T>(items: readonly T[]): T[] => items.toSorted(() => Math.random() - 0.5)
  await Promise.all([
    ...lane((store, round) => {
      const [keyId = ''] = any(ids)
      return store.keys.changeKeys({ keyId }, { at }, ({ user, key }) => {
        return {
          plan: {
            updateKeys: [{ id: keyId, retiresAt: at + round }],
            schedule: new Map([[keyId, at]]),
            changes: [change(keyId, 'overlap-changed')],
            notices: key === null ? [] : [notice(key, user, { occasion: `${keyId}:${round}` })],
          },
          result: undefined,
        }
      })
    }),
    ...lane((store, round) =>
      store.notices.sweep(at + rounds, 5, (due) =>
        any(due).map(({ key, user }) => ({
          keyId: key.id,
          notices: [notice(key, user, { occasion: `${key.id}:${round}` })],
          retire: { at, reason: 'the overlap ended' },
          nextDueAt: at,
        })),
      ),
    ),
    ...lane((store, round) =>
      store.trail.append(
        batchOf(
          [call()],
          [],
          any(ids).map((id) => [id, at + round]),
        ),
      ),
    ),
    ...lane(async (store) => {
      const recipient = 'team@example.com'
      await store.notices.route(at, 9, () => [{ id: newId(at), channel: 'email', recipient }])
      for (const { delivery } of await store.notices.claim(at, at, 9))
        await store.notices.settle(delivery, { at, failure: null, state: 'delivered', dueAt: at })
    }),
  ])
  // A session counts its deadlocks at the latest when it ends.
  await Promise.all([a.close(), b.close()])
  const counted = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'
  expect(await nodes.database.query(counted)).toEqual([{ deadlocks: 0 }])
})
