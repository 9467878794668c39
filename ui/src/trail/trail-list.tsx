import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { RefreshCw, ScrollText } from 'lucide-react'
import { useMemo, useState } from 'react'
import { rowsOf, trailQuery } from '../api/queries.ts'
import { serverNow } from '../api/server-time.ts'
import type { CallJson } from '../api/types.ts'
import { Button } from '../components/button.tsx'
import { StaleNote } from '../components/stale-note.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../components/states.tsx'
import { CallDialog } from './call-dialog.tsx'
import { CallTable } from './call-table.tsx'
import { ExportMenu } from './export-menu.tsx'
import { FilterBar } from './filter-bar.tsx'
import { LiveControls } from './live-controls.tsx'
import { merged } from './live-rows.ts'
import { isNarrowed, queryOfFilter, type TrailFilter } from './trail-filter.ts'
import { useLiveTail } from './use-live-tail.ts'

/** So long "the last hour" may count back from when it was chosen. */
const rangeKeptMs = 300_000

/** Rows of the trail under a filter, that of one key where `ofKey` says so: read, live, and to take away. */
export function TrailList({
  filter,
  onFilter,
  ofKey,
}: {
  filter: TrailFilter
  onFilter: (next: TrailFilter) => void
  /** The id of the one key that it is about: its filters aren't offered then. */
  ofKey?: string
}) {
  // A range counts back from when it was chosen, so that the next page belongs to the first.
  const [asOf, setAsOf] = useState(serverNow)
  const [isLive, setLive] = useState(false)
  const [open, setOpen] = useState<CallJson | null>(null)
  const asked = JSON.stringify({ ...filter, ...(ofKey === undefined ? {} : { key: ofKey }) })
  const query = useMemo(() => queryOfFilter(JSON.parse(asked) as TrailFilter, asOf), [asked, asOf])
  const { from, to, ...liveQuery } = query

  const queries = useQueryClient()
  const calls = useInfiniteQuery({ ...trailQuery(query), placeholderData: keepPreviousData })
  const live = useLiveTail(liveQuery, isLive && to === undefined, () => {
    void queries.invalidateQueries({ queryKey: trailQuery(query).queryKey })
  })
  const rows = merged(live.rows.shown, rowsOf(calls.data), from)
  const change = (next: TrailFilter) => {
    setAsOf(serverNow())
    onFilter(next)
  }

  return (
    <>
      <FilterBar filter={filter} onFilter={change} isOfKey={ofKey !== undefined} problem={calls.error} />
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <LiveControls
          live={live}
          isOn={isLive}
          onToggle={() => setLive(!isLive)}
          isPossible={to === undefined}
        />
        <span className="flex-1" />
        <Button
          look="quiet"
          size="small"
          isPending={calls.isFetching && !calls.isFetchingNextPage}
          onClick={() => {
            // Another range is another list: one that fails would take this one away.
            if (serverNow() - asOf > rangeKeptMs) setAsOf(serverNow())
            else void calls.refetch()
          }}
        >
          {calls.isFetching ? null : <RefreshCw aria-hidden />}
          Refresh
        </Button>
        <ExportMenu query={query} />
      </div>

      {calls.isError && calls.data !== undefined ? (
        <StaleNote error={calls.error} readAt={calls.dataUpdatedAt} onRetry={() => void calls.refetch()} />
      ) : null}
      {calls.data === undefined ? (
        calls.isError ? (
          <ErrorState error={calls.error} onRetry={() => void calls.refetch()} />
        ) : (
          <SkeletonRows label="Loading the trail" rows={10} />
        )
      ) : rows.length === 0 ? (
        <NoCalls filter={filter} onFilter={change} isOfKey={ofKey !== undefined} />
      ) : (
        <>
          <CallTable
            rows={rows}
            onOpen={setOpen}
            isOfKey={ofKey !== undefined}
            isStale={calls.isPlaceholderData}
          />
          <div className="mt-3 flex items-center justify-between gap-3 text-xs text-muted">
            <span>
              {calls.hasNextPage ? `The newest ${rows.length} rows` : `${rows.length} rows, and no more`}
            </span>
            {calls.hasNextPage ? (
              <Button
                size="small"
                isPending={calls.isFetchingNextPage}
                onClick={() => void calls.fetchNextPage()}
              >
                Show older
              </Button>
            ) : null}
          </div>
        </>
      )}
      <CallDialog call={open} onClose={() => setOpen(null)} />
    </>
  )
}

function NoCalls({
  filter,
  onFilter,
  isOfKey,
}: {
  filter: TrailFilter
  onFilter: (next: TrailFilter) => void
  isOfKey: boolean
}) {
  const isWide = filter.range === 'all' && !isNarrowed(filter)
  return (
    <EmptyState
      icon={<ScrollText aria-hidden />}
      title={isWide ? 'No calls yet' : 'No calls here'}
      actions={
        isWide ? null : <Button onClick={() => onFilter({ range: 'all' })}>Show all of the trail</Button>
      }
    >
      {isWide
        ? isOfKey
          ? 'Once something calls with this key, each call stands here within a second.'
          : 'Once something calls through a route, each call and each denial stands here within a second.'
        : 'Nothing fits the filters in this time.'}
    </EmptyState>
  )
}
