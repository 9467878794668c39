import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Plus, SearchX } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { Link } from 'wouter'
import { useMay } from '../../api/me.ts'
import { problemOf } from '../../api/problem.ts'
import { keysQuery, rowsOf } from '../../api/queries.ts'
import { announce } from '../../components/announce.tsx'
import { Button, buttonLook } from '../../components/button.tsx'
import { Segments } from '../../components/segments.tsx'
import { Select } from '../../components/select.tsx'
import { StaleNote } from '../../components/stale-note.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../../components/states.tsx'
import { Table } from '../../components/table.tsx'
import { Page } from '../../frame/page.tsx'
import { ActiveFilters } from '../../keys-list/active-filters.tsx'
import { keyColumns } from '../../keys-list/columns.tsx'
import { FilterMenu } from '../../keys-list/filter-menu.tsx'
import {
  allKeys,
  apiFilter,
  filterCount,
  firstDirection,
  sortedBy,
  sorts,
  type KeyFilters,
} from '../../keys-list/filters.ts'
import { FirstKey } from '../../keys-list/first-key.tsx'
import { MoreRows } from '../../keys-list/more-rows.tsx'
import { SearchField } from '../../keys-list/search-field.tsx'
import { useFilters } from '../../keys-list/use-filters.ts'
import { keyViews, viewOf, withView } from '../../keys-list/views.ts'
import { counted } from '../../text/numbers.ts'

const rowsAtOnce = 50

const sortLabels = {
  created: 'Newest first',
  name: 'By name',
  expires: 'Next to end first',
  'last-used': 'Last used first',
  calls: 'Most calls first',
} as const

/** All keys: found, filtered, sorted, and how each of them stands. */
export function KeysList() {
  const [filters, setFilters] = useFilters()
  const mayChange = useMay('change')
  const list = useKeys(filters)
  const isEmpty =
    filterCount(filters) === 0 && !list.isPlaceholderData && list.data?.pages[0]?.data.length === 0
  return (
    <Page
      title="Keys"
      description="Who and what may call, how each key is used, and when it ends."
      actions={
        mayChange ? (
          <Link href="/new" className={buttonLook({ look: 'primary' })}>
            <Plus aria-hidden />
            New key
          </Link>
        ) : undefined
      }
    >
      {isEmpty ? (
        <FirstKey />
      ) : (
        <>
          <Controls filters={filters} onChange={setFilters} />
          <Rows list={list} filters={filters} onChange={setFilters} />
        </>
      )}
    </Page>
  )
}

interface Filtering {
  filters: KeyFilters
  onChange: (filters: KeyFilters, how?: 'typed' | 'chosen') => void
}

function Controls({ filters, onChange }: Filtering) {
  return (
    <div className="mb-4 grid gap-3">
      <div className="flex flex-wrap items-start gap-2">
        <SearchField
          value={filters.search}
          onChange={(search) => onChange({ ...filters, search }, 'typed')}
        />
        <Select
          aria-label="Sort"
          className="w-44"
          options={sorts.map((sort) => ({ value: sort, label: sortLabels[sort] }))}
          value={filters.sort}
          onChange={(sort) => onChange({ ...filters, sort, direction: firstDirection(sort) })}
        />
        <FilterMenu filters={filters} onChange={onChange} />
      </div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Segments
          label="Which keys"
          options={keyViews}
          value={viewOf(filters)}
          onChange={(view) => onChange(withView(filters, view))}
        />
        <ActiveFilters filters={filters} onChange={onChange} />
      </div>
    </div>
  )
}

function useKeys(filters: KeyFilters) {
  return useInfiniteQuery({
    ...keysQuery({ ...apiFilter(filters), limit: rowsAtOnce }),
    placeholderData: keepPreviousData,
    // Coming back to the window reads what is in sight anew, and not page after page of a long list.
    refetchOnWindowFocus: ({ state }) => (state.data?.pages.length ?? 0) <= 2,
  })
}

function Rows({ list, filters, onChange }: Filtering & { list: ReturnType<typeof useKeys> }) {
  const rows = rowsOf(list.data)
  useAnnounced(
    list.data === undefined || list.isPlaceholderData
      ? null
      : `${counted(rows.length, 'key')} shown${list.hasNextPage ? ', there are more' : ''}`,
  )
  if (list.isPending) return <SkeletonRows label="Loading keys" />
  if (list.error !== null && problemOf(list.error).field === 'serviceUser')
    return <NothingFound filters={filters} onChange={onChange} />
  if (list.data === undefined) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />
  if (rows.length === 0) return <NothingFound filters={filters} onChange={onChange} />
  return (
    <>
      {list.isRefetchError ? (
        <StaleNote error={list.error} readAt={list.dataUpdatedAt} onRetry={() => void list.refetch()} />
      ) : null}
      <Table
        caption="Keys"
        columns={keyColumns}
        rows={rows}
        rowKey={(key) => key.id}
        isStale={list.isPlaceholderData}
        sort={{
          by: filters.sort,
          direction: filters.direction,
          onChange: (by) => {
            const sort = sorts.find((each) => each === by)
            if (sort !== undefined) onChange(sortedBy(filters, sort))
          },
        }}
      />
      <MoreRows
        count={rows.length}
        hasMore={list.hasNextPage}
        isLoading={list.isFetchingNextPage}
        error={list.isFetchNextPageError ? list.error : null}
        onMore={() => void list.fetchNextPage()}
      />
    </>
  )
}

/** Says what a search, a filter or more rows have come to. What was there at first is the heading's to say. */
function useAnnounced(words: string | null): void {
  const said = useRef<string | null>(null)
  useEffect(() => {
    if (words === null) return
    if (said.current !== null && said.current !== words) announce(words)
    said.current = words
  }, [words])
}

function NothingFound({ filters, onChange }: Filtering) {
  return (
    <EmptyState
      title="No key fits"
      icon={<SearchX aria-hidden />}
      actions={
        <Button onClick={() => onChange({ ...allKeys, sort: filters.sort, direction: filters.direction })}>
          Show all keys
        </Button>
      }
    >
      {filters.search === ''
        ? 'There are keys, but none that all of the filters let through.'
        : `Nothing of “${filters.search}” is in a key’s name, its service user’s, or the start of its token.`}
    </EmptyState>
  )
}
