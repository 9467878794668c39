import type { Page } from './ports.ts'

export const personRoles = ['admin', 'owner', 'auditor'] as const

export type PersonRole = (typeof personRoles)[number]

/** Someone who may sign in to the page. Times are epoch milliseconds. */
export interface Person {
  /** UUID. */
  id: string
  /** In lower case; at most one person who isn't disabled has it. */
  email: string
  name: string
  role: PersonRole
  emailVerified: boolean
  createdAt: number
  /** Set when the person was removed; their sessions, accounts and passkeys are gone. */
  disabledAt: number | null
}

/** A {@link Person} as the list of people shows them. */
export interface ListedPerson extends Person {
  lastSignInAt: number | null
  passkeys: number
}

/** An open invitation: neither accepted nor withdrawn, though it may have expired. */
export interface Invitation {
  /** UUID. */
  id: string
  email: string
  role: PersonRole
  invitedBy: string
  createdAt: number
  expiresAt: number
}

/** Who does something, and when. */
export interface By {
  actor: string
  at: number
}

/** Someone who comes in by a link. The id is a new one. */
export interface NewPerson {
  id: string
  name: string
  /** As Better Auth makes it; null for someone who will have a passkey or signs in elsewhere. */
  passwordHash: string | null
}

/**
 * People and the links by which they come in. Of each link, the SHA-256 of its token alone is kept (32 bytes). Each
 * change writes its row in `changes` in the same transaction, and all changes to people wait for each other. Throws
 * `StoreConflict`.
 */
export interface PeopleStore {
  /** Whether there is an administrator who isn't disabled. */
  hasAdministrator(): Promise<boolean>
  /** By id, oldest first; without the disabled. */
  list(page: { cursor?: string; limit: number }): Promise<Page<ListedPerson>>
  /** Disabled ones too. */
  find(id: string): Promise<Person | null>

  /** Keeps a link that makes the first administrator, for as long as there is none. */
  addSetupLink(link: { digest: Buffer; createdAt: number; expiresAt: number }): Promise<void>
  /**
   * Makes the first administrator, with an address that counts as verified: who holds the link holds the machine.
   * Throws `link_invalid` for a link that is unknown, used or expired at `at`, and `administrator_exists`. Of several
   * at once, with whatever links, one makes an administrator.
   */
  useSetupLink(digest: Buffer, person: NewPerson & { email: string }, at: number): Promise<Person>

  /** Takes the place of an open invitation of the same address. Throws `email_taken` where a person has it. */
  invite(invitation: Invitation, digest: Buffer): Promise<void>
  /** Open ones, newest first. */
  listInvitations(): Promise<Invitation[]>
  /** Null where it is unknown, used, withdrawn, or expired at `now`. */
  findInvitation(by: { digest: Buffer } | { email: string }, now: number): Promise<Invitation | null>
  /** Throws `not_found` where it isn't open. */
  withdrawInvitation(id: string, by: By): Promise<void>
  /**
   * Makes the invited person, of the invitation's address and role; once. The address counts as verified: the link was
   * sent there, or whoever asks by `email` has verified it. Throws `link_invalid` where {@link findInvitation} finds
   * none, and `email_taken`.
   */
  acceptInvitation(
    invitation: { digest: Buffer } | { email: string },
    person: NewPerson,
    at: number,
  ): Promise<Person>

  /** Throws `not_found`, and `last_administrator` where none would be left. */
  setRole(id: string, role: PersonRole, by: By): Promise<Person>
  /** Disables the person, and removes their sessions, accounts and passkeys. Throws as {@link setRole}. */
  remove(id: string, by: By): Promise<void>
  /** Removes the person's sessions; answers how many. Throws `not_found`. */
  signOutEverywhere(id: string, by: By): Promise<number>
}

/** The models of Better Auth and its passkey plugin, whose fields the store knows (`store/queries/login-fields.ts`). */
export type LoginModel = 'user' | 'session' | 'account' | 'verification' | 'passkey'

export type LoginValue = string | number | boolean | Date | null

export type LoginRecord = Record<string, LoginValue>

export interface LoginCondition {
  field: string
  operator:
    | 'eq'
    | 'ne'
    | 'lt'
    | 'lte'
    | 'gt'
    | 'gte'
    | 'in'
    | 'not_in'
    | 'contains'
    | 'starts_with'
    | 'ends_with'
  value: LoginValue | readonly string[] | readonly number[]
  /** How it goes with the others: all of `AND`, and at least one of `OR` where there are any. */
  connector?: 'AND' | 'OR'
  /** Whether texts are compared without regard to case. */
  isInsensitive?: boolean
}

/**
 * What a sign-in library keeps, by the library's own names of models and fields; every id is a UUID. Dates go in and
 * come out as `Date`. Users who are disabled aren't there. Throws a `TypeError` for a field that the model hasn't.
 */
export interface LoginRecords {
  create(model: LoginModel, record: LoginRecord): Promise<LoginRecord>
  findOne(model: LoginModel, where: readonly LoginCondition[]): Promise<LoginRecord | null>
  findMany(
    model: LoginModel,
    query: {
      where?: readonly LoginCondition[]
      limit?: number
      offset?: number
      sortBy?: { field: string; direction: 'asc' | 'desc' }
    },
  ): Promise<LoginRecord[]>
  /** Answers the records as they are then. */
  update(model: LoginModel, where: readonly LoginCondition[], changes: LoginRecord): Promise<LoginRecord[]>
  /** Removes one record and answers it; of several who take it at once, one gets it. */
  take(model: LoginModel, where: readonly LoginCondition[]): Promise<LoginRecord | null>
  /** Answers how many it removed. */
  delete(model: LoginModel, where: readonly LoginCondition[]): Promise<number>
  count(model: LoginModel, where: readonly LoginCondition[]): Promise<number>
}
