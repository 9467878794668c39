import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import type { ChangePlan, KeySituation } from '../../src/domain/key-store.ts'
import { at, change, createKey, createUserWithKey, notice, ofNewerVersion } from './records.ts'
import { revokeKey, serviceKey, serviceUser } from './records.ts'

/** Changes to keys and their service users: what every engine passes. */
export function changeConformance(current: () => Store): void {
  type Subject = Parameters<Store['keys']['changeKeys']>[0]
  type Asked = Parameters<Store['keys']['changeKeys']>[1]
  const see = (subject: Subject, asked: Asked = { at }): Promise<KeySituation> =>
    current().keys.changeKeys(subject, asked, (situation) => ({ plan: null, result: situation }))
  const carryOut = (subject: Subject, plan: ChangePlan): Promise<void> =>
    current().keys.changeKeys(subject, { at }, () => ({ plan, result: undefined }))
  const stored = async (id: string) => (await current().keys.findKey(id))?.key

  describe('what a change is decided on', () => {
    test('is the key with its predecessor, its successor and all that it minted, further and further', async () => {
      const { user, ...first } = await createUserWithKey(current())
      const rotated = serviceKey(user.id, { predecessorId: first.key.id, mintedBy: first.key.id })
      await createKey(current(), rotated)
      const again = serviceKey(user.id, { predecessorId: rotated.key.id, mintedBy: rotated.key.id })
      await createKey(current(), again)
      expect(await see({ keyId: rotated.key.id })).toEqual({
        user,
        key: rotated.key,
        predecessor: first.key,
        successor: again.key,
        minted: [again.key],
        line: [rotated.key, again.key].sort((a, b) => (a.id < b.id ? -1 : 1)),
        activeKeys: 3,
        remembered: null,
        version: expect.any(Number),
      })
      const ofFirst = await see({ keyId: first.key.id })
      expect(ofFirst.predecessor).toBeNull()
      expect(ofFirst.successor).toEqual(rotated.key)
      expect(new Set(ofFirst.minted)).toEqual(new Set([rotated.key, again.key]))

      // What a revoked key minted is still there to be revoked with the first.
      await revokeKey(current(), rotated.key.id, { at, actor: 'admin:bo', reason: 'undone' })
      const after = await see({ keyId: first.key.id })
      expect(after.successor).toBeNull()
      expect(after.minted).toEqual([again.key])
      expect(after.line.map(({ id }) => id).sort()).toEqual([rotated.key.id, again.key.id].sort())
      expect((await see({ keyId: again.key.id })).predecessor?.revokedAt).toBe(at)
    })

    test('is the service user alone where it is about no key', async () => {
      const { user } = await createUserWithKey(current())
      expect(await see({ serviceUserId: user.id })).toEqual({
        user,
        key: null,
        predecessor: null,
        successor: null,
        minted: [],
        line: [],
        activeKeys: 1,
        remembered: null,
        version: expect.any(Number),
      })
    })

    test('counts a key as active until it retires, expires or is revoked, at the instant that was asked for', async () => {
      const { user, key } = await createUserWithKey(current())
      await createKey(current(), serviceKey(user.id, { retiresAt: at + 9 }))
      await createKey(current(), serviceKey(user.id, { expiresAt: at + 10 }))
      await createKey(current(), serviceKey(user.id, { revokedAt: at, revokedReason: 'leaked' }))
      const active = async (instant: number) =>
        (await see({ serviceUserId: user.id }, { at: instant })).activeKeys
      expect(await active(at)).toBe(2)
      expect(await active(at + 9)).toBe(2)
      expect(await active(at + 10)).toBe(1)
      expect(await active(key.expiresAt)).toBe(0)
    })

    test('needs a key or a service user that exists', async () => {
      for (const subject of [{ keyId: newId(at) }, { serviceUserId: newId(at) }, { keyId: 'x' }])
        await expect(see(subject)).rejects.toMatchObject({ code: 'not_found' })
    })
  })

  describe('a change', () => {
    test('is written whole: keys, user, history under an epoch each, notices and what is remembered', async () => {
      const { user, key } = await createUserWithKey(current())
      const { epoch } = await current().lookups.poll(0)
      const successor = serviceKey(user.id, {
        predecessorId: key.id,
        mintedBy: key.id,
        familyEndsAt: at + 99,
        grants: { selfRotate: true },
      })
      const idempotencyKey = { actor: 'admin:ada', key: newId(at) }
      const request = randomBytes(32)
      const told = notice(key, user)
      await carryOut(
        { keyId: key.id },
        {
          insertKeys: [successor],
          updateKeys: [{ id: key.id, retiresAt: at + 7 }],
          updateUser: { disabledAt: at + 3 },
          changes: [change(key.id, 'rotated', { reason: 'due' }), change(successor.key.id, 'created')],
          notices: [told],
          schedule: new Map([[successor.key.id, at + 5]]),
          remember: { ...idempotencyKey, request, subjectId: successor.key.id, at },
        },
      )
      const disabled = { ...user, disabledAt: at + 3 }
      expect(await current().keys.findKey(key.id)).toEqual({
        key: { ...key, retiresAt: at + 7 },
        user: disabled,
        version: epoch + 1,
      })
      expect(await current().keys.findSuccessor(key.id)).toMatchObject({
        key: successor.key,
        user: disabled,
      })
      expect((await current().lookups.poll(epoch)).changes).toEqual([
        { epoch: epoch + 1, subjectKind: 'service-key', subjectId: key.id, what: 'rotated' },
        { epoch: epoch + 2, subjectKind: 'service-key', subjectId: successor.key.id, what: 'created' },
      ])
      expect((await current().keys.history(key.id))[0]).toEqual({
        ...change(key.id, 'rotated', { reason: 'due' }),
        epoch: epoch + 1,
      })
      expect((await current().notices.list({ keyId: key.id, limit: 9 })).data).toEqual([
        { notice: told, deliveries: [] },
      ])
      expect((await see({ keyId: key.id }, { at, idempotencyKey })).remembered).toEqual({
        request,
        subjectId: successor.key.id,
      })
    })

    test('leaves alone what its plan does not name', async () => {
      const { user, key, digest } = await createUserWithKey(current(), { retiresAt: at + 7 })
      const other = serviceKey(user.id)
      await createKey(current(), other)
      await carryOut(
        { keyId: key.id },
        {
          updateKeys: [
            { id: key.id, revoked: { at: at + 1, reason: 'leaked' } },
            { id: other.key.id, retiresAt: at + 8 },
          ],
          changes: [],
        },
      )
      expect(await stored(key.id)).toEqual({ ...key, revokedAt: at + 1, revokedReason: 'leaked' })
      expect(await stored(other.key.id)).toEqual({ ...other.key, retiresAt: at + 8 })
      await carryOut(
        { keyId: other.key.id },
        { updateKeys: [{ id: other.key.id, retiresAt: null }], changes: [] },
      )
      expect(await stored(other.key.id)).toEqual(other.key)
      expect((await current().lookups.lookup([digest])).keys).toHaveLength(1)
    })

    test('that gives an unused key a new secret ends the old one', async () => {
      const { key, digest } = await createUserWithKey(current())
      const secret = { digest: randomBytes(32), start: 'pst_new1' }
      await carryOut({ keyId: key.id }, { updateKeys: [{ id: key.id, secret }], changes: [] })
      expect((await current().lookups.lookup([digest])).keys).toEqual([])
      expect((await current().lookups.lookup([secret.digest])).keys).toMatchObject([{ id: key.id }])
      expect(await stored(key.id)).toEqual({ ...key, start: 'pst_new1' })
    })

    test('gives a key no new secret once it has been used', async () => {
      const { key, digest } = await createUserWithKey(current(), { lastUsedAt: at })
      const secret = { digest: randomBytes(32), start: 'pst_new1' }
      await expect(
        carryOut({ keyId: key.id }, { updateKeys: [{ id: key.id, secret }], changes: [] }),
      ).rejects.toMatchObject({ sqlState: '40001' })
      expect((await current().lookups.lookup([digest])).keys).toHaveLength(1)
    })

    test('whose decision throws is undone, and the error comes out as it was', async () => {
      const { key } = await createUserWithKey(current())
      const before = await current().lookups.poll(0)
      const refused = new Error('no')
      const asked = current().keys.changeKeys({ keyId: key.id }, { at }, () => {
        throw refused
      })
      await expect(asked).rejects.toBe(refused)
      expect(await current().lookups.poll(0)).toEqual(before)
    })

    test('that fails half-way leaves no trace', async () => {
      const { user, key } = await createUserWithKey(current())
      const other = await createUserWithKey(current())
      const before = await current().lookups.poll(0)
      const made = serviceKey(user.id)
      const plan: ChangePlan = {
        insertKeys: [made],
        changes: [change(made.key.id, 'created')],
        notices: [notice(key, user)],
        schedule: new Map([[made.key.id, at]]),
        // Not of the service user whose changes stand in a row here.
        updateKeys: [{ id: other.key.id, retiresAt: at }],
      }
      await expect(carryOut({ keyId: key.id }, plan)).rejects.toThrow('not one of its service user')
      expect(await stored(made.key.id)).toBeUndefined()
      expect(await stored(other.key.id)).toEqual(other.key)
      expect((await current().notices.list({ keyId: key.id, limit: 9 })).data).toEqual([])
      expect(await current().lookups.poll(0)).toEqual(before)
    })

    test('gives a key one successor, and another only once that is revoked', async () => {
      const { user, key } = await createUserWithKey(current())
      const [first, second] = [1, 2].map(() => serviceKey(user.id, { predecessorId: key.id }))
      if (first === undefined || second === undefined) throw new Error('no keys')
      await createKey(current(), first)
      await expect(createKey(current(), second)).rejects.toMatchObject({
        constraint: 'service_api_keys_one_successor',
      })
      await revokeKey(current(), first.key.id, { at, actor: 'admin:bo', reason: 'undone' })
      expect(await current().keys.findSuccessor(key.id)).toBeNull()
      await createKey(current(), second)
      expect((await current().keys.findSuccessor(key.id))?.key).toEqual(second.key)
      expect(await current().keys.findSuccessor('no-id')).toBeNull()
    })

    test('remembers an idempotency key for its actor alone, anew where it knew of it, until it is forgotten', async () => {
      const { user } = await createUserWithKey(current())
      const idempotencyKey = { actor: 'admin:ada', key: newId(at) }
      const asked = { at, idempotencyKey }
      const remember = (request: Buffer, rememberedAt: number) =>
        current().keys.changeKeys({ serviceUserId: user.id }, asked, () => ({
          plan: {
            changes: [],
            remember: { ...idempotencyKey, request, subjectId: user.id, at: rememberedAt },
          },
          result: undefined,
        }))
      const seen = async (over: Partial<typeof idempotencyKey> = {}) => {
        const theirs = { at, idempotencyKey: { ...idempotencyKey, ...over } }
        return (await see({ serviceUserId: user.id }, theirs)).remembered
      }
      const [first, second] = [randomBytes(32), randomBytes(32)]
      await remember(first, at)
      expect(await seen()).toEqual({ request: first, subjectId: user.id })
      expect(await seen({ actor: 'admin:bo' })).toBeNull()
      await remember(second, at + 5)
      expect(await seen()).toEqual({ request: second, subjectId: user.id })
      await current().notices.forgetIdempotencyKeys(at + 5)
      expect(await seen()).not.toBeNull()
      await current().notices.forgetIdempotencyKeys(at + 6)
      expect(await seen()).toBeNull()
    })

    test('that a newer version granted more to is shown as it is', async () => {
      const grants = ofNewerVersion({ selfRotate: true, tools: ['a'] })
      const { key } = await createUserWithKey(current(), { grants })
      expect((await see({ keyId: key.id })).key?.grants).toEqual(grants)
    })

    test('disables and enables a service user for every lookup', async () => {
      const user = serviceUser()
      await current().keys.createServiceUser(user)
      const made = serviceKey(user.id)
      await createKey(current(), made)
      for (const disabledAt of [at, null]) {
        const what = disabledAt === null ? 'enabled' : 'disabled'
        await carryOut(
          { serviceUserId: user.id },
          { updateUser: { disabledAt }, changes: [change(user.id, what, { subjectKind: 'service-user' })] },
        )
        expect((await current().lookups.lookup([made.digest])).keys).toMatchObject([
          { userDisabledAt: disabledAt },
        ])
        expect((await current().keys.history(user.id))[0]).toMatchObject({ what })
      }
    })
  })
}
