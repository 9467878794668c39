import { isId } from '../domain/id.ts'
import { keyState, type KeyState } from '../domain/key-state.ts'
import { StoreConflict, type Clock, type Page, type TrailStore } from '../domain/ports.ts'
import type { Change, KeyStore, KeyWithUser, VersionedKey } from '../domain/key-store.ts'
import type { RotationPolicy } from '../domain/rotation.ts'
import type { ServiceKey } from '../domain/service-key.ts'
import type { LifePolicy } from './expiry.ts'
import { KeysRefused } from './refused.ts'

const pageRows = 200

/** The rules that keys live by: the settings' `policy`. Durations in milliseconds. */
export interface KeyPolicy extends LifePolicy, RotationPolicy {
  /** Active keys that a service user may have at once. */
  keysPerServiceUser: number
  requireOwner: boolean
}

/** What the keys room stands on. */
export interface KeysParts {
  store: KeyStore
  trail: Pick<TrailStore, 'usage'>
  clock: Pick<Clock, 'now'>
  policy: KeyPolicy
  /** The first is issued. */
  prefixes: readonly [string, ...string[]]
}

/** A key with its service user and the state that it is in now. */
export interface KeyView extends KeyWithUser {
  state: KeyState
}

/** A key as it is at `now` (epoch milliseconds). */
export function viewOf({ key, user }: KeyWithUser, now: number): KeyView {
  return { key, user, state: keyState(key, user, now) }
}

/** The key of this id. Throws {@link KeysRefused}: `not_found`. */
export async function existingKey(store: KeyStore, id: string): Promise<VersionedKey> {
  const found = isId(id) ? await store.findKey(id) : null
  if (found === null) throw noSuchKey()
  return found
}

export function noSuchKey(): KeysRefused {
  return new KeysRefused('not_found', 'id', 'no key has this id')
}

/** All keys that a service user has ever had, newest first. */
export async function allKeysOf(store: KeyStore, serviceUserId: string, now: number): Promise<ServiceKey[]> {
  const keys: ServiceKey[] = []
  let cursor: string | null = null
  do {
    const page: Page<KeyWithUser> = await store.listKeys({
      serviceUserId,
      limit: pageRows,
      now,
      ...(cursor === null ? {} : { cursor }),
    })
    keys.push(...page.data.map(({ key }) => key))
    cursor = page.nextCursor
  } while (cursor !== null)
  return keys
}

/** The row of `changes` about a key. */
export function keyChange(
  subjectId: string,
  what: Change['what'],
  by: { actor: string; reason: string | null; at: number },
): Omit<Change, 'epoch'> {
  return { subjectKind: 'service-key', subjectId, what, ...by }
}

/** A change to a key, with what the store can't find as the refusal of this room. */
export async function changing<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change()
  } catch (error) {
    if (error instanceof StoreConflict && error.code === 'not_found') throw noSuchKey()
    throw error
  }
}

/** Throws {@link KeysRefused}: `version_changed` where a change was made for another version than this. */
export function refuseChanged(ifMatch: number | undefined, version: number): void {
  if (ifMatch !== undefined && ifMatch !== version)
    throw new KeysRefused(
      'version_changed',
      'If-Match',
      'this was changed by somebody else meanwhile: look at it again, then repeat the change',
    )
}
