import { useQuery } from '@tanstack/react-query'
import { X } from 'lucide-react'
import { ApiProblem } from '../api/problem.ts'
import { knownToolsQuery } from '../api/queries.ts'
import { Button } from '../components/button.tsx'
import { Field, Input } from '../components/field.tsx'
import { Select } from '../components/select.tsx'
import { outcomes } from './call-words.ts'
import { FilterInput } from './filter-input.tsx'
import { useKnownServiceUsers } from './names.ts'
import { isNarrowed, type TrailFilter, type TrailRange } from './trail-filter.ts'

const rangeOptions: { value: TrailRange; label: string }[] = [
  { value: '1h', label: 'Last hour' },
  { value: '24h', label: 'Last 24 hours' },
  { value: '7d', label: 'Last 7 days' },
  { value: '30d', label: 'Last 30 days' },
  { value: 'all', label: 'All time' },
  { value: 'custom', label: 'From … to …' },
]
const outcomeOptions = [
  { value: 'any', label: 'Any' },
  ...outcomes.map((outcome) => ({ value: outcome, label: outcome })),
]

/** What the trail is filtered by. Everything stands in the address, so that a view can be sent to somebody. */
export function FilterBar({
  filter,
  onFilter,
  isOfKey,
  problem,
}: {
  filter: TrailFilter
  onFilter: (next: TrailFilter) => void
  isOfKey: boolean
  problem: unknown
}) {
  const tools = useQuery(knownToolsQuery).data?.data ?? []
  const serviceUsers = useKnownServiceUsers(!isOfKey)
  const set = (
    field: 'serviceUser' | 'key' | 'tool' | 'outcome' | 'reason' | 'from' | 'to',
    value: string,
  ) => {
    const { [field]: _before, ...others } = filter
    onFilter(value === '' ? others : { ...others, [field]: value })
  }
  const errorOf = (field: string): string | undefined => {
    if (!(problem instanceof ApiProblem)) return undefined
    // Only names can be looked up in vain.
    const isAbout = problem.field ?? (problem.code === 'not_found' ? 'serviceUser' : null)
    return isAbout === field ? problem.detail : undefined
  }
  return (
    <div role="search" aria-label="Filter the trail" className="mb-4">
      <div className="grid grid-cols-2 items-start gap-3 md:grid-cols-[repeat(auto-fit,minmax(8rem,1fr))]">
        <Field label="Time">
          {(control) => (
            <Select
              {...control}
              options={rangeOptions}
              value={filter.range}
              onChange={(range) => {
                const { from: _from, to: _to, ...others } = filter
                onFilter({ ...others, range })
              }}
            />
          )}
        </Field>
        {filter.range === 'custom'
          ? (['from', 'to'] as const).map((end) => (
              <Field
                key={end}
                label={end === 'from' ? 'From' : 'To'}
                hint="Whole days, UTC"
                error={errorOf(end)}
              >
                {(control) => (
                  <Input
                    {...control}
                    type="date"
                    value={filter[end]?.slice(0, 10) ?? ''}
                    onChange={(event) => set(end, event.target.value)}
                  />
                )}
              </Field>
            ))
          : null}
        {isOfKey ? null : (
          <FilterInput
            label="Service user"
            value={filter.serviceUser ?? ''}
            known={serviceUsers}
            error={errorOf('serviceUser')}
            onCommit={(value) => set('serviceUser', value)}
          />
        )}
        <FilterInput
          label="Tool"
          value={filter.tool ?? ''}
          known={tools}
          error={errorOf('tool')}
          onCommit={(value) => set('tool', value)}
        />
        <Field label="Outcome">
          {(control) => (
            <Select
              {...control}
              options={outcomeOptions}
              value={filter.outcome ?? 'any'}
              onChange={(value) => set('outcome', value === 'any' ? '' : value)}
            />
          )}
        </Field>
        <FilterInput
          label="Reason"
          value={filter.reason ?? ''}
          known={commonReasons}
          error={errorOf('reason')}
          onCommit={(value) => set('reason', value)}
        />
      </div>
      {isNarrowed(filter) ? (
        <div className="mt-2 flex flex-wrap items-center gap-2">
          {filter.key === undefined || isOfKey ? null : (
            <Button
              size="small"
              onClick={() => set('key', '')}
              aria-label={`Any key, not only ${filter.key}`}
            >
              <span className="max-w-48 truncate">Key {filter.key}</span>
              <X aria-hidden />
            </Button>
          )}
          <Button
            look="quiet"
            size="small"
            className="-ml-2"
            onClick={() => onFilter({ range: filter.range })}
          >
            Clear the filters
          </Button>
        </div>
      ) : null}
    </div>
  )
}

/** Those that people look for; any other can be typed. */
const commonReasons = [
  'missing_credential',
  'malformed_key',
  'unknown_key',
  'expired_key',
  'retired_key',
  'revoked_key',
  'service_user_disabled',
  'tool_not_granted',
  'address_refused',
  'rate_limited',
  'upstream_unreachable',
  'upstream_timeout',
  'executed_unrecorded',
]
