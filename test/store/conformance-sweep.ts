import { beforeEach, describe, expect, test } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import type { SweepFinding } from '../../src/domain/notice-store.ts'
import { at, change, createKey, createUserWithKey, drain, finding, notice, schedule } from './records.ts'
import { serviceKey } from './records.ts'

/** The sweep over keys whose time has come: what every engine passes. */
export function sweepConformance(current: () => Store): void {
  const dueAt = async (instant: number) => {
    const ids: string[] = []
    await current().notices.sweep(instant, 1000, (due) => {
      ids.push(...due.map(({ key }) => key.id))
      // Looked at only: what is found leaves each of them due.
      return due.map(({ key }) => finding(key.id, { nextDueAt: at }))
    })
    return ids
  }

  describe('a sweep', () => {
    beforeEach(() => drain(current()))

    test('sees the keys that are due, each with its service user and whether it was rotated', async () => {
      const { user, key } = await createUserWithKey(current(), { retiresAt: at + 5 })
      const successor = serviceKey(user.id, { predecessorId: key.id })
      await createKey(current(), successor)
      const later = await createUserWithKey(current())
      await schedule(current(), key, at)
      await schedule(current(), successor.key, at)
      await schedule(current(), later.key, at + 1)
      const seen: unknown[] = []
      const count = await current().notices.sweep(at, 10, (due) => {
        seen.push(...due.toSorted((a, b) => Number(b.hasSuccessor) - Number(a.hasSuccessor)))
        return due.map((each) => finding(each.key.id))
      })
      expect(count).toBe(2)
      expect(seen).toEqual([
        { key, user, hasSuccessor: true },
        { key: successor.key, user, hasSuccessor: false },
      ])
    })

    test('asks for nothing where nothing is due', async () => {
      const judge = (): SweepFinding[] => {
        throw new Error('not to be asked')
      }
      expect(await current().notices.sweep(at, 10, judge)).toBe(0)
    })

    test('takes as many as were asked for, the longest due first', async () => {
      const keys = [3, 1, 2].map((n) => ({ n, made: createUserWithKey(current()) }))
      const ids = new Map<number, string>()
      for (const { n, made } of keys) {
        const { key } = await made
        ids.set(n, key.id)
        await schedule(current(), key, at + n)
      }
      const seen: string[] = []
      const judge = (due: readonly { key: { id: string } }[]) => {
        seen.push(...due.map(({ key }) => key.id))
        return due.map(({ key }) => finding(key.id))
      }
      expect(await current().notices.sweep(at + 9, 2, judge)).toBe(2)
      expect(new Set(seen)).toEqual(new Set([ids.get(1), ids.get(2)]))
      expect(await current().notices.sweep(at + 9, 2, judge)).toBe(1)
      expect(seen[2]).toBe(ids.get(3))
    })

    test('comes back when it said, or never', async () => {
      const [again, never] = [await createUserWithKey(current()), await createUserWithKey(current())]
      for (const { key } of [again, never]) await schedule(current(), key, at)
      await current().notices.sweep(at, 10, () => [
        finding(again.key.id, { nextDueAt: at + 50 }),
        finding(never.key.id),
      ])
      expect(await dueAt(at + 49)).toEqual([])
      expect(await dueAt(at + 50)).toEqual([again.key.id])
    })

    test('writes the notices that it found, once for an occasion', async () => {
      const { user, key } = await createUserWithKey(current())
      const told = notice(key, user)
      for (const notices of [
        [told],
        [notice(key, user, { occasion: told.occasion }), notice(key, user, { createdAt: at + 1 })],
      ]) {
        await schedule(current(), key, at)
        await current().notices.sweep(at, 10, () => [finding(key.id, { notices })])
      }
      const { data } = await current().notices.list({ keyId: key.id, limit: 9 })
      expect(data).toHaveLength(2)
      expect(data[1]?.notice).toEqual(told)
    })

    test('records a retirement with its reason, under an epoch, by the program itself', async () => {
      const { user, key, digest } = await createUserWithKey(current(), { retiresAt: at + 5 })
      await schedule(current(), key, at + 5)
      const { epoch } = await current().lookups.poll(0)
      const retire = { at: at + 5, reason: 'the overlap ended' }
      await current().notices.sweep(at + 9, 10, () => [finding(key.id, { retire })])
      const retired = { ...key, revokedAt: at + 5, revokedReason: 'the overlap ended' }
      expect(await current().keys.findKey(key.id)).toEqual({
        key: retired,
        user,
        version: expect.any(Number),
      })
      expect((await current().keys.history(key.id))[0]).toEqual({
        ...change(key.id, 'retired', { actor: 'postern', reason: 'the overlap ended', at: at + 9 }),
        epoch: epoch + 1,
      })
      expect((await current().lookups.lookup([digest])).keys).toMatchObject([{ revokedAt: at + 5 }])
      expect((await current().lookups.poll(epoch)).epoch).toBe(epoch + 1)
    })

    test.each([
      ['has not reached its end', { retiresAt: at + 10 }],
      ['is not retiring', {}],
      ['is revoked', { retiresAt: at, revokedAt: at - 1, revokedReason: 'leaked' }],
    ])('retires no key that %s, whatever it is told', async (_, over) => {
      const { user, key } = await createUserWithKey(current(), over)
      await schedule(current(), key, at)
      const before = await current().lookups.poll(0)
      const told = notice(key, user)
      const wrong = finding(key.id, { retire: { at, reason: 'the overlap ended' }, notices: [told] })
      await current().notices.sweep(at + 9, 10, () => [wrong])
      expect((await current().keys.findKey(key.id))?.key).toEqual(key)
      expect((await current().notices.list({ keyId: key.id, limit: 9 })).data).toHaveLength(1)
      expect(await current().lookups.poll(0)).toEqual(before)
    })

    test('whose judge throws has done nothing', async () => {
      const { key } = await createUserWithKey(current())
      await schedule(current(), key, at)
      const refused = new Error('no')
      const swept = current().notices.sweep(at, 10, () => {
        throw refused
      })
      await expect(swept).rejects.toBe(refused)
      expect(await dueAt(at)).toEqual([key.id])
    })
  })
}
