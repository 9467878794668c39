import { isId } from '../../domain/id.ts'
import type { Invitation, PeopleStore } from '../../domain/people-store.ts'
import { StoreConflict } from '../../domain/ports.ts'
import { instant } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { insertPerson, lockPeople, recordPersonChange } from './person.ts'

type InvitationQueries = Pick<
  PeopleStore,
  'invite' | 'listInvitations' | 'findInvitation' | 'withdrawInvitation' | 'acceptInvitation'
>

interface InvitationRow {
  id: string
  email: string
  role: Invitation['role']
  invited_by: string
  created_at: number
  expires_at: number
}

const columns = 'id, email, role, invited_by, created_at, expires_at'

/** Statements about invitations. */
export function invitationQueries(database: Database): InvitationQueries {
  return {
    invite: (invitation, digest) =>
      database.transaction(async (queries) => {
        const { id, role, invitedBy, createdAt: at } = invitation
        const email = invitation.email.toLowerCase()
        await lockPeople(queries)
        const taken = await queries.query(
          'SELECT 1 FROM postern.people WHERE email = $1 AND disabled_at IS NULL',
          [email],
        )
        if (taken.length > 0) throw new StoreConflict('email_taken', 'a person has this address already')
        await queries.query(
          'UPDATE postern.invitations SET closed_at = $2 WHERE email = $1 AND closed_at IS NULL',
          [email, instant(at)],
        )
        await queries.query(
          `INSERT INTO postern.invitations (
             id, email, role, hashed_token, invited_by, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)`,
          [id, email, role, digest, invitedBy, instant(at), instant(invitation.expiresAt)],
        )
        await recordPersonChange(queries, id, 'invited', { actor: invitedBy, at })
      }),

    listInvitations: async () => {
      const rows = await database.query<InvitationRow>(
        `SELECT ${columns} FROM postern.invitations WHERE closed_at IS NULL ORDER BY id DESC`,
      )
      return rows.map(invitationOf)
    },

    findInvitation: (by, now) => openInvitation(database, by, now),

    withdrawInvitation: (id, by) =>
      database.transaction(async (queries) => {
        await lockPeople(queries)
        const closed = isId(id)
          ? await queries.query(
              'UPDATE postern.invitations SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL RETURNING id',
              [id, instant(by.at)],
            )
          : []
        if (closed.length === 0)
          throw new StoreConflict('not_found', 'there is no open invitation of this id')
        await recordPersonChange(queries, id, 'invitation-withdrawn', by)
      }),

    acceptInvitation: async (by, person, at) => {
      // Before any lock: a stranger's guess must not hold up anyone's change.
      if ((await openInvitation(database, by, at)) === null) throw invalid()
      return database.transaction(async (queries) => {
        await lockPeople(queries)
        const invitation = await openInvitation(queries, by, at)
        if (invitation === null) throw invalid()
        await queries.query('UPDATE postern.invitations SET closed_at = $2 WHERE id = $1', [
          invitation.id,
          instant(at),
        ])
        const { email, role } = invitation
        return insertPerson(queries, { ...person, email, role }, { actor: `person:${person.id}`, at })
      })
    },
  }
}

function invalid(): StoreConflict {
  return new StoreConflict('link_invalid', 'the invitation is not one that works, or works no longer')
}

async function openInvitation(
  queries: Queries,
  by: { digest: Buffer } | { email: string },
  now: number,
): Promise<Invitation | null> {
  const [condition, value] =
    'digest' in by ? ['hashed_token = $1', by.digest] : ['email = $1', by.email.toLowerCase()]
  const [row] = await queries.query<InvitationRow>(
    `SELECT ${columns} FROM postern.invitations WHERE ${condition} AND closed_at IS NULL AND expires_at > $2`,
    [value, instant(now)],
  )
  return row === undefined ? null : invitationOf(row)
}

function invitationOf(row: InvitationRow): Invitation {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    invitedBy: row.invited_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
