import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { useMay } from '../api/me.ts'
import { problemOf } from '../api/problem.ts'
import { keyRotationQuery } from '../api/queries.ts'
import type { RotationJson, ShownKeyJson } from '../api/types.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { ErrorState, Skeleton } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { ExactTime, RelativeTime, Time } from '../components/time.tsx'
import { counted, wholeCount } from '../text/numbers.ts'
import { Visible } from '../trail/visible.tsx'
import { EndOverlapDialog, ExtendOverlapDialog, UndoRotationDialog } from './rotation-dialogs.tsx'

/** While a rotated key and its successor both work: who still uses the old one, and what to do about it. */
export function RotationPanel({ shown }: { shown: ShownKeyJson }) {
  const isInRotation =
    shown.state === 'retiring' || (shown.predecessorId !== null && shown.state === 'active')
  const rotation = useQuery({
    ...keyRotationQuery(shown.id),
    enabled: isInRotation,
    refetchInterval: 30_000,
  })
  // Refused where there is none, or none any more, whatever was read before.
  if (!isInRotation || problemOf(rotation.error).status === 409) return null
  if (rotation.data === undefined) {
    if (rotation.error === null) return <Skeleton className="mb-5 h-32 w-full" />
    return (
      <div className="mb-5">
        <ErrorState
          error={rotation.error}
          onRetry={() => void rotation.refetch()}
          title="Who still uses the old key could not be loaded"
        />
      </div>
    )
  }
  if (rotation.data.predecessor.state !== 'retiring') return null
  return <Rotation rotation={rotation.data} shownId={shown.id} />
}

type Row = {
  which: 'Old' | 'New'
  key: RotationJson['predecessor']
  usage: RotationJson['usage']['predecessor']
}

function Rotation({ rotation, shownId }: { rotation: RotationJson; shownId: string }) {
  const mayChange = useMay('change')
  const [open, setOpen] = useState<'end' | 'extend' | 'undo' | null>(null)
  const close = () => setOpen(null)
  const { predecessor, successor, usage, safeToEnd, endsAt } = rotation
  const rows: Row[] = [
    { which: 'Old', key: predecessor, usage: usage.predecessor },
    ...(successor === null || usage.successor === null
      ? []
      : [{ which: 'New' as const, key: successor, usage: usage.successor }]),
  ]
  return (
    <section aria-labelledby="rotation" className="panel mb-5 p-4">
      <header className="mb-3 flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 id="rotation" className="flex flex-wrap items-center gap-2 text-[15px] font-semibold">
            Being rotated
            {safeToEnd ? (
              <Badge tone="good">Safe to end</Badge>
            ) : (
              <Badge tone="warn">Old key still in use</Badge>
            )}
          </h2>
          <p className="mt-1 text-[13px] text-muted">
            {successor === null
              ? 'The new key is revoked. Undo the rotation, and the old one goes on; otherwise it ends '
              : 'Both keys work. The old one ends '}
            <RelativeTime at={endsAt} />, on <ExactTime at={endsAt} />.{' '}
            {safeToEnd
              ? 'Nobody called with it in the last 24 hours.'
              : 'Give the new token to what is listed here.'}
          </p>
        </div>
        {mayChange ? (
          <div className="flex flex-wrap gap-2">
            <Button look={safeToEnd ? 'primary' : 'plain'} size="small" onClick={() => setOpen('end')}>
              End now
            </Button>
            {successor === null ? null : (
              <Button size="small" onClick={() => setOpen('extend')}>
                Extend
              </Button>
            )}
            <Button size="small" onClick={() => setOpen('undo')}>
              Undo
            </Button>
          </div>
        ) : null}
      </header>
      <Table
        caption="The old and the new key"
        columns={columnsFor(shownId)}
        rows={rows}
        rowKey={({ which }) => which}
      />
      {usage.predecessor.tools.length === 0 ? null : (
        <p className="mt-3 text-xs text-muted">
          Called with the old key in the last 24 hours:{' '}
          {usage.predecessor.tools.map(({ tool, calls }, index) => (
            <span key={tool}>
              {index === 0 ? '' : ', '}
              <Visible text={tool} className="font-mono text-ink" /> ({wholeCount(calls)})
            </span>
          ))}
        </p>
      )}
      {open === 'end' ? <EndOverlapDialog rotation={rotation} onClose={close} /> : null}
      {open === 'extend' ? <ExtendOverlapDialog rotation={rotation} onClose={close} /> : null}
      {open === 'undo' ? <UndoRotationDialog rotation={rotation} onClose={close} /> : null}
    </section>
  )
}

function columnsFor(shownId: string): Column<Row>[] {
  return [
    {
      id: 'which',
      header: 'Key',
      isLead: true,
      className: 'whitespace-nowrap',
      cell: ({ which, key }) => (
        <>
          <span className="font-medium">{which}</span>{' '}
          {key.id === shownId ? (
            <span className="text-muted">(this one)</span>
          ) : (
            <Link href={`/keys/${key.id}`} className="text-accent hover:underline">
              open
            </Link>
          )}
        </>
      ),
    },
    {
      id: 'start',
      header: 'Starts with',
      cell: ({ key }) => <code className="font-mono text-xs whitespace-nowrap">{key.start}…</code>,
    },
    {
      id: 'calls',
      header: 'Calls in 24 h',
      align: 'end',
      cell: ({ usage }) => <span title={counted(usage.calls, 'call')}>{wholeCount(usage.calls)}</span>,
    },
    { id: 'last', header: 'Last used', cell: ({ usage }) => <Time at={usage.lastUsedAt} /> },
    {
      id: 'from',
      header: 'From',
      cell: ({ usage }) => (usage.lastAddress === null ? '–' : <Visible text={usage.lastAddress} />),
    },
    {
      id: 'client',
      header: 'Client',
      className: 'sm:min-w-40',
      cell: ({ usage }) => (usage.lastClient === null ? '–' : <Visible text={usage.lastClient} />),
    },
  ]
}
