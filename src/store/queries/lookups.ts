import { pollLimit } from '../../domain/ports.ts'
import type { ChangedSubject, KeyLookup, StoredKey } from '../../domain/ports.ts'
import { bytesArray } from '../array.ts'
import { unavailable } from '../database.ts'
import type { Database } from '../database.ts'

// Both join from the counter, so that the epoch of the snapshot comes back even where there is nothing else.
const lookupStatement = `
  SELECT c.epoch, k.id, k.hashed_token, k.service_user_id, k.customer, k.grants, k.expires_at, k.retires_at,
         k.revoked_at, k.disabled_at
  FROM postern.change_counter c
  LEFT JOIN (
    SELECT k.id, k.hashed_token, k.service_user_id, u.customer, k.grants, k.expires_at, k.retires_at,
           k.revoked_at, u.disabled_at
    FROM postern.service_api_keys k JOIN postern.service_users u ON u.id = k.service_user_id
    WHERE k.hashed_token = ANY ($1::bytea[])
  ) k ON true`

/** Two histories that part have no change in common: another subject, or at least another millisecond. */
const markOf = (change: string): string =>
  `${change}.subject_id || ' ' || ${change}.what || ' ' || (extract(epoch FROM ${change}.at) * 1000)::bigint`

const pollStatement = `
  SELECT c.epoch, c.database_id, c.restored_epoch, ${markOf('last')} AS mark, ${markOf('since')} AS since_mark,
    pg_is_in_recovery() AS replica, h.epoch AS change_epoch, h.subject_kind, h.subject_id, h.what
  FROM postern.change_counter c
  LEFT JOIN postern.changes last ON last.epoch = c.epoch
  LEFT JOIN postern.changes since ON since.epoch = $1::bigint
  LEFT JOIN (
    SELECT epoch, subject_kind, subject_id, what FROM postern.changes
    WHERE epoch > $1::bigint AND subject_kind IN ('service-user', 'service-key') ORDER BY epoch LIMIT ${pollLimit}
  ) h ON true
  ORDER BY h.epoch`

interface LookupRow {
  epoch: number
  id: string | null
  hashed_token: Buffer
  service_user_id: string
  customer: string | null
  grants: StoredKey['grants']
  expires_at: number
  retires_at: number | null
  revoked_at: number | null
  disabled_at: number | null
}

interface PollRow {
  epoch: number
  database_id: string
  restored_epoch: number
  mark: string | null
  since_mark: string | null
  replica: boolean
  change_epoch: number | null
  subject_kind: ChangedSubject['subjectKind']
  subject_id: string
  what: ChangedSubject['what']
}

/** The two statements of the verify room. */
export function lookupQueries(database: Database): KeyLookup {
  return {
    lookup: async (digests) => {
      const rows = await database.read<LookupRow>(lookupStatement, [bytesArray(digests)])
      const keys = rows.flatMap(({ id, ...row }): StoredKey[] => (id === null ? [] : [storedKey(id, row)]))
      return { epoch: epochOf(rows), keys }
    },

    poll: async (sinceEpoch) => {
      const rows = await database.read<PollRow>(pollStatement, [sinceEpoch])
      const [first] = rows
      if (first === undefined) throw unavailable('the change counter has no row')
      // What a replica answers may be any age, and would be taken for fresh.
      if (rows.some((row) => row.replica)) throw unavailable('this server is a replica, not the primary')
      const changes = rows.flatMap((row): ChangedSubject[] => {
        if (row.change_epoch === null) return []
        const { change_epoch, subject_kind, subject_id, what } = row
        return [{ epoch: change_epoch, subjectKind: subject_kind, subjectId: subject_id, what }]
      })
      const history = {
        databaseId: first.database_id,
        mark: first.mark,
        sinceMark: first.since_mark,
        restoredEpoch: first.restored_epoch,
      }
      return { epoch: first.epoch, changes, history }
    },
  }
}

function storedKey(id: string, row: Omit<LookupRow, 'id'>): StoredKey {
  return {
    id,
    digest: row.hashed_token,
    serviceUserId: row.service_user_id,
    customer: row.customer,
    grants: row.grants,
    expiresAt: row.expires_at,
    retiresAt: row.retires_at,
    revokedAt: row.revoked_at,
    userDisabledAt: row.disabled_at,
  }
}

function epochOf(rows: readonly { epoch: number }[]): number {
  const epoch = rows[0]?.epoch
  if (epoch === undefined) throw unavailable('the change counter has no row')
  return epoch
}
