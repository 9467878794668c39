import { z } from 'zod'
import type { Invitation, ListedPerson, Person } from '../../domain/people-store.ts'
import { describe } from '../describe.ts'
import type { AdminApi } from '../guard.ts'
import { RequestRefused } from '../problem.ts'
import { nothingMore, paging as pagingSchema } from '../schemas-common.ts'
import * as schemas from '../schemas-people.ts'
import { body, jsonOnly, paging, query } from '../valid.ts'
import type { Link, People } from './people.ts'

/** The routes about people, where Postern signs them in; `peopleOrNull` gives null where the app around does. */
export function peopleRoutes(api: AdminApi, peopleOrNull: () => People | null): void {
  function known(): People {
    const people = peopleOrNull()
    if (people !== null) return people
    throw new RequestRefused(404, 'people_elsewhere', 'The app around this page decides who may sign in.')
  }

  api.get(
    '/people',
    describe({
      summary: 'List who may sign in, oldest first, and the open invitations',
      needs: 'oversee',
      status: 200,
      answer: schemas.peopleSchema,
      refusals: [400, 404],
    }),
    query(z.object(pagingSchema)),
    async (c) => {
      const { data, nextCursor } = await known().list(paging(c.req.valid('query')))
      const invitations = await known().invitations()
      return c.json({ data: data.map(listedJson), nextCursor, invitations: invitations.map(invitationJson) })
    },
  )

  api.post(
    '/people/invitations',
    describe({
      summary: 'Invite someone; an open invitation of the same address is replaced',
      needs: 'appoint',
      status: 201,
      answer: schemas.newInvitationSchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.invitation),
    async (c) => {
      const { invitation, url } = await known().invite(c.req.valid('json'), c.get('access').actor)
      return c.json({ ...invitationJson(invitation), url }, 201)
    },
  )

  api.delete(
    '/people/invitations/:id',
    describe({ summary: 'Withdraw an invitation', needs: 'appoint', status: 204, refusals: [404] }),
    async (c) => {
      await known().withdraw(idOf(c.req.param('id')), c.get('access').actor)
      return c.body(null, 204)
    },
  )

  api.patch(
    '/people/:id',
    describe({
      summary: "Change someone's role",
      needs: 'appoint',
      status: 200,
      answer: changedPerson,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.personEdit),
    async (c) => {
      const { role } = c.req.valid('json')
      const person = await known().setRole(idOf(c.req.param('id')), role, c.get('access').actor)
      return c.json(personJson(person))
    },
  )

  api.delete(
    '/people/:id',
    describe({
      summary: 'Remove someone: their sessions end at once',
      needs: 'appoint',
      status: 204,
      refusals: [404, 409],
    }),
    async (c) => {
      await known().remove(idOf(c.req.param('id')), c.get('access').actor)
      return c.body(null, 204)
    },
  )

  api.post(
    '/people/:id/sign-out-everywhere',
    describe({ summary: 'End all sessions of someone', needs: 'appoint', status: 204, refusals: [404] }),
    async (c) => {
      await known().signOutEverywhere(idOf(c.req.param('id')), c.get('access').actor)
      return c.body(null, 204)
    },
  )

  api.post(
    '/setup-links',
    describe({
      summary: 'Make a link for another administrator; over the socket only',
      needs: 'appoint',
      status: 201,
      answer: schemas.setupLinkSchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(setupLink),
    async (c) => {
      const { via, actor } = c.get('access')
      if (via !== 'socket')
        throw new RequestRefused(403, 'role_refused', 'Only whoever holds the machine may do this.')
      return c.json(linkJson(await known().administratorLink(c.req.valid('json').email, actor)), 201)
    },
  )
}

const changedPerson = schemas.personSchema.omit({ lastSignInAt: true, passkeys: true })

const setupLink = nothingMore.extend({
  email: z.string().max(2000).optional().describe('Whom it is for, where there is an administrator already'),
})

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

function idOf(text: string): string {
  if (uuid.test(text)) return text.toLowerCase()
  throw new RequestRefused(404, 'not_found', 'There is nobody, or no open invitation, of this id.')
}

function listedJson(person: ListedPerson): schemas.PersonJson {
  const { lastSignInAt, passkeys } = person
  return {
    ...personJson(person),
    lastSignInAt: lastSignInAt === null ? null : instant(lastSignInAt),
    passkeys,
  }
}

function personJson(person: Person): z.infer<typeof changedPerson> {
  const { id, email, name, role, emailVerified, createdAt, disabledAt } = person
  return {
    id,
    email,
    name,
    role,
    emailVerified,
    createdAt: instant(createdAt),
    disabledAt: disabledAt === null ? null : instant(disabledAt),
  }
}

function invitationJson({
  id,
  email,
  role,
  invitedBy,
  createdAt,
  expiresAt,
}: Invitation): schemas.InvitationJson {
  return { id, email, role, invitedBy, createdAt: instant(createdAt), expiresAt: instant(expiresAt) }
}

function linkJson({ url, expiresAt }: Link): schemas.SetupLinkJson {
  return { url, expiresAt: instant(expiresAt) }
}

function instant(at: number): string {
  return new Date(at).toISOString()
}
