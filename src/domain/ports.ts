import type { CallRecord, EndRecord, Outcome, TrailRow } from './call.ts'
import type { Grants } from './grant.ts'
import type { JobLeases } from './job-lease.ts'
import type { ChangeKind, KeyStore } from './key-store.ts'
import type { ManagementKeyStore } from './management-key.ts'
import type { NodeStore } from './node-store.ts'
import type { NoticeStore } from './notice-store.ts'
import type { LoginRecords, PeopleStore } from './people-store.ts'
import type { CheckpointStore, SealedTrail, SinkStore, TrailUpkeep } from './sealed-trail.ts'
import type { UsageStore } from './usage-store.ts'
import type { SealRecord } from './seal.ts'
import type { Reason } from './verdict.ts'

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
  readonly code:
    | 'name_taken'
    | 'not_found'
    | 'email_taken'
    | 'link_invalid'
    | 'administrator_exists'
    | 'last_administrator'
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

/** What changed: the subject of one row of `changes`, where that concerns verification. */
export interface ChangedSubject {
  epoch: number
  subjectKind: 'service-user' | 'service-key'
  subjectId: string
  what: ChangeKind
}

export interface EpochPoll {
  epoch: number
  /** The changes to keys and service users after the epoch that was asked from, oldest first; at most `pollLimit`. */
  changes: ChangedSubject[]
  history: PolledHistory
}

/** By what a poller tells whether the history that it knows is the one that the database has. */
export interface PolledHistory {
  /** Which database: its backups have the same id. */
  databaseId: string
  /** Tells the change of the polled epoch, and the one of the epoch that was asked from, from others; null: none. */
  mark: string | null
  sinceMark: string | null
  /** The epoch of the last acknowledged restore; 0: there was none. */
  restoredEpoch: number
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

export interface Page<T> {
  data: T[]
  /** Give it back to get the next page; null at the end. */
  nextCursor: string | null
}

/** Who still uses a key. */
export interface KeyUsage {
  /** Calls since the instant that was asked from; denials too, but for those because the key was dead. */
  calls: number
  lastUsedAt: number | null
  lastAddress: string | null
  /** The user agent of the last call. */
  lastClient: string | null
  /** Most called first; at most 20. */
  tools: { tool: string; calls: number }[]
}

export interface TrailFilter {
  keyId?: string
  serviceUserId?: string
  /** Calls of service users whose owner or backup owner has this address. */
  ownedBy?: string
  tool?: string
  outcome?: Outcome
  reason?: Reason
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
  /** Seals the batch. Without it the rows are as those from before sealing. */
  chain?: Chain
}

/** A writer's chain of seals, as far as its process knows it. */
export interface Chain {
  readonly writer: string
  /** The next seal, over these rows, which are all new to the trail; null while it isn't known what it follows. */
  next(calls: readonly CallRecord[], ends: readonly EndRecord[]): SealRecord | null
  /** What the next seal follows: the last one that the database has of this writer. */
  follow(head: ChainHead): void
}

/** The last seal of a chain; number 0 and `noSeal` where there is none. */
export type ChainHead = Pick<SealRecord, 'number' | 'seal'>

/** Numbers of one run that are missing, with the arrival of the call before them. */
export interface SequenceGap {
  writer: string
  boot: string
  first: number
  last: number
  after: number
}

/** For the audit room. */
export interface TrailStore {
  /**
   * All of the batch in one transaction, with its seal. Rows that are there already stay as they are, and are left out
   * of the seal, so that each row is covered by one. A batch whose seal is there already is committed. Where the chain
   * has moved on, the rest is sealed again, onto what the database has.
   */
  append(batch: TrailBatch): Promise<void>
  /** Newest first. */
  list(filter: TrailFilter): Promise<Page<TrailRow>>
  /**
   * Numbers that no row of a run has, though rows before and after it are there, of calls that arrived from one instant
   * until before another; oldest first. Of calls that are under way, the number is taken and the row yet to come.
   */
  sequenceGaps(range: { from: number; to: number; limit: number }): Promise<SequenceGap[]>
  /** What each of the keys did since an instant, in their order. */
  usage(keyIds: readonly string[], since: number): Promise<KeyUsage[]>
}

/** A whole store: what `store/` gives to the wiring. */
export interface Store {
  readonly lookups: KeyLookup
  readonly keys: KeyStore
  readonly trail: TrailStore
  readonly notices: NoticeStore
  readonly usage: UsageStore
  readonly people: PeopleStore
  readonly logins: LoginRecords
  readonly managementKeys: ManagementKeyStore
  readonly nodes: NodeStore
  readonly jobs: JobLeases
  readonly sealedTrail: SealedTrail
  readonly checkpoints: CheckpointStore
  readonly sinks: SinkStore
  readonly upkeep: TrailUpkeep
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
