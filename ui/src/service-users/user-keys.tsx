import { useInfiniteQuery } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { Link } from 'wouter'
import { useMay } from '../api/me.ts'
import { keysQuery, rowsOf } from '../api/queries.ts'
import type { ListedKeyJson, ServiceUserJson } from '../api/types.ts'
import { Button, buttonLook } from '../components/button.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { Section } from '../frame/page.tsx'
import { wholeCount } from '../text/numbers.ts'
import { Visible } from '../trail/visible.tsx'

/** The keys of a service user, living and dead. */
export function UserKeys({ user }: { user: ServiceUserJson }) {
  const mayChange = useMay('change')
  const keys = useInfiniteQuery(keysQuery({ serviceUser: user.id, limit: 50 }))
  const rows = rowsOf(keys.data)
  return (
    <Section title="Keys">
      {keys.data === undefined ? (
        keys.isError ? (
          <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
        ) : (
          <SkeletonRows label="Loading its keys" rows={3} />
        )
      ) : rows.length === 0 ? (
        <EmptyState
          icon={<KeyRound aria-hidden />}
          title="No keys yet"
          actions={
            mayChange && user.disabledAt === null ? (
              <Link href={`/new?serviceUser=${user.id}`} className={buttonLook({ look: 'primary' })}>
                New key
              </Link>
            ) : null
          }
        >
          A key for each place that calls, so that each can be ended alone.
        </EmptyState>
      ) : (
        <>
          <Table
            caption={`Keys of ${user.name}`}
            columns={columns}
            rows={rows}
            rowKey={({ id }) => id}
            isStale={keys.isPlaceholderData}
          />
          {keys.hasNextPage ? (
            <div className="mt-3 text-center">
              <Button isPending={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
                Show more
              </Button>
            </div>
          ) : null}
        </>
      )}
    </Section>
  )
}

const columns: Column<ListedKeyJson>[] = [
  {
    id: 'name',
    header: 'Name',
    isLead: true,
    className: 'sm:min-w-48',
    cell: (key) => (
      <Link
        href={`/keys/${key.id}`}
        className={`row-link font-medium ${isDead(key) ? 'text-muted line-through' : ''}`}
      >
        <Visible text={key.name} />
      </Link>
    ),
  },
  {
    id: 'start',
    header: 'Token',
    cell: ({ start }) => <code className="font-mono text-xs whitespace-nowrap">{start}…</code>,
  },
  { id: 'state', header: 'State', cell: (key) => <StateBadge keyLife={key} /> },
  {
    id: 'used',
    header: 'Last used',
    className: 'whitespace-nowrap',
    cell: ({ lastUsedAt }) => <Time at={lastUsedAt} />,
  },
  {
    id: 'calls',
    header: 'Calls in 30 days',
    align: 'end',
    cell: ({ calls30d }) => wholeCount(calls30d),
  },
]

function isDead({ state }: ListedKeyJson): boolean {
  return state !== 'active' && state !== 'retiring'
}
