import type { Change } from '../domain/key-store.ts'
import type { TrailStore } from '../domain/ports.ts'
import type { ServiceUser } from '../domain/service-key.ts'
import type { UsageStore } from '../domain/usage-store.ts'
import type { IssueInput, IssuedKey } from '../keys/issue.ts'
import type { Keys } from '../keys/keys.ts'
import { noSuchKey } from '../keys/parts.ts'
import { customerOf, noSuchServiceUser } from '../keys/service-users.ts'
import type { NoticeStore, NoticeWithDeliveries } from '../domain/notice-store.ts'
import { maySee, visibleTo, type Access } from './access.ts'
import { RequestRefused } from './problem.ts'

/** What routes about service users, keys, calls and notices reach: no more than who asks may see. */
export interface Rooms {
  keys: Omit<Keys, 'selfRotate' | 'issue'> & {
    issue(input: IssueInput, actor: string, idempotencyKey: string | undefined): Promise<IssuedKey>
  }
  trail: Pick<TrailStore, 'list' | 'usage'>
  usage: Pick<UsageStore, 'days' | 'overTime' | 'tools' | 'areUsed'>
  notices: {
    list: NoticeStore['list']
    /** Null where there is no such notice. */
    acknowledge(id: string, actor: string, ownedBy?: string): Promise<NoticeWithDeliveries | null>
  }
  /** What was done to a subject of any kind, newest first. */
  changesOf(subjectId: string): Promise<Change[]>
}

/**
 * The rooms as someone sees them. This is the one place where an owner is kept to their own service users: what isn't
 * theirs answers as if it weren't there.
 */
export function roomsFor(access: Access, rooms: Rooms): Rooms {
  const ownedBy = visibleTo(access)
  return ownedBy === null ? rooms : ownedRooms(rooms, ownedBy, (user) => maySee(access, user))
}

function ownedRooms(
  { keys, trail, usage, notices, changesOf }: Rooms,
  ownedBy: string,
  isTheirs: (user: Pick<ServiceUser, 'owner' | 'backupOwner'>) => boolean,
): Rooms {
  const findServiceUser: Rooms['keys']['findServiceUser'] = async (idOrName) => {
    const user = await keys.findServiceUser(idOrName)
    if (!isTheirs(user)) throw noSuchServiceUser()
    return user
  }

  async function ownUserId(idOrName: string): Promise<string> {
    return (await findServiceUser(idOrName)).id
  }

  const show: Rooms['keys']['show'] = async (id) => {
    const shown = await keys.show(id)
    if (!isTheirs(shown.key.user)) throw noSuchKey()
    return shown
  }

  async function ownKeyId(id: string): Promise<string> {
    return (await show(id)).key.key.id
  }

  /** What is theirs stays theirs: an administrator hands it on. */
  function keepTheirs(user: Pick<ServiceUser, 'owner' | 'backupOwner'>): void {
    if (!isTheirs(user))
      throw new RequestRefused(
        403,
        'owner_not_yours',
        'The owner or the backup owner must be your own address; an administrator can hand it on.',
        'owner',
      )
  }

  /** Who is behind the gateway believes it: which customer an agent is of, an administrator says. */
  function keepCustomer(asked: string | null | undefined, current: string | null): void {
    if (asked === undefined) return
    if ((asked === null ? null : customerOf(asked)) !== current)
      throw new RequestRefused(
        403,
        'customer_not_yours',
        'Only an administrator says which customer a service user is of.',
        'customer',
      )
  }

  return {
    keys: {
      findServiceUser,
      show,
      list: async ({ serviceUser, ...filter }) =>
        await keys.list({
          ...filter,
          ...(serviceUser === undefined ? {} : { serviceUser: await ownUserId(serviceUser) }),
          ownedBy,
        }),
      listServiceUsers: async (filter) => await keys.listServiceUsers({ ...filter, ownedBy }),
      async createServiceUser(input, actor) {
        keepTheirs({ owner: input.owner?.trim() ?? null, backupOwner: input.backupOwner?.trim() ?? null })
        keepCustomer(input.customer, null)
        return await keys.createServiceUser(input, actor)
      },
      async editServiceUser(idOrName, input, actor) {
        const { id, owner, backupOwner, customer } = await findServiceUser(idOrName)
        const asked = { owner, backupOwner, ...input }
        keepTheirs({ owner: asked.owner?.trim() ?? null, backupOwner: asked.backupOwner?.trim() ?? null })
        // It can't have changed before it is kept: owners come over the network, where If-Match is a must.
        keepCustomer(input.customer, customer)
        return await keys.editServiceUser(id, input, actor)
      },
      disableServiceUser: async (idOrName, reason, actor) =>
        await keys.disableServiceUser(await ownUserId(idOrName), reason, actor),
      enableServiceUser: async (idOrName, reason, actor) =>
        await keys.enableServiceUser(await ownUserId(idOrName), reason, actor),
      issue: async (input, actor, idempotencyKey) =>
        await keys.issue(
          { ...input, serviceUser: await ownUserId(input.serviceUser) },
          actor,
          idempotencyKey,
        ),
      edit: async (id, input, actor) => await keys.edit(await ownKeyId(id), input, actor),
      revoke: async (id, reason, actor) => await keys.revoke(await ownKeyId(id), reason, actor),
      rotate: async (id, input, actor, idempotencyKey) =>
        await keys.rotate(await ownKeyId(id), input, actor, idempotencyKey),
      rotation: async (id) => await keys.rotation(await ownKeyId(id)),
      endOverlap: async (id, actor) => await keys.endOverlap(await ownKeyId(id), actor),
      extendOverlap: async (id, end, actor) => await keys.extendOverlap(await ownKeyId(id), end, actor),
      undoRotation: async (id, actor) => await keys.undoRotation(await ownKeyId(id), actor),
    },
    trail: {
      list: async (filter) => await trail.list({ ...filter, ownedBy }),
      usage: async (keyIds, since) => await trail.usage(await Promise.all(keyIds.map(ownKeyId)), since),
    },
    usage: {
      async days(keyIds, fromDay, toDay) {
        const own = await Promise.all(keyIds.map(ownKeyId))
        return await usage.days(own, fromDay, toDay)
      },
      overTime: async (keyId, ...range) => await usage.overTime(await ownKeyId(keyId), ...range),
      tools: async (keyId, ...range) => await usage.tools(await ownKeyId(keyId), ...range),
      areUsed: async (keyId, ...asked) => await usage.areUsed(await ownKeyId(keyId), ...asked),
    },
    notices: {
      list: async (filter) => await notices.list({ ...filter, ownedBy }),
      acknowledge: async (id, actor) => await notices.acknowledge(id, actor, ownedBy),
    },
    async changesOf(subjectId) {
      const isOwnUser = await findServiceUser(subjectId).then(
        () => true,
        () => false,
      )
      return await changesOf(isOwnUser ? subjectId : await ownKeyId(subjectId))
    },
  }
}
