import type { Grants } from './grant.ts'
import type { KeyState } from './key-state.ts'
import type { Notice } from './notice.ts'
import type { Page } from './ports.ts'
import type { ServiceKey, ServiceUser } from './service-key.ts'
import type { DayUsage } from './usage-store.ts'

export const changeKinds = [
  'created',
  'edited',
  'revoked',
  'rotated',
  'overlap-changed',
  'rotation-undone',
  'secret-reissued',
  'retired',
  'disabled',
  'enabled',
  'invited',
  'invitation-withdrawn',
  'signed-out',
  'removed',
  'restore-acknowledged',
] as const

/**
 * What was done. `rotated` stands at the predecessor, and its successor is `created`; `retired`: the overlap ended,
 * as the tidy-up recorded it; `secret-reissued`: an unused successor has a new token. `invited` and what follows it
 * are people's: an invitation's change has the invitation's id for its subject. `restore-acknowledged` is the
 * deployment's own.
 */
export type ChangeKind = (typeof changeKinds)[number]

/** One row of `changes`: history on the page, and the nodes' feed. */
export interface Change {
  epoch: number
  actor: string
  subjectKind: SubjectKind
  subjectId: string
  what: ChangeKind
  reason: string | null
  at: number
}

export type SubjectKind = 'service-user' | 'service-key' | 'person' | 'management-key' | 'deployment'

export const keySorts = ['created', 'name', 'expires', 'last-used', 'calls'] as const

export type KeySort = (typeof keySorts)[number]

/** Which keys to list; what is missing leaves none out. Texts are compared without regard to case. */
export interface KeyFilter {
  serviceUserId?: string
  /** The owner or the backup owner of the service user: an address. */
  owner?: string
  /** As `owner`, and beside it: what an owner may see at all. */
  ownedBy?: string
  customer?: string
  /** Part of the key's name, its service user's name or owner, or the beginning of the key's start. */
  search?: string
  states?: readonly KeyState[]
  /** Keys that called this tool in the 30 days until `now`. */
  tool?: string
  /** Keys that live and end before this instant, by expiry or by the end of their overlap. */
  expiringBefore?: number
  /** Keys that were not used since this instant, and are older than it. */
  unusedSince?: number
  /** `created`, and newest first, unless said. Keys without a last use come after those that have one, either way. */
  sort?: KeySort
  direction?: 'asc' | 'desc'
  /** Of a list with the same sort and direction. */
  cursor?: string
  limit: number
  /** The instant by which states are judged, and at which the 30 days end. */
  now: number
}

/** A key with its service user: how lists and pages show it. */
export interface KeyWithUser {
  key: ServiceKey
  user: ServiceUser
}

/** {@link KeyWithUser} as it can be changed on condition. */
export interface VersionedKey extends KeyWithUser {
  /** Epoch of the newest row of `changes` about the key; 0 where there is none. The ETag. */
  version: number
}

/** {@link ServiceUser} as it can be changed on condition. */
export interface VersionedUser extends ServiceUser {
  /** As {@link VersionedKey.version}, about the service user. */
  version: number
}

/** One row of the list of keys. */
export interface ListedKey extends VersionedKey {
  /** Calls and refused ones of the 30 days (UTC) that end with today. */
  calls30d: number
  refused30d: number
  /** 30 of them, oldest first, those without calls too. */
  days: readonly DayUsage[]
}

/** Who asked for what, so that a repeat of the same request changes nothing. */
export interface IdempotencyKey {
  actor: string
  key: string
}

/** What an {@link IdempotencyKey} led to. */
export interface Remembered {
  /** SHA-256 of what was asked: 32 bytes. */
  request: Buffer
  subjectId: string
}

/** What a change is decided on: read under the lock that puts all changes to one service user's keys in a row. */
export interface KeySituation {
  user: ServiceUser
  /** The key that it is about; null where it is about the service user. */
  key: ServiceKey | null
  /** What the key was rotated from. */
  predecessor: ServiceKey | null
  /** What the key was rotated into, unless that is revoked. */
  successor: ServiceKey | null
  /** The keys that it minted itself, and all that those minted, without the revoked ones. */
  minted: readonly ServiceKey[]
  /**
   * All that came of it by rotation, further and further, the revoked ones too; of its predecessor where it has one.
   */
  line: readonly ServiceKey[]
  /** How many keys of the service user are active: not retiring, retired, expired or revoked. */
  activeKeys: number
  /** What the request's idempotency key led to before. */
  remembered: Remembered | null
  /** Epoch of the newest row of `changes` about the key, or about the service user where no key is concerned. */
  version: number
}

/**
 * What is written, in one transaction; each change under an epoch of its own, in order. Keys are inserted before
 * others are updated. A revoked key stays revoked, with its first reason. Where a key that is to have a new
 * secret was used meanwhile, it is decided again.
 */
export interface ChangePlan {
  insertKeys?: readonly { key: ServiceKey; digest: Buffer }[]
  /** Columns that are missing stay as they are. */
  updateKeys?: readonly KeyUpdate[]
  /** Of the situation's service user. Columns that are missing stay as they are. */
  updateUser?: Partial<Pick<ServiceUser, 'name' | 'owner' | 'backupOwner' | 'customer' | 'disabledAt'>>
  changes: readonly Omit<Change, 'epoch'>[]
  notices?: readonly Notice[]
  /** When the sweep has to look at a key next; null: never again. */
  schedule?: ReadonlyMap<string, number | null>
  remember?: IdempotencyKey & Remembered & { at: number }
}

export interface KeyUpdate {
  id: string
  name?: string
  grants?: Grants
  retiresAt?: number | null
  revoked?: { at: number; reason: string }
  /** A new secret in place of one that was never used. */
  secret?: { digest: Buffer; start: string }
}

/** What was decided; without a plan nothing is written. */
export interface Decision<T> {
  plan: ChangePlan | null
  result: T
}

/** For the keys room. Each change writes its rows in `changes` in the same transaction. */
export interface KeyStore {
  createServiceUser(user: ServiceUser): Promise<void>
  /** Oldest first, by id. `ownedBy`: whose owner or backup owner has this address. */
  listServiceUsers(filter: { ownedBy?: string; cursor?: string; limit: number }): Promise<Page<VersionedUser>>
  /** By id or by name. */
  findServiceUser(idOrName: string): Promise<VersionedUser | null>
  /**
   * Locks the service user, asks `decide` with what is there at that moment, and does what it says; again from the
   * start where the engine says so. What `decide` throws undoes everything. Throws `not_found`, and `name_taken` for a
   * service user's new name that another has.
   */
  changeKeys<T>(
    subject: { serviceUserId: string } | { keyId: string },
    asked: { at: number; idempotencyKey?: IdempotencyKey },
    decide: (situation: KeySituation) => Decision<T>,
  ): Promise<T>
  /** Throws an error of the code `cursor_invalid` for a cursor of another list. */
  listKeys(filter: KeyFilter): Promise<Page<ListedKey>>
  findKey(id: string): Promise<VersionedKey | null>
  /** What the key was rotated into, unless that is revoked. */
  findSuccessor(id: string): Promise<KeyWithUser | null>
  /** The changes of one subject of any kind, newest first. */
  history(subjectId: string): Promise<Change[]>
}
