import { QueryClient, infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { ApiProblem } from './problem.ts'
import type { Query } from './query.ts'
import { get, getWithEtag } from './request.ts'
import type {
  CallJson,
  KeyAccessJson,
  KnownToolsJson,
  ListedKeyJson,
  NoticeJson,
  PageJson,
  RotationJson,
  ServiceUserJson,
  SettingsJson,
  ShownKeyJson,
  ToolUsageJson,
  UsageJson,
} from './types.ts'

/**
 * What the page reads, each with its key in the cache. The first part of a key is the subject: invalidating
 * `['keys']` makes all that is about keys be read again.
 */

/** The page's cache. Reads are repeated where that can help; changes never are without being asked. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        networkMode: 'always',
        retry: (failures, error) =>
          failures < 2 && (!(error instanceof ApiProblem) || error.status === 0 || error.status >= 500),
      },
      mutations: { networkMode: 'always' },
    },
  })
}

export const keysQuery = (filter: Query) => pages<ListedKeyJson>('keys', '/keys', filter)

/** One key with its history, and the ETag for a change to it. */
export const keyQuery = (id: string) =>
  queryOptions({
    queryKey: ['keys', 'one', id],
    queryFn: ({ signal }) => getWithEtag<ShownKeyJson>(`/keys/${encodeURIComponent(id)}`, {}, signal),
  })

export const keyUsageQuery = (id: string, range: Query) =>
  queryOptions({
    queryKey: ['keys', 'usage', id, range],
    queryFn: ({ signal }) => get<UsageJson>(`/keys/${encodeURIComponent(id)}/usage`, range, signal),
  })

export const keyToolsQuery = (id: string, range: Query) =>
  queryOptions({
    queryKey: ['keys', 'tools', id, range],
    queryFn: ({ signal }) => get<ToolUsageJson>(`/keys/${encodeURIComponent(id)}/tools`, range, signal),
  })

export const keyAccessQuery = (id: string) =>
  queryOptions({
    queryKey: ['keys', 'access', id],
    queryFn: ({ signal }) => get<KeyAccessJson>(`/keys/${encodeURIComponent(id)}/access`, {}, signal),
  })

export const keyRotationQuery = (id: string) =>
  queryOptions({
    queryKey: ['keys', 'rotation', id],
    queryFn: ({ signal }) => get<RotationJson>(`/keys/${encodeURIComponent(id)}/rotation`, {}, signal),
  })

export const serviceUsersQuery = (filter: Query) =>
  pages<ServiceUserJson>('service-users', '/service-users', filter)

/** One service user, and the ETag for a change to it. */
export const serviceUserQuery = (id: string) =>
  queryOptions({
    queryKey: ['service-users', 'one', id],
    queryFn: ({ signal }) =>
      getWithEtag<ServiceUserJson>(`/service-users/${encodeURIComponent(id)}`, {}, signal),
  })

export const trailQuery = (filter: Query) => pages<CallJson>('trail', '/audit', filter)

export const noticesQuery = (filter: Query) => pages<NoticeJson>('notices', '/notices', filter)

export const knownToolsQuery = queryOptions({
  queryKey: ['tools'],
  queryFn: ({ signal }) => get<KnownToolsJson>('/tools', {}, signal),
  staleTime: 60_000,
})

export const settingsQuery = queryOptions({
  queryKey: ['settings'],
  queryFn: ({ signal }) => get<SettingsJson>('/settings', {}, signal),
})

/** A list that is read page by page: `useInfiniteQuery(keysQuery({...}))`, with `rowsOf(data)` for its rows. */
function pages<T>(subject: string, path: string, filter: Query) {
  return infiniteQueryOptions({
    queryKey: [subject, 'list', filter],
    queryFn: ({ pageParam, signal }) => get<PageJson<T>>(path, { ...filter, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: PageJson<T>) => page.nextCursor,
  })
}

/** The rows of all pages read so far. */
export function rowsOf<T>(data: { pages: PageJson<T>[] } | undefined): T[] {
  return data?.pages.flatMap((page) => page.data) ?? []
}
