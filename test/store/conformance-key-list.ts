import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { keyState } from '../../src/domain/key-state.ts'
import { keySorts } from '../../src/domain/key-store.ts'
import type { KeyFilter, KeySort, ListedKey } from '../../src/domain/key-store.ts'
import type { Store } from '../../src/domain/ports.ts'
import type { ServiceKey, ServiceUser } from '../../src/domain/service-key.ts'
import { at, batchOf, call, change, createKey, serviceKey, serviceUser } from './records.ts'

const dayMs = 86_400_000

/** The list of keys as the page asks for it: what every engine passes. */
export function keyListConformance(current: () => Store): void {
  const list = (filter: Partial<KeyFilter>) => current().keys.listKeys({ limit: 100, now: at, ...filter })
  const ids = async (filter: Partial<KeyFilter>) => (await list(filter)).data.map(({ key }) => key.id)

  async function newUser(over: Partial<ServiceUser> = {}): Promise<ServiceUser> {
    const user = serviceUser(over)
    await current().keys.createServiceUser(user)
    return user
  }

  /** The ids, in the order of their making. */
  async function newKeys(user: ServiceUser, ...overs: Partial<ServiceKey>[]): Promise<string[]> {
    const made = overs.map((over, n) => serviceKey(user.id, { id: newId(at + n), ...over }))
    for (const each of made) await createKey(current(), each)
    return made.map(({ key }) => key.id)
  }

  describe('the list of keys', () => {
    test('holds the state of each key at the instant that was asked for, as the domain derives it', async () => {
      const times = [null, at - 2, at - 1, at, at + 1]
      for (const disabledAt of [null, at - 5]) {
        const user = await newUser({ disabledAt })
        await newKeys(
          user,
          ...[at - 1, at, at + 1].flatMap((expiresAt) =>
            times.flatMap((retiresAt) =>
              times.map((revokedAt) => ({
                ...{ expiresAt, retiresAt, revokedAt },
                revokedReason: revokedAt === null ? null : 'because',
              })),
            ),
          ),
        )
        const all = (await list({ serviceUserId: user.id })).data
        expect(all).toHaveLength(75)
        for (const state of ['active', 'retiring', 'retired', 'expired', 'revoked', 'disabled'] as const) {
          const expected = all.filter(({ key }) => keyState(key, user, at) === state)
          expect((await list({ serviceUserId: user.id, states: [state] })).data, state).toEqual(expected)
        }
        const living = all.filter(({ key }) => ['active', 'retiring'].includes(keyState(key, user, at)))
        expect((await list({ serviceUserId: user.id, states: ['active', 'retiring'] })).data).toEqual(living)
        expect(await ids({ serviceUserId: user.id, states: [] })).toEqual([])
      }
    })

    test('can be of the keys that end soon, by expiry or by their overlap, and that live', async () => {
      const user = await newUser()
      const [soon, overlapping] = await newKeys(
        user,
        { expiresAt: at + 9 },
        { expiresAt: at + 99, retiresAt: at + 8 },
        { expiresAt: at + 10 },
        { expiresAt: at - 1 },
        { expiresAt: at + 5, revokedAt: at - 1, revokedReason: 'leaked' },
      )
      expect(await ids({ serviceUserId: user.id, expiringBefore: at + 10 })).toEqual([overlapping, soon])
    })

    test('can be of the keys that are unused since, and older than that', async () => {
      const user = await newUser()
      const [unused, stale] = await newKeys(
        user,
        { createdAt: at - 9 },
        { createdAt: at - 99, lastUsedAt: at - 6 },
        { createdAt: at - 99, lastUsedAt: at - 5 },
        { createdAt: at - 5 },
      )
      expect(await ids({ serviceUserId: user.id, unusedSince: at - 5 })).toEqual([stale, unused])
    })

    test('can be of one owner, or backup owner, or customer, in any case of letters', async () => {
      const owner = `Ada.${newId(at)}@example.com`
      const [owned, backed, other] = [
        await newUser({ owner, customer: `Acme ${owner}` }),
        await newUser({ backupOwner: owner.toUpperCase() }),
        await newUser({ owner: `x${owner}` }),
      ]
      const [a] = await newKeys(owned, {})
      const [b] = await newKeys(backed, {})
      const [c] = await newKeys(other, {})
      for (const filter of [{ owner: owner.toLowerCase() }, { ownedBy: owner.toLowerCase() }])
        expect(new Set(await ids(filter))).toEqual(new Set([a, b]))
      expect(await ids({ owner, ownedBy: `x${owner}` })).toEqual([])
      expect(await ids({ customer: `acme ${owner}` })).toEqual([a])
      expect(await ids({ owner: `x${owner}` })).toEqual([c])
      const users = await current().keys.listServiceUsers({ ownedBy: owner.toLowerCase(), limit: 9 })
      expect(new Set(users.data.map(({ id }) => id))).toEqual(new Set([owned.id, backed.id]))
    })

    test('is searched for what was typed, as it is: no character of it stands for others', async () => {
      const mark = newId(at)
      const user = await newUser({ name: `robot ${mark}`, owner: `o-${mark}@example.com` })
      const [percent, underscore, backslash] = await newKeys(
        user,
        { name: `100% of ${mark}`, start: `pst_${mark.slice(0, 8)}` },
        { name: `a_b ${mark}` },
        { name: `a\\b ${mark}` },
      )
      expect(await ids({ search: `100% OF ${mark}` })).toEqual([percent])
      expect(await ids({ search: `1%of ${mark}` })).toEqual([])
      expect(await ids({ search: `a_b ${mark}` })).toEqual([underscore])
      expect(await ids({ search: `a\\b ${mark}` })).toEqual([backslash])
      expect(await ids({ search: `ROBOT ${mark}` })).toHaveLength(3)
      expect(await ids({ search: `o-${mark}@` })).toHaveLength(3)
      expect(await ids({ serviceUserId: user.id, search: `pst_${mark.slice(0, 8)}` })).toEqual([percent])
      expect(await ids({ serviceUserId: user.id, search: `st_${mark.slice(0, 8)}` })).toEqual([])
      for (const search of ["'; DROP TABLE x; --", '\\', '%', '__proto__', '\0', '🜁'])
        expect(await ids({ serviceUserId: user.id, search: `${search}${mark}` }), search).toEqual([])
    })

    test('can be of the keys that called a tool in the last 30 days', async () => {
      const user = await newUser()
      const [lately, longAgo, other] = await newKeys(user, {}, {}, {})
      const tool = `tool ${newId(at)}`
      await current().trail.append(
        batchOf([
          call({ keyId: lately ?? '', at: at - 29 * dayMs, tool }),
          call({ keyId: longAgo ?? '', at: at - 31 * dayMs, tool }),
          call({ keyId: other ?? '', tool: `${tool} 2` }),
        ]),
      )
      expect(await ids({ tool })).toEqual([lately])
      expect(await ids({ tool: `${tool}%` })).toEqual([])
    })

    test.each<[KeySort, (row: ListedKey) => number | string | null]>([
      ['created', ({ key }) => key.id],
      ['name', ({ key }) => key.name.toLowerCase()],
      ['expires', ({ key }) => Math.min(key.expiresAt, key.retiresAt ?? Infinity)],
      ['last-used', ({ key }) => key.lastUsedAt],
      ['calls', ({ calls30d }) => calls30d],
    ])('sorted by %s comes whole over pages of any size, either way', async (sort, valueOf) => {
      const user = await newUser()
      const made = await newKeys(
        user,
        ...Array.from({ length: 9 }, (_, n) => ({
          name: ['alpha', 'Beta', 'gamma'][n % 3] ?? '',
          expiresAt: at + 1000 + (n % 4),
          retiresAt: n === 7 ? at + 3 : null,
          lastUsedAt: n % 2 === 0 ? null : at - (n % 3),
        })),
      )
      await current().trail.append(
        batchOf(made.flatMap((keyId, n) => (n % 3 === 0 ? [] : [call({ keyId, count: n % 3 })]))),
      )
      const all = (await list({ serviceUserId: user.id })).data
      for (const direction of ['asc', 'desc'] as const) {
        const sign = direction === 'asc' ? 1 : -1
        const expected = all.toSorted((a, b) => {
          const [x, y] = [valueOf(a), valueOf(b)]
          if (x === null || y === null) {
            if (x !== y) return x === null ? 1 : -1
          } else if (x !== y) return x < y ? -sign : sign
          return a.key.id < b.key.id ? -sign : sign
        })
        for (const limit of [1, 2, 4, 9, 10]) {
          const seen: ListedKey[] = []
          let cursor: string | undefined
          do {
            const page = await list({
              ...{ serviceUserId: user.id, sort, direction, limit },
              ...(cursor === undefined ? {} : { cursor }),
            })
            expect(page.data.length).toBeLessThanOrEqual(limit)
            seen.push(...page.data)
            cursor = page.nextCursor ?? undefined
          } while (cursor !== undefined)
          expect(seen.map(({ key }) => key.id)).toEqual(expected.map(({ key }) => key.id))
        }
      }
    })

    test('refuses the cursor of a list in another order, and any that no list has given', async () => {
      const user = await newUser()
      await newKeys(user, {}, {})
      for (const sort of keySorts) {
        const { nextCursor } = await list({ serviceUserId: user.id, sort, limit: 1 })
        const cursor = nextCursor ?? ''
        for (const other of keySorts)
          for (const direction of ['asc', 'desc'] as const)
            if (other !== sort || direction !== 'desc')
              await expect(list({ sort: other, direction, cursor })).rejects.toMatchObject({
                code: 'cursor_invalid',
              })
      }
      const forged = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url')
      for (const cursor of [
        '',
        'x',
        forged(null),
        forged(['name desc', 1, newId(at)]),
        forged(['name desc', 'a', 'b']),
      ])
        await expect(list({ sort: 'name', cursor }), cursor).rejects.toMatchObject({ code: 'cursor_invalid' })
    })

    test('tells what each key did in the 30 days that end today', async () => {
      const user = await newUser()
      const [busy, silent] = await newKeys(user, {}, {})
      const today = Math.floor(at / dayMs) * dayMs
      await current().trail.append(
        batchOf([
          call({ keyId: busy ?? '', at: today - 29 * dayMs }),
          call({ keyId: busy ?? '', at: today - 29 * dayMs - 1 }),
          call({ keyId: busy ?? '', at: today, outcome: 'denied', count: 3 }),
          call({ keyId: busy ?? '', at: today + dayMs }),
        ]),
      )
      const { data } = await list({ serviceUserId: user.id })
      const shown = data.find(({ key }) => key.id === busy)
      expect(shown).toMatchObject({ calls30d: 4, refused30d: 3 })
      expect(shown?.days).toHaveLength(30)
      expect(shown?.days[0]).toEqual({ day: '2026-10-25', calls: 1, refused: 0 })
      expect(shown?.days.at(-1)).toEqual({ day: '2026-11-23', calls: 3, refused: 3 })
      expect(data.find(({ key }) => key.id === silent)).toMatchObject({ calls30d: 0, refused30d: 0 })
    })
  })

  describe('a version', () => {
    test('is the epoch of the newest change to the subject, wherever it is read', async () => {
      const user = await newUser()
      const [id = ''] = await newKeys(user, {})
      const [other = ''] = await newKeys(user, {})
      const read = async () => ({
        found: (await current().keys.findKey(id))?.version,
        listed: (await list({ serviceUserId: user.id })).data.find(({ key }) => key.id === id)?.version,
        situation: await current().keys.changeKeys({ keyId: id }, { at }, ({ version }) => ({
          plan: null,
          result: version,
        })),
      })
      const epochOf = async (subjectId: string) => (await current().keys.history(subjectId))[0]?.epoch
      const first = await epochOf(id)
      expect(await read()).toEqual({ found: first, listed: first, situation: first })
      await current().keys.changeKeys({ keyId: other }, { at }, () => ({
        plan: { changes: [change(other, 'edited')] },
        result: undefined,
      }))
      expect((await read()).found).toBe(first)
      await current().keys.changeKeys({ keyId: id }, { at }, () => ({
        plan: { updateKeys: [{ id, name: 'new' }], changes: [change(id, 'edited')] },
        result: undefined,
      }))
      const second = await epochOf(id)
      expect(second).toBeGreaterThan(first ?? 0)
      expect(await read()).toEqual({ found: second, listed: second, situation: second })
      const ofUser = await epochOf(user.id)
      expect((await current().keys.findServiceUser(user.id))?.version).toBe(ofUser)
    })
  })

  describe('an edit', () => {
    test('changes name and grants of a key, and name, owners and customer of a service user, and no more', async () => {
      const user = await newUser({ customer: 'acme' })
      const [id = ''] = await newKeys(user, {})
      const before = await current().keys.findKey(id)
      await current().keys.changeKeys({ keyId: id }, { at }, () => ({
        plan: {
          updateKeys: [{ id, name: 'new name', grants: { selfRotate: true } }],
          updateUser: { name: `new ${user.name}`, owner: null },
          changes: [change(id, 'edited')],
        },
        result: undefined,
      }))
      const after = await current().keys.findKey(id)
      expect(after?.key).toEqual({ ...before?.key, name: 'new name', grants: { selfRotate: true } })
      expect(after?.user).toEqual({ ...user, name: `new ${user.name}`, owner: null })
    })

    test('to a name that another service user has is refused, and changes nothing', async () => {
      const [user, other] = [await newUser(), await newUser()]
      const rename = current().keys.changeKeys({ serviceUserId: user.id }, { at }, () => ({
        plan: {
          updateUser: { name: other.name },
          changes: [change(user.id, 'edited', { subjectKind: 'service-user' })],
        },
        result: undefined,
      }))
      await expect(rename).rejects.toMatchObject({ code: 'name_taken' })
      expect(await current().keys.findServiceUser(user.id)).toMatchObject(user)
      expect(await current().keys.history(user.id)).toHaveLength(1)
    })
  })
}
