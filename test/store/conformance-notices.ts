import { beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Notice } from '../../src/domain/notice.ts'
import type { Store } from '../../src/domain/ports.ts'
import type { Delivery } from '../../src/domain/notice-store.ts'
import { at, createUserWithKey, drain, notice } from './records.ts'

/** The outbox of notices: what every engine passes. */
export function noticeConformance(current: () => Store): void {
  const email = (recipient: string) => ({ id: newId(at), channel: 'email' as const, recipient })
  const shown = async (id: string) => {
    const { data } = await current().notices.list({ limit: 1000 })
    return data.find((each) => each.notice.id === id)
  }
  /** A notice with one delivery that is due. */
  async function due(over: Partial<Notice> = {}) {
    const { user, key } = await createUserWithKey(current())
    const told = notice(key, user, over)
    await current().notices.add(told)
    await current().notices.route(at, 100, () => [email('team@example.com')])
    return told
  }
  const waiting = { failure: 'timed out', state: 'waiting', dueAt: at + 500 } as const
  const delivered = { failure: null, state: 'delivered', dueAt: at } as const

  describe('notices', () => {
    beforeEach(() => drain(current()))

    test('come back as they were written, with text that breaks things', async () => {
      const { user, key } = await createUserWithKey(current())
      const told = notice(key, user)
      const broken = notice(key, user)
      if (broken.facts === null) throw new Error('no facts')
      broken.facts.reason = 'nul \0, half \ud800, \\u0000'
      const sent = {
        ...notice(key, user),
        kind: 'test',
        keyId: null,
        serviceUserId: null,
        facts: null,
      } as const
      for (const each of [told, broken, sent]) await current().notices.add(each)
      expect((await shown(told.id))?.notice).toEqual(told)
      expect((await shown(sent.id))?.notice).toEqual(sent)
      expect((await shown(broken.id))?.notice.facts?.reason).toBe('nul \ufffd, half \ufffd, \\u0000')
    })

    test('are written once for an occasion', async () => {
      const { user, key } = await createUserWithKey(current())
      const first = notice(key, user)
      const second = notice(key, user, { occasion: first.occasion })
      await current().notices.add(first)
      await current().notices.add(second)
      expect(await shown(first.id)).toBeDefined()
      expect(await shown(second.id)).toBeUndefined()
    })

    test('are listed newest first, of one key, of one service user or the unacknowledged, a page at a time', async () => {
      const { user, key } = await createUserWithKey(current())
      const told = [1, 2, 3].map((n) => notice(key, user, { createdAt: at + n }))
      for (const each of told) await current().notices.add(each)
      const newestFirst = told.map(({ id }) => id).toReversed()
      const ids = async (filter: Parameters<Store['notices']['list']>[0]) =>
        (await current().notices.list(filter)).data.map((each) => each.notice.id)
      const first = await current().notices.list({ keyId: key.id, limit: 2 })
      expect(first.data.map((each) => each.notice.id)).toEqual(newestFirst.slice(0, 2))
      const next = { serviceUserId: user.id, limit: 2, cursor: first.nextCursor ?? '' }
      expect(await ids(next)).toEqual(newestFirst.slice(2))
      await current().notices.acknowledge(newestFirst[1] ?? '', 'admin:bo', at)
      expect(await ids({ keyId: key.id, unacknowledged: true, limit: 9 })).toEqual(
        newestFirst.toSpliced(1, 1),
      )
      expect(await ids({ ownedBy: user.owner?.toUpperCase() ?? '', keyId: key.id, limit: 9 })).toEqual(
        newestFirst,
      )
      expect(await ids({ ownedBy: 'nobody@example.com', keyId: key.id, limit: 9 })).toEqual([])
      expect(await ids({ keyId: newId(at), limit: 9 })).toEqual([])
      expect(await ids({ keyId: 'no-id', limit: 9 })).toEqual([])
      await expect(ids({ limit: 9, cursor: 'x' })).rejects.toMatchObject({ code: 'cursor_invalid' })
    })

    test('are acknowledged once, and keep by whom', async () => {
      const told = await due()
      const acknowledged = { ...told, acknowledgedAt: at + 5, acknowledgedBy: 'admin:bo' }
      expect((await current().notices.acknowledge(told.id, 'admin:bo', at + 5))?.notice).toEqual(acknowledged)
      const again = await current().notices.acknowledge(told.id, 'admin:cy', at + 6)
      expect(again).toEqual(await shown(told.id))
      expect(again?.notice).toEqual(acknowledged)
      for (const id of [newId(at), 'no-id'])
        expect(await current().notices.acknowledge(id, 'admin:bo', at)).toBeNull()
    })

    test('are routed once, to nobody too, and as many as were asked for', async () => {
      const { user, key } = await createUserWithKey(current())
      const told = [1, 2, 3].map((n) => notice(key, user, { createdAt: at + n }))
      for (const each of told) await current().notices.add(each)
      const seen: Notice[] = []
      const route = (each: Notice) => {
        seen.push(each)
        if (each.id === told[2]?.id) return []
        return [email('one@example.com'), { id: newId(at), channel: 'slack' as const, recipient: 'team' }]
      }
      expect(await current().notices.route(at + 9, 2, route)).toBe(2)
      expect(await current().notices.route(at + 9, 2, route)).toBe(1)
      expect(await current().notices.route(at + 9, 2, route)).toBe(0)
      expect(seen).toEqual(told)
      const first = told[0]
      expect((await shown(first?.id ?? ''))?.deliveries).toMatchObject([
        { channel: 'email', recipient: 'one@example.com', state: 'waiting', attempts: 0, dueAt: at + 9 },
        { channel: 'slack', recipient: 'team', noticeId: first?.id, settledAt: null, lastFailure: null },
      ])
      expect((await shown(told[2]?.id ?? ''))?.deliveries).toEqual([])
    })

    test('are escalated where an earlier one of their kind, or one that asked for something, was never acknowledged', async () => {
      const { user, key } = await createUserWithKey(current())
      const other = await createUserWithKey(current())
      const kind = 'key-expiring'
      const earlier = notice(key, user, { kind })
      const rows: [string, boolean, Notice][] = [
        ['the first', false, earlier],
        ['of another kind', true, notice(key, user, { createdAt: at + 1 })],
        ['of another kind about another key', false, notice(other.key, other.user, { createdAt: at + 1 })],
        ['of another key', false, notice(other.key, other.user, { kind, createdAt: at + 1 })],
        ['the second', true, notice(key, user, { kind, createdAt: at + 2 })],
        ['about no key', false, notice(key, user, { kind: 'test', keyId: null, createdAt: at + 3 })],
        ['about no key again', false, notice(key, user, { kind: 'test', keyId: null, createdAt: at + 4 })],
      ]
      for (const [, , each] of rows) await current().notices.add(each)
      const escalated = new Map<string, boolean>()
      const route = (each: Notice, is: boolean) => {
        escalated.set(each.id, is)
        return []
      }
      await current().notices.route(at, 100, route)
      for (const [name, expected, each] of rows) expect(escalated.get(each.id), name).toBe(expected)
      await current().notices.acknowledge(earlier.id, 'admin:bo', at)
      const third = notice(key, user, { kind, createdAt: at + 5 })
      await current().notices.acknowledge(rows[1]?.[2].id ?? '', 'admin:bo', at)
      await current().notices.acknowledge(rows[4]?.[2].id ?? '', 'admin:bo', at)
      await current().notices.add(third)
      await current().notices.route(at, 100, route)
      expect(escalated.get(third.id)).toBe(false)
    })

    test('whose routing fails are routed again', async () => {
      const { user, key } = await createUserWithKey(current())
      await current().notices.add(notice(key, user))
      const failed = current().notices.route(at, 9, () => {
        throw new Error('no')
      })
      await expect(failed).rejects.toThrow('no')
      expect(await current().notices.route(at, 9, () => [])).toBe(1)
    })
  })

  describe('deliveries', () => {
    beforeEach(() => drain(current()))

    test('are claimed when they are due, each with its notice, and not again before that lapses', async () => {
      const told = await due()
      expect(await current().notices.claim(at - 1, at + 99, 9)).toEqual([])
      const [claimed, ...rest] = await current().notices.claim(at, at + 100, 9)
      expect(rest).toEqual([])
      expect(claimed?.notice).toEqual(told)
      expect(claimed?.delivery).toMatchObject({ attempts: 1, dueAt: at + 100, state: 'waiting' })
      expect(await current().notices.claim(at + 99, at + 200, 9)).toEqual([])
    })

    test('are claimed as many at a time as were asked for, the longest due first', async () => {
      const first = await due()
      const { user, key } = await createUserWithKey(current())
      for (const createdAt of [at, at]) await current().notices.add(notice(key, user, { createdAt }))
      await current().notices.route(at + 1, 9, () => [email('team@example.com')])
      const claimed = await current().notices.claim(at + 1, at + 100, 2)
      expect(claimed).toHaveLength(2)
      expect(claimed.map((each) => each.notice.id)).toContain(first.id)
      expect(await current().notices.claim(at + 1, at + 100, 9)).toHaveLength(1)
    })

    test('that succeeded are over; that failed are due again and say why; that are dead stay so', async () => {
      const told = await due()
      const one = async (): Promise<Delivery | undefined> => (await shown(told.id))?.deliveries[0]
      const [first] = await current().notices.claim(at, at + 100, 9)
      if (first === undefined) throw new Error('nothing was claimed')
      await current().notices.settle(first.delivery, { ...waiting, at: at + 5 })
      expect(await one()).toEqual({ ...first.delivery, dueAt: at + 500, lastFailure: 'timed out' })

      const [second] = await current().notices.claim(at + 500, at + 600, 9)
      expect(second?.delivery).toMatchObject({
        id: first.delivery.id,
        attempts: 2,
        lastFailure: 'timed out',
      })
      if (second === undefined) throw new Error('nothing was claimed')
      await current().notices.settle(second.delivery, { ...delivered, at: at + 505 })
      const over = { state: 'delivered', settledAt: at + 505, lastFailure: null, attempts: 2 }
      expect(await one()).toMatchObject(over)
      // A second word about the same attempt changes nothing.
      await current().notices.settle(second.delivery, { ...waiting, at: at + 506 })
      expect(await one()).toMatchObject(over)
      expect(await current().notices.claim(at + 9_999, at + 99_999, 9)).toEqual([])

      const lost = await due()
      const [last] = await current().notices.claim(at, at + 100, 9)
      if (last === undefined) throw new Error('nothing was claimed')
      const end = { at: at + 5, failure: '550', state: 'dead', dueAt: at } as const
      await current().notices.settle(last.delivery, end)
      expect((await shown(lost.id))?.deliveries).toMatchObject([
        { state: 'dead', settledAt: at + 5, lastFailure: '550' },
      ])
      expect(await current().notices.claim(at + 9_999, at + 99_999, 9)).toEqual([])
    })

    test('whose claim lapsed are claimed again under the same id, and the late word of the first changes nothing', async () => {
      const told = await due()
      const [first] = await current().notices.claim(at, at + 100, 9)
      const [second] = await current().notices.claim(at + 100, at + 200, 9)
      if (first === undefined || second === undefined) throw new Error('nothing was claimed')
      expect(second.delivery).toMatchObject({ id: first.delivery.id, attempts: 2 })
      const before = await shown(told.id)
      for (const end of [waiting, delivered])
        await current().notices.settle(first.delivery, { ...end, at: at + 150 })
      expect(await shown(told.id)).toEqual(before)
      await current().notices.settle(second.delivery, { ...delivered, at: at + 160 })
      expect((await shown(told.id))?.deliveries).toMatchObject([{ state: 'delivered', settledAt: at + 160 }])
    })
  })
}
