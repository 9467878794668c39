import { isId } from '../../domain/id.ts'
import { StoreConflict } from '../../domain/ports.ts'
import type { KeyStore, VersionedUser } from '../../domain/key-store.ts'
import type { ServiceUser } from '../../domain/service-key.ts'
import { pageOf, readCursor } from '../cursor.ts'
import { instant, violates } from '../database.ts'
import type { Database } from '../database.ts'
import { recordChanges } from './changes.ts'

type ServiceUserQueries = Pick<KeyStore, 'createServiceUser' | 'listServiceUsers' | 'findServiceUser'>

/** The columns of a service user named as in the domain, behind any prefix: `u.` or none. */
export const serviceUserColumns = `
  u.id AS user_id, u.name AS user_name, u.owner AS user_owner, u.backup_owner AS user_backup_owner,
  u.customer AS user_customer, u.created_by AS user_created_by, u.created_at AS user_created_at,
  u.disabled_at AS user_disabled_at`

/** Epoch of the newest change to what has this id. */
export function versionOf(id: string): string {
  return `coalesce((SELECT max(h.epoch) FROM postern.changes h WHERE h.subject_id = ${id}), 0)`
}

/** The condition that the owner or backup owner of a service user under `u.` has an address. */
export function isOwnedBy(parameter: string): string {
  return `lower(${parameter}) IN (lower(u.owner), lower(u.backup_owner))`
}

export interface ServiceUserRow {
  user_id: string
  user_name: string
  user_owner: string | null
  user_backup_owner: string | null
  user_customer: string | null
  user_created_by: string
  user_created_at: number
  user_disabled_at: number | null
}

/** A service user from a row with {@link serviceUserColumns}. */
export function serviceUserOf(row: ServiceUserRow): ServiceUser {
  return {
    id: row.user_id,
    name: row.user_name,
    owner: row.user_owner,
    backupOwner: row.user_backup_owner,
    customer: row.user_customer,
    createdBy: row.user_created_by,
    createdAt: row.user_created_at,
    disabledAt: row.user_disabled_at,
  }
}

/** Statements about service users. */
export function serviceUserQueries(database: Database): ServiceUserQueries {
  return {
    createServiceUser: (user) =>
      database.transaction(async (queries) => {
        try {
          await queries.query(
            `INSERT INTO postern.service_users (
               id, name, owner, backup_owner, customer, created_by, created_at, disabled_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
            [
              user.id,
              user.name,
              user.owner,
              user.backupOwner,
              user.customer,
              user.createdBy,
              instant(user.createdAt),
              instant(user.disabledAt),
            ],
          )
        } catch (error) {
          if (violates(error, 'service_users_name_unique'))
            throw new StoreConflict('name_taken', 'a service user of this name exists already')
          throw error
        }
        await recordChanges(queries, [
          {
            actor: user.createdBy,
            subjectKind: 'service-user',
            subjectId: user.id,
            what: 'created',
            reason: null,
            at: user.createdAt,
          },
        ])
      }),

    listServiceUsers: async ({ ownedBy, cursor, limit }) => {
      const rows = await database.query<VersionedUserRow>(
        `SELECT ${serviceUserColumns}, ${versionOf('u.id')} AS version FROM postern.service_users u
         WHERE ($1::uuid IS NULL OR u.id > $1) AND ($2::text IS NULL OR ${isOwnedBy('$2')}) ORDER BY u.id LIMIT $3`,
        [cursor === undefined ? null : readCursor(cursor), ownedBy ?? null, limit + 1],
      )
      return pageOf(rows.map(versionedUser), limit, (user) => user.id)
    },

    findServiceUser: async (idOrName) => {
      const rows = await database.query<VersionedUserRow>(
        `SELECT ${serviceUserColumns}, ${versionOf('u.id')} AS version FROM postern.service_users u
         WHERE u.id = $1 OR u.name = $2
         ORDER BY u.id = $1 DESC NULLS LAST LIMIT 1`,
        [isId(idOrName) ? idOrName : null, idOrName],
      )
      return rows[0] === undefined ? null : versionedUser(rows[0])
    },
  }
}

type VersionedUserRow = ServiceUserRow & { version: number }

function versionedUser(row: VersionedUserRow): VersionedUser {
  return { ...serviceUserOf(row), version: row.version }
}
