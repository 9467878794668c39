import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { PersonRole } from '../../src/domain/people-store.ts'
import type { Store } from '../../src/domain/ports.ts'
import { at } from './records.ts'

const by = { actor: 'person:admin', at: at + 1 }

/** People, and how they come in and go: what every engine passes. */
export function peopleConformance(current: () => Store): void {
  const people = () => current().people
  const newPerson = () => ({ id: newId(at), name: 'Ada', passwordHash: 'salt:hash' })
  const newAddress = () => `ada-${newId(at)}@example.com`

  /** Someone who came by an invitation. */
  async function join(role: PersonRole, email = newAddress()) {
    const digest = randomBytes(32)
    await people().invite(invitation({ email, role }), digest)
    return people().acceptInvitation({ digest }, newPerson(), at)
  }

  function invitation(over: { email?: string; role?: PersonRole; expiresAt?: number } = {}) {
    return {
      ...{ id: newId(at), email: newAddress(), role: 'owner' as PersonRole, invitedBy: 'person:admin' },
      ...{ createdAt: at, expiresAt: at + 1000 },
      ...over,
    }
  }

  async function setupLink(over: { createdAt?: number; expiresAt?: number } = {}) {
    const digest = randomBytes(32)
    await people().addSetupLink({ digest, createdAt: at, expiresAt: at + 1000, ...over })
    return digest
  }

  /** All administrators but the last, who can't be removed. */
  async function removeAdministrators() {
    const { data } = await people().list({ limit: 1000 })
    for (const { id, role } of data)
      if (role === 'admin')
        await people()
          .remove(id, by)
          .catch(() => {})
  }

  describe('the setup link', () => {
    test('makes the first administrator, once, and none where there is one', async () => {
      expect(await people().hasAdministrator()).toBe(false)
      const [digest, second] = [await setupLink(), await setupLink()]
      const person = newPerson()
      const email = newAddress()
      const made = await people().useSetupLink(digest, { ...person, email: email.toUpperCase() }, at + 1)
      expect(made).toEqual({
        ...{ id: person.id, name: person.name, email, role: 'admin', emailVerified: true },
        ...{ createdAt: at + 1, disabledAt: null },
      })
      expect(await people().find(person.id)).toEqual(made)
      expect(await people().hasAdministrator()).toBe(true)
      expect(
        await current().logins.findMany('account', {
          where: [{ field: 'userId', operator: 'eq', value: person.id }],
        }),
      ).toMatchObject([{ providerId: 'credential', accountId: person.id, password: person.passwordHash }])
      expect(await current().keys.history(person.id)).toMatchObject([
        { what: 'created', subjectKind: 'person', actor: `person:${person.id}`, at: at + 1 },
      ])
      await expect(
        people().useSetupLink(digest, { ...newPerson(), email: newAddress() }, at + 1),
      ).rejects.toMatchObject({ code: 'link_invalid' })
      await expect(
        people().useSetupLink(second, { ...newPerson(), email: newAddress() }, at + 1),
      ).rejects.toMatchObject({ code: 'administrator_exists' })
    })

    test.each([
      ['that nobody made', async () => randomBytes(32)],
      ['at the very instant of its end', () => setupLink({ expiresAt: at + 1 })],
    ])('%s makes nobody', async (_, link) => {
      const person = { ...newPerson(), email: newAddress() }
      await expect(people().useSetupLink(await link(), person, at + 1)).rejects.toMatchObject({
        code: 'link_invalid',
      })
      expect(await people().find(person.id)).toBeNull()
    })
  })

  describe('an invitation', () => {
    test('makes a person of its address and role, once, found by link or by verified address', async () => {
      for (const by of ['digest', 'email'] as const) {
        const digest = randomBytes(32)
        const made = invitation({ role: 'auditor' })
        await people().invite({ ...made, email: made.email.toUpperCase() }, digest)
        const found = by === 'digest' ? { digest } : { email: made.email.toUpperCase() }
        expect(await people().findInvitation(found, at)).toEqual(made)
        const person = newPerson()
        expect(await people().acceptInvitation(found, person, at + 5)).toMatchObject({
          ...{ id: person.id, email: made.email, role: 'auditor', emailVerified: true },
        })
        expect(await people().findInvitation(found, at)).toBeNull()
        await expect(people().acceptInvitation(found, newPerson(), at + 5)).rejects.toMatchObject({
          code: 'link_invalid',
        })
        expect(await current().keys.history(made.id)).toMatchObject([
          { what: 'invited', subjectKind: 'person', actor: 'person:admin' },
        ])
      }
    })

    test('takes the place of an open one of the same address', async () => {
      const email = newAddress()
      const [first, second] = [randomBytes(32), randomBytes(32)]
      await people().invite(invitation({ email }), first)
      const made = invitation({ email, role: 'auditor' })
      await people().invite(made, second)
      expect(await people().findInvitation({ digest: first }, at)).toBeNull()
      expect(await people().findInvitation({ digest: second }, at)).toEqual(made)
      expect((await people().listInvitations()).filter((each) => each.email === email)).toEqual([made])
    })

    test('is refused for an address that a person has, until the person is removed', async () => {
      const person = await join('owner')
      const again = invitation({ email: person.email.toUpperCase() })
      await expect(people().invite(again, randomBytes(32))).rejects.toMatchObject({ code: 'email_taken' })
      await people().remove(person.id, by)
      const back = await join('auditor', person.email)
      expect(back).toMatchObject({ email: person.email, role: 'auditor' })
      expect(await people().find(person.id)).toMatchObject({ disabledAt: by.at })
    })

    test('opens nothing once it is withdrawn or has expired', async () => {
      const [withdrawn, expired] = [randomBytes(32), randomBytes(32)]
      const one = invitation()
      await people().invite(one, withdrawn)
      await people().invite(invitation({ expiresAt: at + 9 }), expired)
      await people().withdrawInvitation(one.id, by)
      for (const id of [one.id, newId(at), 'no-id'])
        await expect(people().withdrawInvitation(id, by)).rejects.toMatchObject({ code: 'not_found' })
      for (const digest of [withdrawn, expired, randomBytes(32)]) {
        expect(await people().findInvitation({ digest }, at + 9)).toBeNull()
        await expect(people().acceptInvitation({ digest }, newPerson(), at + 9)).rejects.toMatchObject({
          code: 'link_invalid',
        })
      }
      expect((await current().keys.history(one.id)).map(({ what }) => what)).toEqual([
        'invitation-withdrawn',
        'invited',
      ])
    })
  })

  describe('a person', () => {
    beforeEach(removeAdministrators)

    test('is listed with their last sign-in and passkeys until they are removed, by id', async () => {
      const person = await join('owner')
      const made = { createdAt: new Date(at + 3), updatedAt: new Date(at + 3) }
      const session = {
        id: newId(at),
        userId: person.id,
        token: newId(at),
        expiresAt: new Date(at + 99),
        ...made,
      }
      await current().logins.create('session', session)
      const seen = async () => (await people().list({ limit: 1000 })).data.find(({ id }) => id === person.id)
      expect(await seen()).toEqual({ ...person, lastSignInAt: at + 3, passkeys: 0 })
      await people().remove(person.id, by)
      expect(await seen()).toBeUndefined()
      const ids = []
      let cursor: string | undefined
      do {
        const page = await people().list(cursor === undefined ? { limit: 2 } : { limit: 2, cursor })
        ids.push(...page.data.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      expect(ids).toEqual(ids.toSorted())
      expect(ids).toEqual((await people().list({ limit: 1000 })).data.map(({ id }) => id))
    })

    test('who is removed has no session, account or passkey left, and is no user any more', async () => {
      const person = await join('owner')
      const other = await join('owner')
      const made = { createdAt: new Date(at), updatedAt: new Date(at) }
      for (const { id } of [person, other]) {
        const session = { id: newId(at), userId: id, token: newId(at), expiresAt: new Date(at + 99), ...made }
        await current().logins.create('session', session)
      }
      await people().remove(person.id, by)
      const of = (id: string) => [{ field: 'userId', operator: 'eq', value: id }] as const
      expect(await current().logins.count('session', of(person.id))).toBe(0)
      expect(await current().logins.count('account', of(person.id))).toBe(0)
      expect(await current().logins.count('session', of(other.id))).toBe(1)
      expect(
        await current().logins.findOne('user', [{ field: 'email', operator: 'eq', value: person.email }]),
      ).toBeNull()
      expect((await current().keys.history(person.id))[0]).toMatchObject({ what: 'removed', actor: by.actor })
      await expect(people().remove(person.id, by)).rejects.toMatchObject({ code: 'not_found' })
    })

    test('is signed out everywhere at once, and stays', async () => {
      const person = await join('owner')
      const made = { createdAt: new Date(at), updatedAt: new Date(at) }
      for (let n = 0; n < 3; n++) {
        const session = {
          id: newId(at),
          userId: person.id,
          token: newId(at),
          expiresAt: new Date(at),
          ...made,
        }
        await current().logins.create('session', session)
      }
      expect(await people().signOutEverywhere(person.id, by)).toBe(3)
      expect(await people().signOutEverywhere(person.id, by)).toBe(0)
      expect(await people().find(person.id)).toMatchObject({ disabledAt: null })
      expect((await current().keys.history(person.id))[0]).toMatchObject({ what: 'signed-out' })
    })

    test('who is the last administrator stays one', async () => {
      const first = await join('admin')
      await removeAdministrators()
      const others = (await people().list({ limit: 1000 })).data.filter(
        ({ role, id }) => role === 'admin' && id !== first.id,
      )
      for (const { id } of others)
        await people()
          .remove(id, by)
          .catch(() => {})
      const [last] = (await people().list({ limit: 1000 })).data.filter(({ role }) => role === 'admin')
      const id = last?.id ?? ''
      await expect(people().remove(id, by)).rejects.toMatchObject({ code: 'last_administrator' })
      await expect(people().setRole(id, 'owner', by)).rejects.toMatchObject({ code: 'last_administrator' })
      expect(await people().setRole(id, 'admin', by)).toMatchObject({ id, role: 'admin' })
      const second = await join('owner')
      expect(await people().setRole(second.id, 'admin', by)).toMatchObject({ role: 'admin' })
      expect((await current().keys.history(second.id))[0]).toMatchObject({ what: 'edited' })
      expect(await people().setRole(id, 'owner', by)).toMatchObject({ role: 'owner' })
    })

    test('that is not there cannot be changed', async () => {
      for (const id of [newId(at), 'no-id']) {
        const refused = { code: 'not_found' }
        await expect(people().setRole(id, 'owner', by)).rejects.toMatchObject(refused)
        await expect(people().remove(id, by)).rejects.toMatchObject(refused)
        await expect(people().signOutEverywhere(id, by)).rejects.toMatchObject(refused)
        expect(await people().find(id)).toBeNull()
      }
    })
  })
}
