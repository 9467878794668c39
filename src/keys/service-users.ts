import { isId, newId } from '../domain/id.ts'
import { StoreConflict, type Page } from '../domain/ports.ts'
import type { ChangeKind, VersionedUser } from '../domain/key-store.ts'
import type { ServiceUser } from '../domain/service-key.ts'
import { allKeysOf, type KeysParts } from './parts.ts'
import { KeysRefused } from './refused.ts'
import { mailAddress, nameOf, readableText, reasonOf } from './text.ts'

/** Creates, lists and finds service users, and stops and restarts them with all their keys. */
export interface ServiceUsers {
  createServiceUser(input: NewServiceUser, actor: string): Promise<ServiceUser>
  /** `ownedBy`: whose owner or backup owner has this address. */
  listServiceUsers(filter: { ownedBy?: string; cursor?: string; limit: number }): Promise<Page<VersionedUser>>
  /** A service user by id or name. */
  findServiceUser(idOrName: string): Promise<VersionedUser>
  /** All its keys stop at once, until it is enabled. */
  disableServiceUser(idOrName: string, reason: string, actor: string): Promise<ServiceUser>
  enableServiceUser(idOrName: string, reason: string | undefined, actor: string): Promise<ServiceUser>
}

export interface NewServiceUser {
  name: string
  /** Left out only where the policy doesn't require one. */
  owner?: string
  /** Who is told as well, once earlier notices were not acknowledged. */
  backupOwner?: string
  customer?: string
}

/** The service users over a store. */
export function createServiceUsers({ store, clock, policy }: KeysParts): ServiceUsers {
  async function findServiceUser(idOrName: string): Promise<VersionedUser> {
    const user = await store.findServiceUser(idOrName.normalize('NFC').trim())
    if (user === null) throw noSuchServiceUser()
    return user
  }

  return {
    findServiceUser,

    async createServiceUser({ name, owner, backupOwner, customer }, actor) {
      const now = clock.now()
      if (owner === undefined && policy.requireOwner)
        throw new KeysRefused(
          'owner_required',
          'owner',
          'owner is missing: name the e-mail address of who answers for it',
        )
      const user: ServiceUser = {
        id: newId(now),
        name: userNameOf(name),
        owner: owner === undefined ? null : mailAddress(owner, 'owner'),
        backupOwner: backupOwner === undefined ? null : mailAddress(backupOwner, 'backupOwner'),
        customer: customer === undefined ? null : customerOf(customer),
        createdBy: actor,
        createdAt: now,
        disabledAt: null,
      }
      try {
        await store.createServiceUser(user)
      } catch (error) {
        if (error instanceof StoreConflict && error.code === 'name_taken')
          throw new KeysRefused('name_taken', 'name', 'a service user of this name exists already')
        throw error
      }
      return user
    },

    listServiceUsers: async (filter) => await store.listServiceUsers(filter),

    async disableServiceUser(idOrName, reason, actor) {
      const by = { actor, reason: reasonOf(reason) }
      const { id } = await findServiceUser(idOrName)
      const now = clock.now()
      return await store.changeKeys({ serviceUserId: id }, { at: now }, ({ user }) => {
        if (user.disabledAt !== null)
          throw new KeysRefused('already_disabled', 'serviceUser', 'this service user is disabled already')
        return {
          plan: { updateUser: { disabledAt: now }, changes: [userChange(id, 'disabled', by, now)] },
          result: { ...user, disabledAt: now },
        }
      })
    },

    async enableServiceUser(idOrName, reason, actor) {
      const by = { actor, reason: reason === undefined ? null : reasonOf(reason) }
      const { id } = await findServiceUser(idOrName)
      // While it is disabled it gets no new keys, so that none is missing here.
      const living = (await allKeysOf(store, id, clock.now())).filter(({ revokedAt }) => revokedAt === null)
      const now = clock.now()
      return await store.changeKeys({ serviceUserId: id }, { at: now }, ({ user }) => {
        if (user.disabledAt === null)
          throw new KeysRefused('not_disabled', 'serviceUser', 'this service user is not disabled')
        return {
          plan: {
            updateUser: { disabledAt: null },
            changes: [userChange(id, 'enabled', by, now)],
            // What came due meanwhile was told to nobody.
            schedule: new Map(living.map((key) => [key.id, now])),
          },
          result: { ...user, disabledAt: null },
        }
      })
    },
  }
}

/**
 * The name of a service user. Users are found by id or by name, so that one of an id's form could be taken for another
 * user. Throws {@link KeysRefused}: `name_invalid`.
 */
export function userNameOf(value: string): string {
  const name = nameOf(value)
  if (isId(name.toLowerCase()))
    throw new KeysRefused('name_invalid', 'name', 'name must not have the form of an id')
  return name
}

/** The customer that a service user belongs to. Throws {@link KeysRefused}: `customer_invalid`. */
export function customerOf(value: string): string {
  return readableText(value, { field: 'customer', code: 'customer_invalid', mostCharacters: 100 })
}

export function noSuchServiceUser(): KeysRefused {
  return new KeysRefused('not_found', 'serviceUser', 'no service user has this name or id')
}

/** The row of `changes` about a service user. */
export function userChange(
  subjectId: string,
  what: ChangeKind,
  by: { actor: string; reason: string | null },
  at: number,
) {
  return { subjectKind: 'service-user', subjectId, what, at, ...by } as const
}
