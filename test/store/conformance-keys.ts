import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import {
  at,
  createKey,
  createUserWithKey,
  ofNewerVersion,
  revokeKey,
  serviceKey,
  serviceUser,
} from './records.ts'

/** Service users, keys and lookups: what every engine passes. */
export function keyConformance(current: () => Store): void {
  test('a database that is up to date is left as it is', async () => {
    expect(await current().migrate()).toEqual([])
    await current().checkSchema()
  })

  describe('service users', () => {
    test('a service user comes back as it was stored, by id and by name', async () => {
      const user = serviceUser({
        customer: 'acme',
        owner: null,
        backupOwner: 'bo@example.com',
        disabledAt: at + 1,
      })
      await current().keys.createServiceUser(user)
      expect(await current().keys.findServiceUser(user.id)).toEqual({ ...user, version: expect.any(Number) })
      expect(await current().keys.findServiceUser(user.name)).toEqual({
        ...user,
        version: expect.any(Number),
      })
      expect(await current().keys.findServiceUser('nobody')).toBeNull()
    })

    test('an id wins over a name that looks like it', async () => {
      const user = serviceUser()
      const impostor = serviceUser({ name: user.id })
      await current().keys.createServiceUser(impostor)
      await current().keys.createServiceUser(user)
      expect(await current().keys.findServiceUser(user.id)).toEqual({ ...user, version: expect.any(Number) })
    })

    test('a name is taken once, and the refused change leaves no trace', async () => {
      const user = serviceUser()
      await current().keys.createServiceUser(user)
      const before = await current().lookups.poll(0)
      const second = serviceUser({ name: user.name })
      await expect(current().keys.createServiceUser(second)).rejects.toMatchObject({ code: 'name_taken' })
      expect(await current().keys.history(second.id)).toEqual([])
      expect((await current().lookups.poll(0)).epoch).toBe(before.epoch)
    })

    test('service users are listed oldest first, a page at a time', async () => {
      const users = [1, 2, 3].map((n) => serviceUser({ id: newId(at + 1_000_000_000 * n) }))
      for (const user of users.toReversed()) await current().keys.createServiceUser(user)
      const listed: string[] = []
      let cursor: string | undefined
      do {
        const page = await current().keys.listServiceUsers(
          cursor === undefined ? { limit: 2 } : { cursor, limit: 2 },
        )
        expect(page.data.length).toBeLessThanOrEqual(2)
        listed.push(...page.data.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      expect(listed).toEqual([...listed].sort())
      expect(new Set(listed).size).toBe(listed.length)
      expect(listed).toEqual(expect.arrayContaining(users.map(({ id }) => id)))
    })
  })

  describe('keys', () => {
    test('a key comes back as it was stored, with its service user', async () => {
      const first = await createUserWithKey(current())
      const { user, key } = await createUserWithKey(current(), {
        predecessorId: first.key.id,
        retiresAt: at + 5,
        grants: ofNewerVersion({ rate: { perMinute: 6 }, tools: ['a', 'ü"\\'] }),
        familyEndsAt: at + 9,
        mintedBy: first.key.id,
        name: 'quote\' "double" \\ back',
      })
      expect(await current().keys.findKey(key.id)).toEqual({ key, user, version: expect.any(Number) })
      expect(await current().keys.findKey(newId(at))).toBeNull()
      expect(await current().keys.findKey('no-id')).toBeNull()
    })

    test('a key needs a service user that exists', async () => {
      const made = serviceKey(newId(at))
      await expect(createKey(current(), made)).rejects.toMatchObject({ code: 'not_found' })
      expect(await current().keys.findKey(made.key.id)).toBeNull()
    })

    test('a digest is stored once, and only if it is a SHA-256', async () => {
      const { user, digest } = await createUserWithKey(current())
      const again = serviceKey(user.id)
      await expect(createKey(current(), { ...again, digest })).rejects.toMatchObject({ sqlState: '23505' })
      await expect(createKey(current(), { ...again, digest: Buffer.alloc(31) })).rejects.toMatchObject({
        sqlState: '23514',
      })
    })

    test('keys are listed newest first, of one service user or of all, a page at a time', async () => {
      const user = serviceUser()
      await current().keys.createServiceUser(user)
      const keys = [1, 2, 3].map((n) => serviceKey(user.id, { id: newId(at + 1_000_000 * n) }))
      for (const made of keys) await createKey(current(), made)
      const newestFirst = keys.map(({ key }) => key.id).toReversed()
      const first = await current().keys.listKeys({ now: at, serviceUserId: user.id, limit: 2 })
      expect(first.data.map(({ key }) => key.id)).toEqual(newestFirst.slice(0, 2))
      const second = await current().keys.listKeys({
        now: at,
        serviceUserId: user.id,
        limit: 2,
        cursor: first.nextCursor ?? '',
      })
      expect(second.data.map(({ key }) => key.id)).toEqual(newestFirst.slice(2))
      expect(second.nextCursor).toBeNull()
      const all = await current().keys.listKeys({ now: at, limit: 1000 })
      expect(all.data.map(({ key }) => key.id)).toEqual(expect.arrayContaining(newestFirst))
      expect(await current().keys.listKeys({ now: at, serviceUserId: 'no-id', limit: 5 })).toEqual({
        data: [],
        nextCursor: null,
      })
    })

    test('a cursor that no list gave is refused', async () => {
      for (const cursor of ['', 'x', 'null', '../..', 'A'.repeat(21), randomBytes(16).toString('hex')]) {
        const refused = { code: 'cursor_invalid' }
        await expect(current().keys.listServiceUsers({ cursor, limit: 1 }), cursor).rejects.toMatchObject(
          refused,
        )
        await expect(current().keys.listKeys({ now: at, cursor, limit: 1 }), cursor).rejects.toMatchObject(
          refused,
        )
        await expect(current().trail.list({ cursor, limit: 1 }), cursor).rejects.toMatchObject(refused)
      }
    })

    test('a revocation is once, has its reason, and keeps the first', async () => {
      const { user, key } = await createUserWithKey(current())
      expect(await revokeKey(current(), key.id, { at: at + 9, actor: 'admin:bo', reason: 'leaked' })).toBe(
        true,
      )
      const expected = { key: { ...key, revokedAt: at + 9, revokedReason: 'leaked' }, user }
      expect(await current().keys.findKey(key.id)).toEqual({ ...expected, version: expect.any(Number) })
      await current().keys.changeKeys({ keyId: key.id }, { at: at + 10 }, () => ({
        plan: { updateKeys: [{ id: key.id, revoked: { at: at + 10, reason: 'again' } }], changes: [] },
        result: undefined,
      }))
      expect(await current().keys.findKey(key.id)).toEqual({ ...expected, version: expect.any(Number) })
    })

    test('each change has its row in the history, newest first', async () => {
      const { user, key } = await createUserWithKey(current())
      await revokeKey(current(), key.id, { at: at + 9, actor: 'admin:bo', reason: 'leaked' })
      const [revoked, created, ...rest] = await current().keys.history(key.id)
      expect(rest).toEqual([])
      expect(revoked).toMatchObject({ what: 'revoked', actor: 'admin:bo', reason: 'leaked', at: at + 9 })
      expect(created).toMatchObject({ what: 'created', actor: 'admin:ada', reason: null, at })
      expect(revoked?.epoch).toBeGreaterThan(created?.epoch ?? Infinity)
      expect(await current().keys.history(user.id)).toMatchObject([
        { subjectKind: 'service-user', subjectId: user.id, what: 'created' },
      ])
      expect(await current().keys.history('no-id')).toEqual([])
    })
  })

  describe('lookups', () => {
    test('a lookup answers the keys it knows, each with what verification needs', async () => {
      const one = await createUserWithKey(current(), {
        retiresAt: at + 7,
        grants: ofNewerVersion({ a: [1] }),
      })
      const disabled = serviceUser({ customer: 'acme', disabledAt: at + 3 })
      await current().keys.createServiceUser(disabled)
      const two = serviceKey(disabled.id)
      await createKey(current(), two)
      const { keys } = await current().lookups.lookup([one.digest, randomBytes(32), two.digest])
      keys.sort((a, b) => (a.id < b.id ? -1 : 1))
      expect(keys).toEqual(
        [
          {
            id: one.key.id,
            digest: one.digest,
            serviceUserId: one.user.id,
            customer: null,
            grants: { a: [1] },
            expiresAt: one.key.expiresAt,
            retiresAt: at + 7,
            revokedAt: null,
            userDisabledAt: null,
          },
          {
            id: two.key.id,
            digest: two.digest,
            serviceUserId: disabled.id,
            customer: 'acme',
            grants: {},
            expiresAt: two.key.expiresAt,
            retiresAt: null,
            revokedAt: null,
            userDisabledAt: at + 3,
          },
        ].sort((a, b) => (a.id < b.id ? -1 : 1)),
      )
      expect(keys.every(({ digest }) => Buffer.isBuffer(digest))).toBe(true)
    })

    test('a lookup carries the epoch of its snapshot even where it finds nothing', async () => {
      const { epoch } = await current().lookups.poll(0)
      expect(await current().lookups.lookup([])).toEqual({ epoch, keys: [] })
      expect(await current().lookups.lookup([randomBytes(32)])).toEqual({ epoch, keys: [] })
      const { key, digest } = await createUserWithKey(current())
      expect((await current().lookups.lookup([])).epoch).toBe(epoch + 2)
      await revokeKey(current(), key.id, { at, actor: 'admin:bo', reason: 'leaked' })
      const { epoch: after, keys } = await current().lookups.lookup([digest])
      expect(after).toBe(epoch + 3)
      expect(keys[0]?.revokedAt).toBe(at)
    })

    test('a poll answers exactly the changes after an epoch, oldest first', async () => {
      const { epoch } = await current().lookups.poll(0)
      expect(await current().lookups.poll(epoch)).toMatchObject({ epoch, changes: [] })
      const { user, key } = await createUserWithKey(current())
      await revokeKey(current(), key.id, { at, actor: 'admin:bo', reason: 'leaked' })
      expect(await current().lookups.poll(epoch)).toMatchObject({
        epoch: epoch + 3,
        changes: [
          { epoch: epoch + 1, subjectKind: 'service-user', subjectId: user.id, what: 'created' },
          { epoch: epoch + 2, subjectKind: 'service-key', subjectId: key.id, what: 'created' },
          { epoch: epoch + 3, subjectKind: 'service-key', subjectId: key.id, what: 'revoked' },
        ],
      })
      expect((await current().lookups.poll(epoch + 2)).changes).toHaveLength(1)
      expect(await current().lookups.poll(epoch + 1_000)).toMatchObject({ epoch: epoch + 3, changes: [] })
    })
  })
}
