import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { keysQuery, rowsOf } from '../api/queries.ts'
import { useNow } from '../api/server-time.ts'
import type { ListedKeyJson } from '../api/types.ts'
import { ErrorState, SkeletonRows } from '../components/states.tsx'
import { ExactTime, RelativeTime } from '../components/time.tsx'
import { Visible } from '../trail/visible.tsx'
import { dueNext, type DueNotice } from './due-next.ts'
import { dueWords } from './notice-words.ts'

const horizonMs = 30 * 86_400_000
const mostShown = 12

/** What owners will be told within 30 days, if nothing happens before. */
export function DueList() {
  const now = useNow()
  // A key is told of from 30 days before its end, and 90 days after its last use.
  const ending = useInfiniteQuery(
    keysQuery({ expiringWithin: '60d', sort: 'expires', direction: 'ascending', limit: 200 }),
  )
  const unused = useInfiniteQuery(
    keysQuery({ unusedFor: '60d', sort: 'last-used', direction: 'ascending', limit: 200 }),
  )
  if (ending.data === undefined || unused.data === undefined) {
    const failed = ending.error ?? unused.error
    return failed === null ? (
      <SkeletonRows label="Loading what is due" rows={3} />
    ) : (
      <ErrorState
        error={failed}
        onRetry={() => {
          void ending.refetch()
          void unused.refetch()
        }}
      />
    )
  }
  const keys = new Map([...rowsOf(ending.data), ...rowsOf(unused.data)].map((key) => [key.id, key]))
  const due = [...keys.values()]
    .map((key) => ({ key, next: dueNext(key, now) }))
    .filter((each): each is { key: ListedKeyJson; next: DueNotice } => each.next !== null)
    .filter(({ next }) => next.atMs <= now + horizonMs)
    .toSorted((one, other) => one.next.atMs - other.next.atMs)
  if (due.length === 0)
    return (
      <p className="panel px-4 py-3.5 text-[13px] text-muted">
        Nothing within 30 days, if nobody makes or rotates a key.
      </p>
    )
  return (
    <>
      <ol className="panel divide-y divide-line">
        {due.slice(0, mostShown).map(({ key, next }) => (
          <li key={key.id} className="flex flex-wrap items-baseline gap-x-6 gap-y-1 px-4 py-2.5 text-[13px]">
            <div className="min-w-0 flex-1 basis-64">
              <Link href={`/keys/${key.id}`} className="font-medium hover:underline">
                <Visible text={key.name} />
              </Link>{' '}
              <span className="text-muted">
                of <Visible text={key.serviceUser} />
              </span>
              <span className="block text-muted">{dueWords(next)}</span>
            </div>
            <p className="text-xs text-muted">
              <span className="text-ink">
                <RelativeTime at={next.atMs} />
              </span>{' '}
              · <ExactTime at={next.atMs} />
            </p>
          </li>
        ))}
      </ol>
      {due.length > mostShown ? (
        <p className="mt-2 text-xs text-muted">And {due.length - mostShown} more within 30 days.</p>
      ) : null}
    </>
  )
}
