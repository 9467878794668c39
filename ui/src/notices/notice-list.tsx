import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { BellOff } from 'lucide-react'
import { Link } from 'wouter'
import { useMay } from '../api/me.ts'
import type { Query } from '../api/query.ts'
import { noticesQuery, rowsOf } from '../api/queries.ts'
import { change } from '../api/request.ts'
import type { NoticeJson } from '../api/types.ts'
import { useSubmit } from '../api/use-submit.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { FieldError } from '../components/field.tsx'
import { StaleNote } from '../components/stale-note.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { announce } from '../components/announce.tsx'
import { Visible } from '../trail/visible.tsx'
import { deliveryWords } from './notice-words.ts'

/** Notices with what became of their deliveries; those of one service user where `isOfOne`. */
export function NoticeList({ filter, isOfOne = false }: { filter: Query; isOfOne?: boolean }) {
  const list = useInfiniteQuery({ ...noticesQuery(filter), placeholderData: keepPreviousData })
  const notices = rowsOf(list.data)
  if (list.data === undefined)
    return list.isError ? (
      <ErrorState error={list.error} onRetry={() => void list.refetch()} />
    ) : (
      <SkeletonRows label="Loading the notices" rows={isOfOne ? 2 : 5} />
    )
  return (
    <>
      {list.isError ? (
        <StaleNote error={list.error} readAt={list.dataUpdatedAt} onRetry={() => void list.refetch()} />
      ) : null}
      {notices.length === 0 ? (
        <NoNotices isNarrowed={filter.unacknowledged === true} />
      ) : (
        <ul
          aria-busy={list.isPlaceholderData || undefined}
          className={`panel divide-y divide-line ${list.isPlaceholderData ? 'opacity-60' : ''}`}
        >
          {notices.map((notice) => (
            <NoticeRow key={notice.id} notice={notice} />
          ))}
        </ul>
      )}
      {list.hasNextPage ? (
        <div className="mt-3 text-center">
          <Button isPending={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Show older
          </Button>
        </div>
      ) : null}
    </>
  )
}

function NoNotices({ isNarrowed }: { isNarrowed: boolean }) {
  return (
    <EmptyState
      icon={<BellOff aria-hidden />}
      title={isNarrowed ? 'Nothing waits to be acknowledged' : 'No notices yet'}
    >
      Owners are told when a key is made, rotated or revoked, before it ends (30, 14, 7 days and a day), and
      when nobody used it for 90 days.
    </EmptyState>
  )
}

function NoticeRow({ notice }: { notice: NoticeJson }) {
  const { keyId, keyName, keyStart } = notice
  return (
    <li className="flex flex-wrap items-start gap-x-6 gap-y-3 px-4 py-3.5 text-[13px]">
      <div className="min-w-0 flex-1 basis-72">
        <p className="font-medium">
          <Visible text={notice.subject} />
        </p>
        <p className="mt-0.5 text-muted">
          <Visible text={notice.next} />
        </p>
        <p className="mt-1.5 flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-muted">
          <Time at={notice.createdAt} />
          {keyId === null || keyName === null ? null : (
            <>
              <span aria-hidden>·</span>
              <Link href={`/keys/${keyId}`} className="text-accent hover:underline">
                <Visible text={keyName} />
              </Link>
              {keyStart === null ? null : <code className="font-mono">{keyStart}…</code>}
            </>
          )}
        </p>
      </div>
      <Deliveries notice={notice} />
      <Acknowledgement notice={notice} />
    </li>
  )
}

const channels = { email: 'E-mail', webhook: 'Webhook', slack: 'Slack' } as const

function Deliveries({ notice }: { notice: NoticeJson }) {
  if (notice.deliveries.length === 0)
    return <p className="basis-64 text-xs text-muted">Sent to nobody: no channel took it, or none has yet.</p>
  return (
    <ul className="grid min-w-0 basis-64 gap-1.5" aria-label="Deliveries">
      {notice.deliveries.map((delivery) => {
        const { label, tone } = deliveryWords(delivery)
        return (
          <li key={delivery.id} className="text-xs">
            <Badge tone={tone}>{label}</Badge>{' '}
            <span className="text-muted">
              {channels[delivery.channel]}
              {delivery.channel === 'slack' ? '' : ': '}
              {delivery.channel === 'slack' ? null : <Visible text={delivery.recipient} />}
              {delivery.attempts > 1 ? `, ${delivery.attempts} attempts` : ''}
              {delivery.dueAt === null || delivery.attempts === 0 ? null : (
                <>
                  , next <Time at={delivery.dueAt} />
                </>
              )}
            </span>
            {delivery.lastFailure === null ? null : (
              <span className="block font-mono text-[11px] text-muted">
                <Visible text={delivery.lastFailure} />
              </span>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function Acknowledgement({ notice }: { notice: NoticeJson }) {
  const mayChange = useMay('change')
  const submit = useSubmit((id: string) => change<NoticeJson>('POST', `/notices/${id}/acknowledge`, {}), {
    stale: [['notices']],
    onDone: () => announce('Acknowledged'),
  })
  if (notice.acknowledgedAt !== null)
    return (
      <p className="ml-auto basis-40 text-right text-xs text-muted max-sm:ml-0 max-sm:text-left">
        Acknowledged <Time at={notice.acknowledgedAt} />
        {notice.acknowledgedBy === null ? null : (
          <>
            {' '}
            by <Visible text={notice.acknowledgedBy} />
          </>
        )}
      </p>
    )
  return (
    <div className="ml-auto basis-40 text-right max-sm:ml-0 max-sm:text-left">
      {mayChange ? (
        <Button size="small" isPending={submit.isPending} onClick={() => void submit.submit(notice.id)}>
          Acknowledge
          <span className="visually-hidden">: {notice.subject}</span>
        </Button>
      ) : (
        <p className="text-xs text-muted">Not acknowledged</p>
      )}
      {submit.problem === null ? null : <FieldError>{submit.problem.detail}</FieldError>}
    </div>
  )
}
