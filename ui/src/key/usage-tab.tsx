import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNow } from '../api/server-time.ts'
import { keyUsageQuery } from '../api/queries.ts'
import type { ShownKeyJson, UsageJson } from '../api/types.ts'
import { BarChart, type Bar } from '../components/charts.tsx'
import { StaleNote } from '../components/stale-note.tsx'
import { ErrorState, Skeleton } from '../components/states.tsx'
import { ExactTime, RelativeTime } from '../components/time.tsx'
import { counted, shareText, wholeCount } from '../text/numbers.ts'
import { Visible } from '../trail/visible.tsx'
import { FactGrid } from './fact-grid.tsx'
import { RangeChoice, useUsageRange } from './range-choice.tsx'
import { bucketLabel, usageWindow } from './usage-range.ts'

/** Calls over time, and the last of them. */
export function UsageTab({ shown }: { shown: ShownKeyJson }) {
  const [range, setRange] = useUsageRange()
  const { from, to, bucket } = usageWindow(range, useNow())
  const usage = useQuery({
    ...keyUsageQuery(shown.id, { from, to, bucket }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  })
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <RangeChoice range={range} onChange={setRange} />
        <p className="text-xs text-muted">{bucket === 'day' ? 'Days in UTC' : 'Hours in your zone'}</p>
      </div>
      {usage.isError && usage.data !== undefined ? (
        <StaleNote error={usage.error} readAt={usage.dataUpdatedAt} onRetry={() => void usage.refetch()} />
      ) : null}
      {usage.data === undefined ? (
        usage.isError ? (
          <ErrorState error={usage.error} onRetry={() => void usage.refetch()} />
        ) : (
          <div role="status" className="space-y-4">
            <span className="visually-hidden">Loading the usage</span>
            <Skeleton className="h-16 w-full" />
            <Skeleton className="h-44 w-full" />
          </div>
        )
      ) : (
        <div className={usage.isPlaceholderData ? 'opacity-60 transition-opacity' : undefined}>
          <Usage usage={usage.data} isNeverUsed={shown.lastUsedAt === null} />
        </div>
      )}
    </>
  )
}

function Usage({ usage, isNeverUsed }: { usage: UsageJson; isNeverUsed: boolean }) {
  const sum = (part: 'calls' | 'refused' | 'failed') =>
    usage.buckets.reduce((total, bucket) => total + bucket[part], 0)
  const [calls, refused, failed] = [sum('calls'), sum('refused'), sum('failed')]
  const { last } = usage
  return (
    <>
      <dl className="mb-4 grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Figure name="Calls" value={wholeCount(calls)} />
        <Figure name="Refused" value={wholeCount(refused)} more={share(refused, calls)} />
        <Figure name="Failed" value={wholeCount(failed)} more={share(failed, calls)} />
        <Figure name="In the last 24 hours" value={wholeCount(usage.callsLast24h)} />
      </dl>
      <div className="panel p-4">
        <BarChart
          bars={usage.buckets.map((bucket) => barOf(bucket, usage.bucket))}
          title={`Calls by ${usage.bucket}: ${counted(calls, 'call')}, ${wholeCount(refused)} refused, ${wholeCount(failed)} failed`}
          valueName={usage.bucket === 'day' ? 'Day (UTC)' : 'Hour'}
          emptyText={isNeverUsed ? 'This key has never been used' : 'No calls in this time'}
        />
      </div>
      <h2 className="mt-6 mb-2 text-[15px] font-semibold">Last call</h2>
      {last === null ? (
        <p className="panel px-4 py-3.5 text-[13px] text-muted">
          None is on record. Once something calls with this key, its address and client stand here.
        </p>
      ) : (
        <FactGrid
          facts={[
            {
              name: 'When',
              value: (
                <>
                  <RelativeTime at={last.at} />
                  <span className="block text-xs text-muted">
                    <ExactTime at={last.at} />
                  </span>
                </>
              ),
            },
            { name: 'From', value: known(last.address) },
            { name: 'Client', value: known(last.client) },
            { name: 'Tool', value: known(last.tool) },
          ]}
        />
      )}
    </>
  )
}

function known(text: string | null) {
  return text === null ? <span className="text-muted">not known</span> : <Visible text={text} />
}

function share(part: number, whole: number): string | undefined {
  return whole === 0 ? undefined : shareText(part, whole)
}

function Figure({ name, value, more }: { name: string; value: string; more?: string | undefined }) {
  return (
    <div className="panel px-4 py-3">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="mt-0.5 text-lg font-semibold tabular-nums">
        {value}
        {more === undefined ? null : <span className="ml-2 text-xs font-normal text-muted">{more}</span>}
      </dd>
    </div>
  )
}

function barOf({ at, calls, refused, failed }: UsageJson['buckets'][number], bucket: 'hour' | 'day'): Bar {
  return {
    label: bucketLabel(at, bucket),
    parts: [
      { name: 'went on', value: Math.max(0, calls - refused - failed), tone: 'accent' },
      { name: 'failed', value: failed, tone: 'warn' },
      { name: 'refused', value: refused, tone: 'bad' },
    ],
  }
}
