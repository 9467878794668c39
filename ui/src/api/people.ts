import { infiniteQueryOptions } from '@tanstack/react-query'
import { change, get } from './request.ts'
import type { InvitationJson, PeopleJson, PersonJson } from './types.ts'

/** Who may come in, as an administrator sees and changes it. */

export type Role = PersonJson['role']

export const peopleQuery = infiniteQueryOptions({
  queryKey: ['people'],
  queryFn: ({ pageParam, signal }) => get<PeopleJson>('/people', { cursor: pageParam }, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (page: PeopleJson) => page.nextCursor,
})

/** Its link, in the answer, is shown once. */
export function invite(input: { email: string; role: Role }) {
  return change<InvitationJson & { url: string }>('POST', '/people/invitations', input)
}

export function withdrawInvitation(id: string) {
  return change<undefined>('DELETE', `/people/invitations/${encodeURIComponent(id)}`)
}

export function setRole(id: string, role: Role) {
  return change<PersonJson>('PATCH', `/people/${encodeURIComponent(id)}`, { role })
}

export function removePerson(id: string) {
  return change<undefined>('DELETE', `/people/${encodeURIComponent(id)}`)
}

export function signOutEverywhere(id: string) {
  return change<undefined>('POST', `/people/${encodeURIComponent(id)}/sign-out-everywhere`, {})
}
