import { Link } from 'wouter'
import type { CallJson } from '../api/types.ts'
import { Badge } from '../components/badge.tsx'
import { Table, type Column } from '../components/table.tsx'
import { durationText, wholeCount } from '../text/numbers.ts'
import { calledWhat, clockTime, outcomeWords } from './call-words.ts'
import { useServiceUserNames } from './names.ts'
import { Visible } from './visible.tsx'

/** Calls as rows. Choosing one opens all that is known of it. */
export function CallTable({
  rows,
  onOpen,
  isOfKey,
  isStale,
}: {
  rows: readonly CallJson[]
  onOpen: (call: CallJson) => void
  isOfKey: boolean
  isStale: boolean
}) {
  const nameOf = useServiceUserNames(!isOfKey)
  const columns: Column<CallJson>[] = [
    {
      id: 'at',
      header: 'When',
      isLead: true,
      className: 'whitespace-nowrap',
      cell: (call) => (
        <button type="button" className="row-link text-left tabular-nums" onClick={() => onOpen(call)}>
          <time dateTime={call.at}>{clockTime(call.at)}</time>
          <span className="visually-hidden">: details of this call</span>
        </button>
      ),
    },
    {
      id: 'what',
      header: 'Called',
      className: 'sm:min-w-44',
      cell: (call) => <Visible text={calledWhat(call)} className="line-clamp-3 font-mono text-xs" />,
    },
    ...(isOfKey ? [] : [callerColumn(nameOf)]),
    {
      id: 'outcome',
      header: 'Outcome',
      className: 'sm:min-w-40',
      cell: (call) => <Outcome call={call} />,
    },
    {
      id: 'duration',
      header: 'Took',
      align: 'end',
      className: 'whitespace-nowrap',
      cell: (call) => durationText(call.durationMs),
    },
    {
      id: 'from',
      header: 'From',
      className: 'sm:min-w-28',
      cell: (call) =>
        call.clientAddress === null ? '–' : <Visible text={call.clientAddress} className="tabular-nums" />,
    },
    {
      id: 'client',
      header: 'Client',
      isHiddenNarrow: true,
      className: 'hidden max-w-56 lg:table-cell',
      cell: (call) =>
        call.userAgent === null ? (
          '–'
        ) : (
          <Visible text={call.userAgent} className="block truncate text-muted" />
        ),
    },
  ]
  return <Table caption="Calls" columns={columns} rows={rows} rowKey={(call) => call.id} isStale={isStale} />
}

function callerColumn(nameOf: (id: string) => string | null): Column<CallJson> {
  return {
    id: 'caller',
    header: 'By',
    className: 'sm:min-w-36',
    cell: ({ serviceUserId, principal }) => {
      if (serviceUserId === null)
        return principal === null ? (
          <span className="text-muted">a stranger</span>
        ) : (
          <Visible text={principal} className="line-clamp-2" />
        )
      const name = nameOf(serviceUserId)
      return (
        <Link href={`/service-users/${serviceUserId}`} className="hover:underline">
          {name === null ? (
            <span className="font-mono text-xs">{serviceUserId.slice(0, 8)}…</span>
          ) : (
            <Visible text={name} className="line-clamp-2" />
          )}
        </Link>
      )
    },
  }
}

/** How it ended and why; a row that stands for several says for how many. */
export function Outcome({ call }: { call: CallJson }) {
  const { label, tone } = outcomeWords(call)
  return (
    <span className="inline-flex flex-wrap items-center gap-x-1.5 gap-y-0.5">
      <Badge tone={tone}>{label}</Badge>
      {call.count > 1 ? <span className="text-xs text-muted">× {wholeCount(call.count)}</span> : null}
      {call.reason === null ? null : <span className="font-mono text-xs text-muted">{call.reason}</span>}
    </span>
  )
}
