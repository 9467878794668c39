import type { Page } from '../domain/ports.ts'
import type { Change, KeyFilter, ListedKey } from '../domain/key-store.ts'
import { createEdit, type EditKey } from './edit.ts'
import { createEditServiceUser, type EditServiceUser } from './edit-service-user.ts'
import { createIssue, type IssueKey } from './issue.ts'
import { createOverlaps, type Overlaps } from './overlap.ts'
import { existingKey, viewOf, type KeysParts, type KeyView } from './parts.ts'
import { createRevoke, type RevokeKey } from './revoke.ts'
import { createRotate, type Rotate } from './rotate.ts'
import { createServiceUsers, type ServiceUsers } from './service-users.ts'

/** Which keys to list; the service user by id or name. */
export type KeyListFilter = Omit<KeyFilter, 'serviceUserId' | 'now'> & { serviceUser?: string }

/** A row of the list of keys: what it did lately, too. */
export type ListedKeyView = KeyView & Omit<ListedKey, 'key' | 'user'>

/** All that can be done about service keys and their service users. */
export interface Keys extends ServiceUsers, Rotate, Overlaps {
  issue: IssueKey
  /** Newest first unless the filter says otherwise. */
  list(filter: KeyListFilter): Promise<Page<ListedKeyView>>
  /** The key, and its changes, newest first. */
  show(id: string): Promise<{ key: KeyView; version: number; history: Change[] }>
  edit: EditKey
  editServiceUser: EditServiceUser
  /** The key is refused from now on, with all that it minted itself. */
  revoke: RevokeKey
}

/**
 * The keys room over a store. Every method throws KeysRefused (`refused.ts`) for what the rules refuse, with no
 * effect.
 */
export function createKeys(parts: KeysParts): Keys {
  const { store, clock } = parts
  const serviceUsers = createServiceUsers(parts)

  return {
    ...serviceUsers,
    ...createRotate(parts),
    ...createOverlaps(parts),
    issue: createIssue(parts, serviceUsers),
    edit: createEdit(parts),
    editServiceUser: createEditServiceUser(parts, serviceUsers),
    revoke: createRevoke(parts),

    async list({ serviceUser, ...filter }) {
      const user = serviceUser === undefined ? null : await serviceUsers.findServiceUser(serviceUser)
      const now = clock.now()
      const page = await store.listKeys({
        ...filter,
        now,
        ...(user === null ? {} : { serviceUserId: user.id }),
      })
      const data = page.data.map((found) => ({ ...found, ...viewOf(found, now) }))
      return { data, nextCursor: page.nextCursor }
    },

    async show(id) {
      const found = await existingKey(store, id)
      const history = await store.history(id)
      return { key: viewOf(found, clock.now()), version: found.version, history }
    },
  }
}
