import { noGrants, type Grants } from '../domain/grant.ts'
import { isId } from '../domain/id.ts'
import { keyState, type KeyState } from '../domain/key-state.ts'
import type { KeyLimits } from '../domain/limit.ts'
import type { KeyUpdate } from '../domain/key-store.ts'
import type { ServiceKey } from '../domain/service-key.ts'
import { listEdit, textEdit } from './edited.ts'
import { grantsOf } from './grants.ts'
import { limitsEdit, limitsOf, type AskedLimits } from './limits.ts'
import {
  changing,
  existingKey,
  keyChange,
  noSuchKey,
  refuseChanged,
  viewOf,
  type KeysParts,
  type KeyView,
} from './parts.ts'
import { KeysRefused, type KeysRefusalCode } from './refused.ts'
import { nameOf } from './text.ts'

/**
 * Changes a key's name, and what it may do: for itself, and for the living keys that it minted, so that none of them
 * may do more than it was left. Answers the key as it then is.
 */
export type EditKey = (
  id: string,
  input: EditKeyInput,
  actor: string,
) => Promise<{ key: KeyView; version: number }>

/** What is left out stays as it is. */
export interface EditKeyInput {
  name?: string
  /** All of its patterns; an empty list takes the limit away. */
  tools?: readonly string[]
  /** All of its blocks; an empty list takes the limit away. */
  addresses?: readonly string[]
  /** All of its limits; none take those that it has away. */
  limits?: AskedLimits
  /** The version that the change was made for: of another one nothing is changed (`version_changed`). */
  ifMatch?: number
}

/** Edits keys over a store. */
export function createEdit({ store, clock }: KeysParts): EditKey {
  return async (id, { name, tools, addresses, limits: askedLimits, ifMatch }, actor) => {
    if (!isId(id)) throw noSuchKey()
    const asked = {
      ...(name === undefined ? {} : { name: nameOf(name) }),
      ...(tools === undefined ? {} : { tools: grantsOf({ tools }).tools ?? null }),
      ...(addresses === undefined ? {} : { addresses: grantsOf({ addresses }).addresses ?? null }),
      ...(askedLimits === undefined ? {} : { limits: limitsOf(askedLimits) ?? {} }),
    }
    const now = clock.now()
    await changing(() =>
      store.changeKeys({ keyId: id }, { at: now }, ({ key, user, minted, version }) => {
        if (key === null) throw noSuchKey()
        refuseChanged(ifMatch, version)
        const refusal = refusals[keyState(key, user, now)]
        if (refusal !== null) throw new KeysRefused(refusal, 'id', 'this key is dead: it opens nothing')
        const { name: _, ...mayDo } = asked
        const edits = [
          editOf(key, asked, null),
          ...minted
            .filter((child) => refusals[keyState(child, user, now)] === null)
            .map((child) => editOf(child, mayDo, key.id)),
        ].filter((edit) => edit !== null)
        if (edits.length === 0) return { plan: null, result: undefined }
        const plan = {
          updateKeys: edits.map(({ update }) => update),
          changes: edits.map(({ update, reason }) =>
            keyChange(update.id, 'edited', { actor, reason, at: now }),
          ),
        }
        return { plan, result: undefined }
      }),
    )
    const found = await existingKey(store, id)
    return { key: viewOf(found, now), version: found.version }
  }
}

/** A dead key stays as it was when it died. */
const refusals: Record<KeyState, KeysRefusalCode | null> = {
  active: null,
  retiring: null,
  disabled: null,
  expired: 'key_expired',
  retired: 'key_retired',
  revoked: 'key_revoked',
}

interface AskedEdit {
  name?: string
  /** Null: no limit. */
  tools?: readonly string[] | null
  addresses?: readonly string[] | null
  limits?: KeyLimits
}

/** Null where nothing would change. */
function editOf(
  key: ServiceKey,
  { name, tools, addresses, limits }: AskedEdit,
  becauseOf: string | null,
): { update: KeyUpdate; reason: string } | null {
  const { grants } = key
  const changed = [
    name === undefined ? null : textEdit('name', key.name, name),
    tools === undefined ? null : listEdit('tools', grants.tools, tools),
    addresses === undefined ? null : listEdit('addresses', grants.addresses, addresses),
    limits === undefined ? null : limitsEdit(grants.limits, limits),
  ].filter((text) => text !== null)
  if (changed.length === 0) return null
  const update: KeyUpdate = {
    id: key.id,
    ...(name === undefined ? {} : { name }),
    ...(tools === undefined && addresses === undefined && limits === undefined
      ? {}
      : { grants: limited(grants, tools, addresses, limits) }),
  }
  const why = becauseOf === null ? [] : [`with the key ${becauseOf}, which made it`]
  return { update, reason: [...changed, ...why].join('; ') }
}

function limited(
  grants: Grants,
  tools: AskedEdit['tools'],
  addresses: AskedEdit['addresses'],
  limits: AskedEdit['limits'],
): Grants {
  const { tools: oldTools = null, addresses: oldAddresses = null, limits: oldLimits, ...others } = grants
  const newTools = tools === undefined ? oldTools : tools
  const newAddresses = addresses === undefined ? oldAddresses : addresses
  const newLimits = limits === undefined ? (oldLimits ?? {}) : countedAsBefore(limits, oldLimits)
  const edited = {
    ...others,
    ...(newTools === null ? {} : { tools: newTools }),
    ...(newAddresses === null ? {} : { addresses: newAddresses }),
    ...(Object.keys(newLimits).length === 0 ? {} : { limits: newLimits }),
  }
  return Object.keys(edited).length === 0 ? noGrants : edited
}

/** What a key has used counts on, whatever its limits are. */
function countedAsBefore(limits: KeyLimits, before: KeyLimits | undefined): KeyLimits {
  return before?.countedAs === undefined ? limits : { ...limits, countedAs: before.countedAs }
}
