import type {
  By,
  Invitation,
  LoginCondition,
  LoginModel,
  LoginRecord,
  LoginRecords,
  PeopleStore,
  Person,
} from '../../../src/domain/people-store.ts'
import { StoreConflict } from '../../../src/domain/ports.ts'

interface KeptInvitation extends Invitation {
  digest: Buffer
  isOpen: boolean
}

export interface MemoryPeople {
  people: PeopleStore
  records: LoginRecords
  kept: Record<LoginModel, LoginRecord[]>
  changes: { what: string; subject: string; actor: string }[]
}

/** People and what a sign-in library keeps, as the store's contract says, in memory. */
export function createMemoryPeople(): MemoryPeople {
  const persons: Person[] = []
  const links: { digest: Buffer; expiresAt: number; isUsed: boolean }[] = []
  const invitations: KeptInvitation[] = []
  const kept: MemoryPeople['kept'] = { user: [], session: [], account: [], verification: [], passkey: [] }
  const changes: MemoryPeople['changes'] = []

  const note = (what: string, subject: string, actor: string) => void changes.push({ what, subject, actor })
  const active = () => persons.filter(({ disabledAt }) => disabledAt === null)
  const administrators = () => active().filter(({ role }) => role === 'admin')
  const findActive = (id: string): Person => {
    const found = active().find((person) => person.id === id)
    if (found === undefined) throw new StoreConflict('not_found', id)
    return found
  }
  const openInvitation = (by: { digest: Buffer } | { email: string }, now: number) =>
    invitations.find(
      (each) =>
        each.isOpen &&
        each.expiresAt > now &&
        ('digest' in by ? each.digest.equals(by.digest) : each.email === by.email),
    ) ?? null

  function add(person: Person, passwordHash: string | null): Person {
    if (active().some(({ email }) => email === person.email))
      throw new StoreConflict('email_taken', person.email)
    persons.push(person)
    const at = new Date(person.createdAt)
    if (passwordHash !== null)
      kept.account.push({
        id: `account of ${person.id}`,
        userId: person.id,
        providerId: 'credential',
        accountId: person.id,
        password: passwordHash,
        createdAt: at,
        updatedAt: at,
      })
    return person
  }

  function keepOneAdministrator(person: Person): void {
    if (person.role === 'admin' && administrators().length === 1)
      throw new StoreConflict('last_administrator', person.id)
  }

  const people: PeopleStore = {
    hasAdministrator: async () => administrators().length > 0,
    list: async () => ({
      data: active().map((person) => ({ ...person, lastSignInAt: null, passkeys: 0 })),
      nextCursor: null,
    }),
    find: async (id) => persons.find((person) => person.id === id) ?? null,
    addSetupLink: async ({ digest, expiresAt }) => void links.push({ digest, expiresAt, isUsed: false }),
    async useSetupLink(digest, { passwordHash, ...who }, at) {
      const link = links.find((each) => each.digest.equals(digest) && !each.isUsed && each.expiresAt > at)
      if (link === undefined) throw new StoreConflict('link_invalid', '')
      if (administrators().length > 0) throw new StoreConflict('administrator_exists', '')
      link.isUsed = true
      note('created', who.id, 'setup')
      return add(
        { ...who, role: 'admin', emailVerified: true, createdAt: at, disabledAt: null },
        passwordHash,
      )
    },
    async invite(invitation, digest) {
      if (active().some(({ email }) => email === invitation.email))
        throw new StoreConflict('email_taken', invitation.email)
      for (const each of invitations) if (each.email === invitation.email) each.isOpen = false
      invitations.push({ ...invitation, digest, isOpen: true })
      note('invited', invitation.id, invitation.invitedBy)
    },
    listInvitations: async () =>
      invitations
        .filter(({ isOpen }) => isOpen)
        .map(({ id, email, role, invitedBy, createdAt, expiresAt }) => ({
          ...{ id, email, role, invitedBy },
          ...{ createdAt, expiresAt },
        })),
    findInvitation: async (by, now) => openInvitation(by, now),
    async withdrawInvitation(id, { actor }) {
      const found = invitations.find((each) => each.id === id && each.isOpen)
      if (found === undefined) throw new StoreConflict('not_found', id)
      found.isOpen = false
      note('invitation-withdrawn', id, actor)
    },
    async acceptInvitation(by, { passwordHash, ...who }, at) {
      const found = openInvitation(by, at)
      if (found === null) throw new StoreConflict('link_invalid', '')
      const { email, role } = found
      const person = add(
        { ...who, email, role, emailVerified: true, createdAt: at, disabledAt: null },
        passwordHash,
      )
      found.isOpen = false
      note('created', who.id, email)
      return person
    },
    async setRole(id, role, { actor }: By) {
      const person = findActive(id)
      if (role !== 'admin') keepOneAdministrator(person)
      person.role = role
      note('edited', id, actor)
      return { ...person }
    },
    async remove(id, { actor, at }) {
      const person = findActive(id)
      keepOneAdministrator(person)
      person.disabledAt = at
      for (const model of ['session', 'account', 'passkey'] as const)
        kept[model] = kept[model].filter(({ userId }) => userId !== id)
      note('removed', id, actor)
    },
    async signOutEverywhere(id, { actor }) {
      findActive(id)
      const before = kept.session.length
      kept.session = kept.session.filter(({ userId }) => userId !== id)
      note('signed-out', id, actor)
      return before - kept.session.length
    },
  }

  /** The users of the library are the people. */
  const rowsOf = (model: LoginModel): LoginRecord[] =>
    model === 'user'
      ? active().map(({ id, email, name, emailVerified, createdAt }) => {
          const at = new Date(createdAt)
          return { id, email, name, emailVerified, image: null, createdAt: at, updatedAt: at }
        })
      : kept[model]
  const found = (model: LoginModel, where: readonly LoginCondition[] = []) =>
    rowsOf(model).filter((row) => matches(row, where))

  const records: LoginRecords = {
    async create(model, record) {
      kept[model].push(record)
      return record
    },
    findOne: async (model, where) => found(model, where)[0] ?? null,
    findMany: async (model, { where, limit, offset = 0 }) =>
      found(model, where).slice(offset, limit === undefined ? undefined : offset + limit),
    async update(model, where, update) {
      const rows = found(model, where)
      for (const row of rows) Object.assign(row, update)
      return rows
    },
    async take(model, where) {
      const [row] = found(model, where)
      kept[model] = kept[model].filter((each) => each !== row)
      return row ?? null
    },
    async delete(model, where) {
      const rows = found(model, where)
      kept[model] = kept[model].filter((each) => !rows.includes(each))
      return rows.length
    },
    count: async (model, where) => found(model, where).length,
  }
  return { people, records, kept, changes }
}

function matches(row: LoginRecord, where: readonly LoginCondition[]): boolean {
  return where.every(({ field, operator, value }) => {
    const is = row[field] ?? null
    if (operator === 'in') return Array.isArray(value) && (value as readonly unknown[]).includes(is)
    const left = is instanceof Date ? is.getTime() : is
    const right = value instanceof Date ? value.getTime() : value
    if (operator === 'eq') return left === right
    if (left === null || right === null) return false
    if (operator === 'lt') return left < right
    if (operator === 'gt') return left > right
    throw new Error(`the fake has no ${operator}`)
  })
}
