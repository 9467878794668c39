import type { Page } from '../domain/ports.ts'
import type { Change } from '../domain/key-store.ts'
import { createIssue, type IssueKey } from './issue.ts'
import { createOverlaps, type Overlaps } from './overlap.ts'
import { existingKey, viewOf, type KeysParts, type KeyView } from './parts.ts'
import { createRevoke, type RevokeKey } from './revoke.ts'
import { createRotate, type Rotate } from './rotate.ts'
import { createServiceUsers, type ServiceUsers } from './service-users.ts'

/** All that can be done about service keys and their service users. */
export interface Keys extends ServiceUsers, Rotate, Overlaps {
  issue: IssueKey
  /** Newest first. */
  list(filter: { serviceUser?: string; cursor?: string; limit: number }): Promise<Page<KeyView>>
  /** The key, and its changes, newest first. */
  show(id: string): Promise<{ key: KeyView; history: Change[] }>
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
    revoke: createRevoke(parts),

    async list({ serviceUser, cursor, limit }) {
      const user = serviceUser === undefined ? null : await serviceUsers.findServiceUser(serviceUser)
      const page = await store.listKeys({
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(user === null ? {} : { serviceUserId: user.id }),
      })
      const now = clock.now()
      return { data: page.data.map((found) => viewOf(found, now)), nextCursor: page.nextCursor }
    },

    async show(id) {
      const found = await existingKey(store, id)
      return { key: viewOf(found, clock.now()), history: await store.history(id) }
    },
  }
}
