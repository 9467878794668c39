import { beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import type { KeySituation } from '../../src/domain/key-store.ts'
import { useNodes } from './nodes.ts'
import { at, batchOf, call, change, createUserWithKey, finding, notice, schedule } from './records.ts'

const nodes = useNodes()
const { holdCounter, waiting } = nodes
let a: Store
let b: Store
beforeEach(() => {
  ;({ a, b } = nodes)
})

const overlapEnded = (keyId: string) => finding(keyId, { retire: { at, reason: 'the overlap ended' } })

describe('sweeps on several nodes at once', () => {
  /** Keys of one service user each, all due, with an overlap that is over. */
  async function dueKeys(count: number): Promise<string[]> {
    const ids: string[] = []
    for (let n = 0; n < count; n++) {
      const { key } = await createUserWithKey(a, { retiresAt: at })
      await schedule(a, key, at)
      ids.push(key.id)
    }
    return ids
  }

  test('share the keys that are due, and write each notice and retirement once', async () => {
    const ids = await dueKeys(60)
    const { epoch } = await a.lookups.poll(0)
    const judged: string[] = []
    const sweep = async (store: Store): Promise<number> => {
      let total = 0
      for (;;) {
        const count = await store.notices.sweep(at, 7, (due) => {
          judged.push(...due.map(({ key }) => key.id))
          return due.map(({ key, user }) => ({
            ...overlapEnded(key.id),
            notices: [notice(key, user, { kind: 'overlap-ended', occasion: `overlap-ended:${key.id}` })],
          }))
        })
        if (count === 0) return total
        total += count
      }
    }
    const totals = await Promise.all([a, b, a, b].map(sweep))
    expect(totals.reduce((sum, total) => sum + total, 0)).toBe(60)
    expect(judged.toSorted()).toEqual(ids.toSorted())
    const { data } = await a.notices.list({ limit: 1000 })
    expect(data.map((each) => each.notice.keyId ?? '').toSorted()).toEqual(ids.toSorted())
    const { changes } = await a.lookups.poll(epoch)
    expect(changes.map(({ epoch: number }) => number)).toEqual(ids.map((_, n) => epoch + 1 + n))
    expect(changes.map(({ subjectId }) => subjectId).toSorted()).toEqual(ids.toSorted())
  })

  test('that are stopped in the middle hold up neither lookups nor last uses, and lock no key', async () => {
    const { key, digest } = await createUserWithKey(a, { retiresAt: at })
    await schedule(a, key, at)
    const resume = await holdCounter()
    const swept = a.notices.sweep(at, 10, () => [overlapEnded(key.id)])
    await waiting(1)
    expect((await b.lookups.lookup([digest])).keys).toMatchObject([{ revokedAt: null }])
    await b.trail.append(batchOf([call({ keyId: key.id })], [], [[key.id, at + 1]]))
    expect((await b.keys.findKey(key.id))?.key.lastUsedAt).toBe(at + 1)
    const modes = await nodes.database.query<{ mode: string }>(
      `SELECT DISTINCT l.mode FROM pg_locks l JOIN pg_stat_activity s USING (pid)
       WHERE l.relation IN ('postern.service_api_keys'::regclass, 'postern.service_users'::regclass)
         AND s.wait_event_type = 'Lock'`,
    )
    expect(modes).toEqual([{ mode: 'AccessShareLock' }])
    await resume()
    expect(await swept).toBe(1)
    expect((await b.lookups.lookup([digest])).keys).toMatchObject([{ revokedAt: at }])
  })

  test('leave a key alone while it is changed, and a moved date is kept', async () => {
    const [id = ''] = await dueKeys(1)
    const resume = await holdCounter()
    const extended = a.keys.changeKeys({ keyId: id }, { at }, () => ({
      plan: {
        updateKeys: [{ id, retiresAt: at + 99 }],
        schedule: new Map([[id, at + 99]]),
        changes: [change(id, 'overlap-changed')],
      },
      result: undefined,
    }))
    await waiting(1)
    const judge = (due: readonly { key: { id: string } }[]) => due.map(({ key }) => overlapEnded(key.id))
    expect(await b.notices.sweep(at, 10, judge)).toBe(0)
    await resume()
    await extended
    expect(await b.notices.sweep(at + 98, 10, judge)).toBe(0)
    expect((await b.keys.findKey(id))?.key).toMatchObject({ retiresAt: at + 99, revokedAt: null })
    expect(await b.notices.sweep(at + 99, 10, judge)).toBe(1)
  })

  test('are waited for by a change to one of their keys, which then decides on what they wrote', async () => {
    const [id = ''] = await dueKeys(1)
    const resume = await holdCounter()
    const swept = b.notices.sweep(at, 10, () => [overlapEnded(id)])
    await waiting(1)
    const seen: KeySituation[] = []
    const undone = a.keys.changeKeys({ keyId: id }, { at }, (situation) => {
      seen.push(situation)
      return { plan: null, result: situation.key?.revokedAt }
    })
    await waiting(2)
    expect(seen).toEqual([])
    await resume()
    expect(await swept).toBe(1)
    expect(await undone).toBe(at)
  })
})

describe('deliveries on several nodes at once', () => {
  test('are claimed by one, and a notice is routed by one', async () => {
    const { user, key } = await createUserWithKey(a)
    const told = Array.from({ length: 40 }, () => notice(key, user))
    for (const each of told) await a.notices.add(each)
    const recipients = ['one@example.com', 'two@example.com']
    const route = async (store: Store): Promise<void> => {
      while (
        (await store.notices.route(at, 3, () =>
          recipients.map((recipient) => ({ id: newId(at), channel: 'email', recipient })),
        )) > 0
      );
    }
    await Promise.all([a, b, a, b].map(route))
    const claimed: string[] = []
    const claim = async (store: Store): Promise<void> => {
      for (;;) {
        const some = await store.notices.claim(at, at + 100, 5)
        if (some.length === 0) return
        expect(some.every(({ delivery }) => delivery.attempts === 1)).toBe(true)
        claimed.push(...some.map(({ delivery }) => delivery.id))
      }
    }
    await Promise.all([a, b, a, b].map(claim))
    expect(claimed).toHaveLength(80)
    expect(new Set(claimed).size).toBe(80)
  })
})
