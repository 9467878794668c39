import { isId } from '../../domain/id.ts'
import type { ListedPerson, PeopleStore, Person } from '../../domain/people-store.ts'
import { StoreConflict } from '../../domain/ports.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { instant } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { hasAdministrator, lockPeople, personColumns, personOf, recordPersonChange } from './person.ts'
import type { PersonRow } from './person.ts'

type PeopleQueries = Pick<PeopleStore, 'list' | 'find' | 'setRole' | 'remove' | 'signOutEverywhere'>

/** Statements about people who are there. */
export function peopleQueries(database: Database): PeopleQueries {
  return {
    list: async ({ cursor, limit }) => {
      const rows = await database.query<PersonRow & { last_sign_in_at: number | null; passkeys: number }>(
        `SELECT ${personColumns},
           (SELECT max(s.created_at) FROM postern.sessions s WHERE s.user_id = p.id) AS last_sign_in_at,
           (SELECT count(*)::integer FROM postern.passkeys k WHERE k.user_id = p.id) AS passkeys
         FROM postern.people p
         WHERE p.disabled_at IS NULL AND ($1::uuid IS NULL OR p.id > $1) ORDER BY p.id LIMIT $2`,
        [cursor === undefined ? null : readCursor(cursor), limit + 1],
      )
      const people = rows.map((row): ListedPerson => ({
        ...personOf(row),
        lastSignInAt: row.last_sign_in_at,
        passkeys: row.passkeys,
      }))
      return pageOf(people, limit, ({ id }) => id)
    },

    find: async (id) => {
      if (!isId(id)) return null
      const [row] = await database.query<PersonRow>(
        `SELECT ${personColumns} FROM postern.people p WHERE p.id = $1`,
        [id],
      )
      return row === undefined ? null : personOf(row)
    },

    setRole: (id, role, by) =>
      database.transaction(async (queries) => {
        const person = await lockedPerson(queries, id)
        if (person.role === role) return person
        if (role !== 'admin') await refuseLastAdministrator(queries, person)
        await queries.query('UPDATE postern.people SET role = $2, updated_at = $3 WHERE id = $1', [
          id,
          role,
          instant(by.at),
        ])
        await recordPersonChange(queries, id, 'edited', by)
        return { ...person, role }
      }),

    remove: (id, by) =>
      database.transaction(async (queries) => {
        await refuseLastAdministrator(queries, await lockedPerson(queries, id))
        // A session that is made meanwhile opens nothing: its user isn't found.
        await queries.query('UPDATE postern.people SET disabled_at = $2, updated_at = $2 WHERE id = $1', [
          id,
          instant(by.at),
        ])
        for (const table of ['sessions', 'accounts', 'passkeys'])
          await queries.query(`DELETE FROM postern.${table} WHERE user_id = $1`, [id])
        await recordPersonChange(queries, id, 'removed', by)
      }),

    signOutEverywhere: (id, by) =>
      database.transaction(async (queries) => {
        await lockedPerson(queries, id)
        const sessions = await queries.query('DELETE FROM postern.sessions WHERE user_id = $1 RETURNING id', [
          id,
        ])
        await recordPersonChange(queries, id, 'signed-out', by)
        return sessions.length
      }),
  }
}

/** Someone who isn't disabled, with all changes to people held off. */
async function lockedPerson(queries: Queries, id: string): Promise<Person> {
  await lockPeople(queries)
  const [row] = isId(id)
    ? await queries.query<PersonRow>(
        `SELECT ${personColumns} FROM postern.people p WHERE p.id = $1 AND p.disabled_at IS NULL`,
        [id],
      )
    : []
  if (row === undefined) throw new StoreConflict('not_found', 'there is no person of this id')
  return personOf(row)
}

async function refuseLastAdministrator(queries: Queries, person: Person): Promise<void> {
  if (person.role === 'admin' && !(await hasAdministrator(queries, person.id)))
    throw new StoreConflict('last_administrator', 'no administrator would be left')
}
