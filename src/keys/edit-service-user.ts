import type { VersionedUser } from '../domain/key-store.ts'
import { StoreConflict } from '../domain/ports.ts'
import type { ServiceUser } from '../domain/service-key.ts'
import { textEdit } from './edited.ts'
import { refuseChanged, type KeysParts } from './parts.ts'
import { KeysRefused } from './refused.ts'
import { customerOf, userChange, userNameOf, type ServiceUsers } from './service-users.ts'
import { mailAddress } from './text.ts'

/** Changes what is known of a service user. Its keys go on as they are. */
export type EditServiceUser = (
  idOrName: string,
  input: EditServiceUserInput,
  actor: string,
) => Promise<VersionedUser>

/** What is left out stays as it is; null takes it away. */
export interface EditServiceUserInput {
  name?: string
  /** Null only where the policy doesn't require one. */
  owner?: string | null
  backupOwner?: string | null
  customer?: string | null
  /** The version that the change was made for: of another one nothing is changed (`version_changed`). */
  ifMatch?: number
}

type Edited = Partial<Pick<ServiceUser, 'name' | 'owner' | 'backupOwner' | 'customer'>>

/** Edits service users over a store. */
export function createEditServiceUser(
  { store, clock, policy }: KeysParts,
  { findServiceUser }: Pick<ServiceUsers, 'findServiceUser'>,
): EditServiceUser {
  return async (idOrName, { ifMatch, ...input }, actor) => {
    const asked = checked(input, policy.requireOwner)
    const { id } = await findServiceUser(idOrName)
    const now = clock.now()
    try {
      await store.changeKeys({ serviceUserId: id }, { at: now }, ({ user, version }) => {
        refuseChanged(ifMatch, version)
        const edits = fields
          .map((field) => ({ field, after: asked[field] }))
          .filter(({ field, after }) => after !== undefined && after !== user[field])
        if (edits.length === 0) return { plan: null, result: undefined }
        const reason = edits.map(({ field, after = null }) => textEdit(field, user[field], after)).join('; ')
        return {
          plan: {
            updateUser: Object.fromEntries(edits.map(({ field, after }) => [field, after])),
            changes: [userChange(id, 'edited', { actor, reason }, now)],
          },
          result: undefined,
        }
      })
    } catch (error) {
      if (error instanceof StoreConflict && error.code === 'name_taken')
        throw new KeysRefused('name_taken', 'name', 'a service user of this name exists already')
      throw error
    }
    return await findServiceUser(id)
  }
}

const fields = ['name', 'owner', 'backupOwner', 'customer'] as const

function checked(
  { name, owner, backupOwner, customer }: EditServiceUserInput,
  requireOwner: boolean,
): Edited {
  if (owner === null && requireOwner)
    throw new KeysRefused('owner_required', 'owner', 'owner must stay: name who answers for it')
  return {
    ...(name === undefined ? {} : { name: userNameOf(name) }),
    ...(owner === undefined ? {} : { owner: owner === null ? null : mailAddress(owner, 'owner') }),
    ...(backupOwner === undefined
      ? {}
      : { backupOwner: backupOwner === null ? null : mailAddress(backupOwner, 'backupOwner') }),
    ...(customer === undefined ? {} : { customer: customer === null ? null : customerOf(customer) }),
  }
}
