import type { NewPerson, Person, PersonRole } from '../../domain/people-store.ts'
import { newId } from '../../domain/id.ts'
import { StoreConflict } from '../../domain/ports.ts'
import { violates } from '../database.ts'
import type { Queries } from '../database.ts'
import { recordChanges } from './changes.ts'
import { insertRecord } from './logins.ts'

/** The columns of a person under `p.`. */
export const personColumns = 'p.id, p.email, p.name, p.role, p.email_verified, p.created_at, p.disabled_at'

export interface PersonRow {
  id: string
  email: string
  name: string
  role: Person['role']
  email_verified: boolean
  created_at: number
  disabled_at: number | null
}

/** A person from a row with {@link personColumns}. */
export function personOf(row: PersonRow): Person {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    emailVerified: row.email_verified,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
  }
}

/**
 * Puts this transaction in a row with all others that change people: what it reads from here on stays so until it
 * commits. The counter's row is locked in its end anyway, to record the changes.
 */
export async function lockPeople(queries: Queries): Promise<void> {
  await queries.query('SELECT epoch FROM postern.change_counter FOR UPDATE')
}

/** Writes a person with a verified address, their password where they have one, and the change. */
export async function insertPerson(
  queries: Queries,
  { id, name, passwordHash, email, role }: NewPerson & { email: string; role: PersonRole },
  by: { actor: string; at: number },
): Promise<Person> {
  const made = { createdAt: new Date(by.at), updatedAt: new Date(by.at) }
  const address = email.toLowerCase()
  try {
    await insertRecord(queries, 'user', { id, email: address, name, role, emailVerified: true, ...made })
  } catch (error) {
    if (violates(error, 'people_email_once'))
      throw new StoreConflict('email_taken', 'a person has this address already')
    throw error
  }
  if (passwordHash !== null)
    await insertRecord(queries, 'account', {
      ...{ id: newId(by.at), userId: id, providerId: 'credential', accountId: id, password: passwordHash },
      ...made,
    })
  await recordPersonChange(queries, id, 'created', by)
  return {
    ...{ id, email: address, name, role, emailVerified: true },
    ...{ createdAt: by.at, disabledAt: null },
  }
}

/** Records what was done to a person, or to an invitation. */
export async function recordPersonChange(
  queries: Queries,
  subjectId: string,
  what: 'created' | 'edited' | 'removed' | 'signed-out' | 'invited' | 'invitation-withdrawn',
  { actor, at }: { actor: string; at: number },
): Promise<void> {
  await recordChanges(queries, [{ actor, subjectKind: 'person', subjectId, what, reason: null, at }])
}

/** Whether there is an administrator, other than this person where one is named. */
export async function hasAdministrator(queries: Queries, exceptId: string | null): Promise<boolean> {
  const [found] = await queries.query(
    `SELECT 1 FROM postern.people
     WHERE role = 'admin' AND disabled_at IS NULL AND ($1::uuid IS NULL OR id <> $1) LIMIT 1`,
    [exceptId],
  )
  return found !== undefined
}
