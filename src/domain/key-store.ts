import type { Notice } from './notice.ts'
import type { Page } from './ports.ts'
import type { ServiceKey, ServiceUser } from './service-key.ts'

export const changeKinds = [
  'created',
  'revoked',
  'rotated',
  'overlap-changed',
  'rotation-undone',
  'secret-reissued',
  'retired',
  'disabled',
  'enabled',
] as const

/**
 * What was done. `rotated` stands at the predecessor, and its successor is `created`; `retired`: the overlap ended,
 * as the tidy-up recorded it; `secret-reissued`: an unused successor has a new token.
 */
export type ChangeKind = (typeof changeKinds)[number]

/** One row of `changes`: history on the page, and the nodes' feed. */
export interface Change {
  epoch: number
  actor: string
  subjectKind: 'service-user' | 'service-key'
  subjectId: string
  what: ChangeKind
  reason: string | null
  at: number
}

export interface KeyFilter {
  serviceUserId?: string
  cursor?: string
  limit: number
}

/** A key with its service user: how lists and pages show it. */
export interface KeyWithUser {
  key: ServiceKey
  user: ServiceUser
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
  /** Of the situation's service user. */
  updateUser?: { disabledAt: number | null }
  changes: readonly Omit<Change, 'epoch'>[]
  notices?: readonly Notice[]
  /** When the sweep has to look at a key next; null: never again. */
  schedule?: ReadonlyMap<string, number | null>
  remember?: IdempotencyKey & Remembered & { at: number }
}

export interface KeyUpdate {
  id: string
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
  /** Oldest first, by id. */
  listServiceUsers(page: { cursor?: string; limit: number }): Promise<Page<ServiceUser>>
  /** By id or by name. */
  findServiceUser(idOrName: string): Promise<ServiceUser | null>
  /**
   * Locks the service user, asks `decide` with what is there at that moment, and does what it says; again from the
   * start where the engine says so. What `decide` throws undoes everything. Throws `not_found`.
   */
  changeKeys<T>(
    subject: { serviceUserId: string } | { keyId: string },
    asked: { at: number; idempotencyKey?: IdempotencyKey },
    decide: (situation: KeySituation) => Decision<T>,
  ): Promise<T>
  /** Newest first. */
  listKeys(filter: KeyFilter): Promise<Page<KeyWithUser>>
  findKey(id: string): Promise<KeyWithUser | null>
  /** What the key was rotated into, unless that is revoked. */
  findSuccessor(id: string): Promise<KeyWithUser | null>
  /** The changes of one subject, newest first. */
  history(subjectId: string): Promise<Change[]>
}
