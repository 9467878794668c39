import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { ListFilter } from 'lucide-react'
import { useId, useState } from 'react'
import { knownToolsQuery, rowsOf, serviceUsersQuery } from '../api/queries.ts'
import { Button } from '../components/button.tsx'
import { Checkbox, Field, Input } from '../components/field.tsx'
import { Popover } from '../components/popover.tsx'
import { Select } from '../components/select.tsx'
import { allKeys, filterCount, states, type KeyFilters } from './filters.ts'

/** A select has no empty value. */
const any = 'any'

const ends = [
  { value: any, label: 'Whenever' },
  { value: '3d', label: 'Within 3 days' },
  { value: '14d', label: 'Within 14 days' },
  { value: '30d', label: 'Within 30 days' },
  { value: '90d', label: 'Within 90 days' },
]
const uses = [
  { value: any, label: 'Whether used or not' },
  { value: '30d', label: 'Not used for 30 days' },
  { value: '90d', label: 'Not used for 90 days' },
  { value: '180d', label: 'Not used for 180 days' },
]

/** All that keys can be filtered by, behind one button that says how many filters are set. */
export function FilterMenu({
  filters,
  onChange,
}: {
  filters: KeyFilters
  onChange: (filters: KeyFilters) => void
}) {
  const count = filterCount({ ...filters, search: '' })
  return (
    <Popover
      align="end"
      title="Filter keys"
      trigger={
        <Button aria-label={count === 0 ? 'Filter' : `Filter, ${count} set`}>
          <ListFilter aria-hidden />
          Filter
          {count === 0 ? null : <span className="font-semibold text-accent tabular-nums">{count}</span>}
        </Button>
      }
    >
      <Fields filters={filters} onChange={onChange} />
    </Popover>
  )
}

function Fields({ filters, onChange }: { filters: KeyFilters; onChange: (filters: KeyFilters) => void }) {
  const users = rowsOf(useInfiniteQuery(serviceUsersQuery({ limit: 200 })).data)
  const tools = useQuery(knownToolsQuery).data?.data ?? []
  const set = (part: Partial<KeyFilters>): void => onChange({ ...filters, ...part })
  return (
    <div className="grid max-h-[min(70dvh,calc(var(--available-height)-5rem))] gap-3 overflow-y-auto p-0.5">
      <fieldset>
        <legend className="mb-1 text-[13px] font-medium">State</legend>
        <div className="grid grid-cols-2 gap-x-3">
          {states.map((state) => (
            <Checkbox
              key={state}
              checked={filters.states.includes(state)}
              onChange={({ target }) =>
                set({
                  states: states.filter((each) =>
                    each === state ? target.checked : filters.states.includes(each),
                  ),
                })
              }
            >
              {state}
            </Checkbox>
          ))}
        </div>
      </fieldset>
      <Suggested
        label="Owner"
        value={filters.owner}
        options={users.flatMap(({ owner, backupOwner }) => [owner, backupOwner])}
        onChange={(owner) => set({ owner })}
      />
      <Suggested
        label="Customer"
        value={filters.customer}
        options={users.map(({ customer }) => customer)}
        onChange={(customer) => set({ customer })}
      />
      <Suggested
        label="Service user"
        value={filters.serviceUser}
        options={users.map(({ name }) => name)}
        onChange={(serviceUser) => set({ serviceUser })}
      />
      <Suggested
        label="Tool called in 30 days"
        value={filters.tool}
        options={tools}
        onChange={(tool) => set({ tool })}
      />
      <Field label="Ends">
        {(control) => (
          <Select
            {...control}
            options={withValue(ends, filters.expiringWithin || any, 'Within')}
            value={filters.expiringWithin || any}
            onChange={(span) => set({ expiringWithin: span === any ? '' : span })}
          />
        )}
      </Field>
      <Field label="Last use">
        {(control) => (
          <Select
            {...control}
            options={withValue(uses, filters.unusedFor || any, 'Not used for')}
            value={filters.unusedFor || any}
            onChange={(span) => set({ unusedFor: span === any ? '' : span })}
          />
        )}
      </Field>
      <Button onClick={() => onChange({ ...allKeys, search: filters.search })}>Clear filters</Button>
    </div>
  )
}

/** A text that is one of many: suggestions while it is typed, taken once it is one of them, by Enter or on leaving. */
function Suggested({
  label,
  value,
  options,
  onChange,
}: {
  label: string
  value: string
  options: readonly (string | null)[]
  onChange: (value: string) => void
}) {
  const list = useId()
  const [text, setText] = useState(value)
  const [known, setKnown] = useState(value)
  if (value !== known) {
    setKnown(value)
    setText(value)
  }
  const distinct = [...new Set(options.filter((option) => option !== null))].sort()
  const take = (next: string): void => {
    if (next.trim() !== value) onChange(next.trim())
  }
  return (
    <Field label={label}>
      {(control) => (
        <>
          <Input
            {...control}
            type="search"
            list={list}
            value={text}
            placeholder="Any"
            onChange={({ target }) => {
              setText(target.value)
              if (target.value === '' || distinct.includes(target.value)) take(target.value)
            }}
            onBlur={() => take(text)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') take(text)
            }}
          />
          <datalist id={list}>
            {distinct.map((option) => (
              <option key={option} value={option} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  )
}

/** The options with one for a span that only the address can have said. */
function withValue(options: readonly { value: string; label: string }[], value: string, words: string) {
  if (options.some((option) => option.value === value)) return options
  return [...options, { value, label: `${words} ${value.slice(0, -1)} days` }]
}
