import type { PeopleStore } from '../../domain/people-store.ts'
import { StoreConflict } from '../../domain/ports.ts'
import { instant } from '../database.ts'
import type { Database } from '../database.ts'
import { hasAdministrator, insertPerson, lockPeople } from './person.ts'

type SetupLinkQueries = Pick<PeopleStore, 'hasAdministrator' | 'addSetupLink' | 'useSetupLink'>

const isOpen = 'hashed_token = $1 AND used_at IS NULL AND created_at <= $2 AND expires_at > $2'

/** Statements about the links that make the first administrator. */
export function setupLinkQueries(database: Database): SetupLinkQueries {
  return {
    hasAdministrator: () => hasAdministrator(database, null),

    addSetupLink: async ({ digest, createdAt, expiresAt }) => {
      await database.query(
        'INSERT INTO postern.setup_links (hashed_token, created_at, expires_at) VALUES ($1, $2, $3)',
        [digest, instant(createdAt), instant(expiresAt)],
      )
    },

    useSetupLink: async (digest, person, at) => {
      const invalid = (): StoreConflict =>
        new StoreConflict('link_invalid', 'the link is not one that works, or works no longer')
      // Before any lock: a stranger's guess must not hold up anyone's change.
      const known = await database.query(`SELECT 1 FROM postern.setup_links WHERE ${isOpen}`, [
        digest,
        instant(at),
      ])
      if (known.length === 0) throw invalid()
      return database.transaction(async (queries) => {
        await lockPeople(queries)
        if (await hasAdministrator(queries, null))
          throw new StoreConflict('administrator_exists', 'there is an administrator already')
        const used = await queries.query(
          `UPDATE postern.setup_links SET used_at = $2 WHERE ${isOpen} RETURNING used_at`,
          [digest, instant(at)],
        )
        if (used.length === 0) throw invalid()
        return insertPerson(queries, { ...person, role: 'admin' }, { actor: `person:${person.id}`, at })
      })
    },
  }
}
