import { useQuery } from '@tanstack/react-query'
import { get } from '../api/request.ts'
import type { PageJson, ServiceUserJson } from '../api/types.ts'

/** As many as a list of the API gives at once; what isn't among them is shown by its id. */
const mostNames = 200

const namesQuery = {
  queryKey: ['service-users', 'names'],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    get<PageJson<ServiceUserJson>>('/service-users', { limit: mostNames }, signal),
  staleTime: 60_000,
}

/** What service users are called, by id: rows of the trail carry ids. Null where it isn't known. */
export function useServiceUserNames(isWanted: boolean): (id: string) => string | null {
  const { data } = useQuery({ ...namesQuery, enabled: isWanted })
  const names = new Map(data?.data.map(({ id, name }) => [id, name]))
  return (id) => names.get(id) ?? null
}

/** The names alone, to be offered where one is asked for. */
export function useKnownServiceUsers(isWanted: boolean): string[] {
  const { data } = useQuery({ ...namesQuery, enabled: isWanted })
  return data?.data.map(({ name }) => name) ?? []
}
