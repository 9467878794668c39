import type { CallRecord, EndRecord, Outcome, TrailRow } from './call.ts'
import type { Grants } from './grant.ts'
import type { ServiceKey, ServiceUser } from './service-key.ts'

/**
 * What the rooms need from a store. Both engines prove themselves against one conformance suite
 * (`test/store/conformance.ts`). Instants are epoch milliseconds. Any method throws {@link StoreUnavailable}
 * when the database can't be reached, and never answers from memory.
 */

/** The database could not be reached, or did not answer in time. What was asked may or may not have happened. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly code = 'store_unavailable'
}

/** A change that the store's rules refuse; `code` is stable. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict'
  readonly code: 'name_taken' | 'not_found' | 'already_revoked'
  constructor(code: StoreConflict['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A key as verification needs it, with what it needs of its service user. */
export interface StoredKey {
  id: string
  /** SHA-256 of the token: 32 bytes. */
  digest: Buffer
  serviceUserId: string
  customer: string | null
  grants: Grants
  expiresAt: number
  retiresAt: number | null
  revokedAt: number | null
  userDisabledAt: number | null
}

export interface Lookup {
  /** The epoch of the snapshot that the answer was read from. */
  epoch: number
  /** The keys found, in any order. Digests without a key are missing. */
  keys: StoredKey[]
}

/** What changed: the subject of one row of `changes`. */
export interface ChangedSubject {
  epoch: number
  subjectKind: 'service-user' | 'service-key'
  subjectId: string
  what: ChangeKind
}

export interface EpochPoll {
  epoch: number
  /** The changes after the epoch that was asked from, oldest first; at most `pollLimit` of them. */
  changes: ChangedSubject[]
}

/** How many changes one poll returns. A poll that returns as many may have left some out. */
export const pollLimit = 1000

/** For the verify room. */
export interface KeyLookup {
  /** One statement for all digests (32 bytes each), on the primary. */
  lookup(digests: readonly Buffer[]): Promise<Lookup>
  /** The current epoch and what changed after `sinceEpoch`, from one snapshot, on the primary. */
  poll(sinceEpoch: number): Promise<EpochPoll>
}

export type ChangeKind = 'created' | 'revoked'

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

export interface Page<T> {
  data: T[]
  /** Give it back to get the next page; null at the end. */
  nextCursor: string | null
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

/** For the keys room. Each change writes its row in `changes` in the same transaction. */
export interface KeyStore {
  createServiceUser(user: ServiceUser): Promise<void>
  /** Oldest first, by id. */
  listServiceUsers(page: { cursor?: string; limit: number }): Promise<Page<ServiceUser>>
  /** By id or by name. */
  findServiceUser(idOrName: string): Promise<ServiceUser | null>
  createKey(key: ServiceKey, digest: Buffer): Promise<void>
  /** Newest first. */
  listKeys(filter: KeyFilter): Promise<Page<KeyWithUser>>
  findKey(id: string): Promise<KeyWithUser | null>
  /** Ends the key at `at`. Throws `not_found` or `already_revoked`. */
  revokeKey(id: string, end: { at: number; actor: string; reason: string }): Promise<KeyWithUser>
  /** The changes of one subject, newest first. */
  history(subjectId: string): Promise<Change[]>
}

export interface TrailFilter {
  keyId?: string
  serviceUserId?: string
  tool?: string
  outcome?: Outcome
  /** Calls that arrived at or after / before this instant. */
  from?: number
  to?: number
  /** Rows that the database took at or after this instant: for following the trail. */
  recordedFrom?: number
  cursor?: string
  limit: number
}

export interface TrailBatch {
  calls: readonly CallRecord[]
  ends: readonly EndRecord[]
  /** Key id → the last instant at which it was used. */
  lastUsed: ReadonlyMap<string, number>
}

/** For the audit room. */
export interface TrailStore {
  /** All of the batch in one transaction. Rows that are there already stay as they are. */
  append(batch: TrailBatch): Promise<void>
  /** Newest first. */
  list(filter: TrailFilter): Promise<Page<TrailRow>>
}

/** A whole store: what `store/` gives to the wiring. */
export interface Store {
  readonly lookups: KeyLookup
  readonly keys: KeyStore
  readonly trail: TrailStore
  /** Applies the migrations that are missing; answers their numbers. */
  migrate(): Promise<number[]>
  /** Throws unless the schema is exactly the one that this code was built for. */
  checkSchema(): Promise<void>
  close(): Promise<void>
}

/** Where time comes from; the one thing that tests replace. */
export interface Clock {
  /** Wall time, epoch milliseconds. */
  now(): number
  /** Monotonic milliseconds, from any start. */
  monotonic(): number
}
