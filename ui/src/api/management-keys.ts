import { infiniteQueryOptions } from '@tanstack/react-query'
import { change, get } from './request.ts'
import type { IssuedManagementKeyJson, ManagementKeyJson, NewManagementKey, PageJson } from './types.ts'

/** The keys that open the admin API for programs, and no gateway route. */

export const managementKeysQuery = infiniteQueryOptions({
  queryKey: ['management-keys'],
  queryFn: ({ pageParam, signal }) =>
    get<PageJson<ManagementKeyJson>>('/management-keys', { cursor: pageParam }, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (page: PageJson<ManagementKeyJson>) => page.nextCursor,
})

/** Its token, in the answer, is shown once. */
export function issueManagementKey(input: NewManagementKey) {
  return change<IssuedManagementKeyJson>('POST', '/management-keys', input)
}

export function revokeManagementKey(id: string) {
  return change<ManagementKeyJson>('POST', `/management-keys/${encodeURIComponent(id)}/revoke`, {})
}
