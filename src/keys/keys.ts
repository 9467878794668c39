import { noGrants } from '../domain/grant.ts'
import { isId, newId } from '../domain/id.ts'
import { keyState, type KeyState } from '../domain/key-state.ts'
import {
  StoreConflict,
  type Change,
  type Clock,
  type KeyStore,
  type KeyWithUser,
  type Page,
} from '../domain/ports.ts'
import {
  hashToken,
  newToken,
  startOfToken,
  type ServiceKey,
  type ServiceUser,
} from '../domain/service-key.ts'
import { expiryAt, type LifePolicy } from './expiry.ts'
import { KeysRefused } from './refused.ts'
import { ownerAddress, readableText } from './text.ts'

/** A key with its service user and the state that it is in now. */
export interface KeyView extends KeyWithUser {
  state: KeyState
}

/** Issues, lists, shows and revokes service keys, and creates their service users. */
export interface Keys {
  createServiceUser(
    input: { name: string; owner: string; customer?: string },
    actor: string,
  ): Promise<ServiceUser>
  listServiceUsers(page: { cursor?: string; limit: number }): Promise<Page<ServiceUser>>
  /** The token is in this answer and nowhere else, ever. */
  issue(input: IssueInput, actor: string): Promise<{ key: KeyView; token: string }>
  /** Newest first. */
  list(filter: { serviceUser?: string; cursor?: string; limit: number }): Promise<Page<KeyView>>
  /** The key, and its changes, newest first. */
  show(id: string): Promise<{ key: KeyView; history: Change[] }>
  revoke(id: string, reason: string, actor: string): Promise<KeyView>
  /** A service user by id or name. */
  findServiceUser(idOrName: string): Promise<ServiceUser>
}

export interface IssueInput {
  /** Id or name. */
  serviceUser: string
  /** A label; without one the key is called after its service user. */
  name?: string
  expires?: string
}

export interface KeysParts {
  store: KeyStore
  clock: Pick<Clock, 'now'>
  policy: LifePolicy
  /** The first is issued. */
  prefixes: readonly [string, ...string[]]
}

/** The keys room over a store. Every method throws {@link KeysRefused} for what the rules refuse. */
export function createKeys({ store, clock, policy, prefixes }: KeysParts): Keys {
  const view = (found: KeyWithUser): KeyView => ({
    ...found,
    state: keyState(found.key, found.user, clock.now()),
  })

  async function findServiceUser(idOrName: string): Promise<ServiceUser> {
    const user = await store.findServiceUser(idOrName.normalize('NFC').trim())
    if (user === null)
      throw new KeysRefused('not_found', 'serviceUser', 'no service user has this name or id')
    return user
  }

  return {
    findServiceUser,

    async createServiceUser(input, actor) {
      const now = clock.now()
      const user: ServiceUser = {
        id: newId(now),
        name: nameOf(input.name),
        owner: ownerAddress(input.owner),
        customer:
          input.customer === undefined
            ? null
            : readableText(input.customer, {
                field: 'customer',
                code: 'customer_invalid',
                mostCharacters: 100,
              }),
        createdBy: actor,
        createdAt: now,
        disabledAt: null,
      }
      // Users are found by id or by name: a name of an id's form could be taken for another user.
      if (isId(user.name.toLowerCase()))
        throw new KeysRefused('name_invalid', 'name', 'name must not have the form of an id')
      await translated('name', () => store.createServiceUser(user))
      return user
    },

    async listServiceUsers(page) {
      return await store.listServiceUsers(page)
    },

    async issue(input, actor) {
      const now = clock.now()
      const expiresAt = expiryAt(input.expires, policy, now)
      const name = input.name === undefined ? null : nameOf(input.name)
      const user = await findServiceUser(input.serviceUser)
      if (user.disabledAt !== null && user.disabledAt <= now)
        throw new KeysRefused('service_user_disabled', 'serviceUser', 'this service user is disabled')
      const token = newToken(prefixes[0])
      const key: ServiceKey = {
        id: newId(now),
        serviceUserId: user.id,
        name: name ?? user.name,
        start: startOfToken(token),
        grants: noGrants,
        createdBy: actor,
        createdAt: now,
        expiresAt,
        retiresAt: null,
        revokedAt: null,
        revokedReason: null,
        predecessorId: null,
        lastUsedAt: null,
      }
      await translated('serviceUser', () => store.createKey(key, hashToken(token)))
      return { key: view({ key, user }), token }
    },

    async list({ serviceUser, cursor, limit }) {
      const user = serviceUser === undefined ? null : await findServiceUser(serviceUser)
      const page = await store.listKeys({
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(user === null ? {} : { serviceUserId: user.id }),
      })
      return { data: page.data.map(view), nextCursor: page.nextCursor }
    },

    async show(id) {
      const found = isId(id) ? await store.findKey(id) : null
      if (found === null) throw noSuchKey()
      return { key: view(found), history: await store.history(id) }
    },

    async revoke(id, reason, actor) {
      const why = readableText(reason, { field: 'reason', code: 'reason_invalid', mostCharacters: 500 })
      if (!isId(id)) throw noSuchKey()
      return view(await translated('id', () => store.revokeKey(id, { at: clock.now(), actor, reason: why })))
    },
  }
}

function nameOf(value: string): string {
  return readableText(value, { field: 'name', code: 'name_invalid', mostCharacters: 100 })
}

function noSuchKey(): KeysRefused {
  return new KeysRefused('not_found', 'id', 'no key has this id')
}

const conflictMessages: Record<StoreConflict['code'], string> = {
  name_taken: 'a service user of this name exists already',
  not_found: 'nothing has this id',
  already_revoked: 'this key is revoked already',
}

/** What the store's rules refuse, as the refusal of this room. */
async function translated<T>(field: string, change: () => Promise<T>): Promise<T> {
  try {
    return await change()
  } catch (error) {
    if (error instanceof StoreConflict) throw new KeysRefused(error.code, field, conflictMessages[error.code])
    throw error
  }
}
