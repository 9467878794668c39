import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Bot, Plus } from 'lucide-react'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useMay } from '../../api/me.ts'
import { rowsOf, serviceUsersQuery } from '../../api/queries.ts'
import type { ServiceUserJson } from '../../api/types.ts'
import { Address } from '../../components/address.tsx'
import { Badge } from '../../components/badge.tsx'
import { Button } from '../../components/button.tsx'
import { Input } from '../../components/field.tsx'
import { StaleNote } from '../../components/stale-note.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../../components/states.tsx'
import { Table, type Column } from '../../components/table.tsx'
import { Time } from '../../components/time.tsx'
import { NewServiceUser } from '../../create/new-service-user.tsx'
import { useDebounced } from '../../create/use-debounced.ts'
import { Page } from '../../frame/page.tsx'
import { searchable } from '../../keys-list/filters.ts'
import { Visible } from '../../trail/visible.tsx'

/** All service users, to be found by name, owner or customer. */
export function ServiceUsers() {
  const [, navigate] = useLocation()
  const mayCreate = useMay('change')
  const [isCreating, setCreating] = useState(false)
  const [search, setSearch] = useState('')
  const sought = searchable(useDebounced(search.trim(), 200))
  const list = useInfiniteQuery({
    ...serviceUsersQuery({ search: sought, limit: 100 }),
    placeholderData: keepPreviousData,
  })
  const users = rowsOf(list.data)
  const create = mayCreate ? (
    <Button look="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden />
      New service user
    </Button>
  ) : undefined

  return (
    <Page
      title="Service users"
      description="The identities that keys belong to: each with an owner, and with a life of its own when people leave."
      actions={create}
    >
      <Input
        type="search"
        value={search}
        placeholder="Find by name, owner or customer"
        aria-label="Find service users"
        className="mb-4 max-w-sm"
        onChange={(event) => setSearch(event.target.value)}
      />
      {list.isError && list.data !== undefined ? (
        <StaleNote error={list.error} readAt={list.dataUpdatedAt} onRetry={() => void list.refetch()} />
      ) : null}
      {list.data === undefined ? (
        list.isError ? (
          <ErrorState error={list.error} onRetry={() => void list.refetch()} />
        ) : (
          <SkeletonRows label="Loading the service users" />
        )
      ) : users.length === 0 ? (
        sought === '' ? (
          <EmptyState icon={<Bot aria-hidden />} title="No service users yet" actions={create}>
            One for each agent, script or machine that calls you: crawler, nightly-forecast, acme-desktop. It
            has an owner who is told before its keys end, and it can be switched off with all its keys at
            once.
          </EmptyState>
        ) : (
          <EmptyState
            title="Nobody fits"
            actions={<Button onClick={() => setSearch('')}>Show all service users</Button>}
          >
            No name, owner or customer has this in it.
          </EmptyState>
        )
      ) : (
        <>
          <Table
            caption="Service users"
            columns={columns}
            rows={users}
            rowKey={({ id }) => id}
            isStale={list.isPlaceholderData}
          />
          {list.hasNextPage ? (
            <div className="mt-3 text-center">
              <Button isPending={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                Show more
              </Button>
            </div>
          ) : null}
        </>
      )}
      {isCreating ? (
        <NewServiceUser
          name=""
          onClose={() => setCreating(false)}
          onDone={(user) => navigate(`/service-users/${user.id}`)}
        />
      ) : null}
    </Page>
  )
}

const columns: Column<ServiceUserJson>[] = [
  {
    id: 'name',
    header: 'Name',
    isLead: true,
    className: 'sm:min-w-48',
    cell: (user) => (
      <Link
        href={`/service-users/${user.id}`}
        className={`row-link font-medium ${user.disabledAt === null ? '' : 'text-muted line-through'}`}
      >
        <Visible text={user.name} />
      </Link>
    ),
  },
  {
    id: 'state',
    header: 'State',
    cell: ({ disabledAt }) =>
      disabledAt === null ? <Badge tone="good">Enabled</Badge> : <Badge>Disabled</Badge>,
  },
  {
    id: 'owner',
    header: 'Owner',
    className: 'sm:min-w-40',
    cell: ({ owner }) =>
      owner === null ? <span className="text-muted">nobody</span> : <Address text={owner} />,
  },
  {
    id: 'customer',
    header: 'Customer',
    className: 'sm:min-w-28',
    cell: ({ customer }) =>
      customer === null ? <span className="text-muted">–</span> : <Visible text={customer} />,
  },
  {
    id: 'created',
    header: 'Created',
    className: 'whitespace-nowrap',
    cell: ({ createdAt }) => <Time at={createdAt} />,
  },
]
