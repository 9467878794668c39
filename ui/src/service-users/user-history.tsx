import { useQuery } from '@tanstack/react-query'
import { get } from '../api/request.ts'
import type { ChangeJson, PageJson } from '../api/types.ts'
import { ErrorState, SkeletonRows } from '../components/states.tsx'
import { HistoryList } from '../key/history-list.tsx'

/** What was done to a service user, by whom, why and when. */
export function UserHistory({ id }: { id: string }) {
  const changes = useQuery({
    queryKey: ['service-users', 'history', id],
    queryFn: ({ signal }) => get<PageJson<ChangeJson>>('/changes', { subject: id }, signal),
  })
  if (changes.data !== undefined) return <HistoryList changes={changes.data.data} what="This service user" />
  if (changes.error !== null)
    return <ErrorState error={changes.error} onRetry={() => void changes.refetch()} />
  return <SkeletonRows label="Loading the history" rows={2} />
}
