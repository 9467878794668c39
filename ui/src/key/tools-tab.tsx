import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Wrench } from 'lucide-react'
import { keyToolsQuery } from '../api/queries.ts'
import { useNow } from '../api/server-time.ts'
import type { ToolUsageJson } from '../api/types.ts'
import { Legend, PartsBar, type Bar } from '../components/charts.tsx'
import { StaleNote } from '../components/stale-note.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { durationText, wholeCount } from '../text/numbers.ts'
import { visibleText } from '../trail/visible-text.ts'
import { Visible } from '../trail/visible.tsx'
import { RangeChoice, useUsageRange } from './range-choice.tsx'
import { usageWindow } from './usage-range.ts'

/** Which tools the key calls, how that ends, and how long it takes. The table says what the bars show. */
export function ToolsTab({ id }: { id: string }) {
  const [range, setRange] = useUsageRange()
  const { from, to } = usageWindow(range, useNow())
  const tools = useQuery({ ...keyToolsQuery(id, { from, to }), placeholderData: keepPreviousData })
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-x-6 gap-y-2">
        <RangeChoice range={range} onChange={setRange} />
        <Legend names={legend} />
      </div>
      {tools.isError && tools.data !== undefined ? (
        <StaleNote error={tools.error} readAt={tools.dataUpdatedAt} onRetry={() => void tools.refetch()} />
      ) : null}
      {tools.data === undefined ? (
        tools.isError ? (
          <ErrorState error={tools.error} onRetry={() => void tools.refetch()} />
        ) : (
          <SkeletonRows label="Loading the tools" />
        )
      ) : tools.data.tools.length === 0 ? (
        <EmptyState icon={<Wrench aria-hidden />} title="No tool was called in this time">
          Each tool that this key calls stands here, with how its calls ended and how long they took.
        </EmptyState>
      ) : (
        <ToolTable tools={tools.data.tools} isStale={tools.isPlaceholderData} />
      )}
    </>
  )
}

type Tool = ToolUsageJson['tools'][number]

const legend = [
  ['succeeded', 'accent'],
  ['failed', 'warn'],
  ['denied', 'bad'],
  ['other', 'muted'],
] as const

function partsOf(tool: Tool): Bar['parts'] {
  return legend.map(([name, tone]) => ({ name, value: tool[name], tone }))
}

function callsOf({ succeeded, failed, denied, other }: Tool): number {
  return succeeded + failed + denied + other
}

function ToolTable({ tools, isStale }: { tools: readonly Tool[]; isStale: boolean }) {
  const most = Math.max(1, ...tools.map(callsOf))
  const count = (header: string, value: (tool: Tool) => number): Column<Tool> => ({
    id: header,
    header,
    align: 'end',
    className: 'whitespace-nowrap',
    cell: (tool) => (value(tool) === 0 ? <span className="text-muted">0</span> : wholeCount(value(tool))),
  })
  const columns: Column<Tool>[] = [
    {
      id: 'tool',
      header: 'Tool',
      isLead: true,
      className: 'sm:min-w-40',
      cell: ({ tool }) =>
        tool === null ? (
          <span className="text-muted">no tool (lists, pings and the like)</span>
        ) : (
          <Visible text={tool} className="font-mono text-xs" />
        ),
    },
    {
      id: 'bar',
      header: 'Share of calls',
      isHeaderHidden: true,
      className: 'sm:w-2/5 sm:min-w-32',
      cell: (tool) => (
        <PartsBar
          parts={partsOf(tool)}
          most={most}
          title={`${tool.tool === null ? 'No tool' : visibleText(tool.tool)}: ${partsOf(tool)
            .map(({ name, value }) => `${wholeCount(value)} ${name}`)
            .join(', ')}`}
        />
      ),
    },
    count('Calls', callsOf),
    count('Succeeded', ({ succeeded }) => succeeded),
    count('Failed', ({ failed }) => failed),
    count('Denied', ({ denied }) => denied),
    count('Other', ({ other }) => other),
    {
      id: 'p50',
      header: 'p50',
      align: 'end',
      className: 'whitespace-nowrap',
      cell: ({ p50Ms }) => durationText(p50Ms),
    },
    {
      id: 'p95',
      header: 'p95',
      align: 'end',
      className: 'whitespace-nowrap',
      cell: ({ p95Ms }) => durationText(p95Ms),
    },
    {
      id: 'last',
      header: 'Last',
      className: 'whitespace-nowrap',
      cell: ({ lastAt }) => <Time at={lastAt} never="–" />,
    },
  ]
  return (
    <Table
      caption="Calls by tool, with how they ended and how long they took"
      columns={columns}
      rows={tools}
      rowKey={({ tool }) => tool ?? ''}
      isStale={isStale}
    />
  )
}
