import { useQuery } from '@tanstack/react-query'
import { useId, useRef } from 'react'
import { knownToolsQuery } from '../api/queries.ts'
import { Choice, Group } from './choice.tsx'
import { EntryList } from './entry-list.tsx'
import { KnownTools } from './known-tools.tsx'

type Answer = 'all' | 'some' | 'none'

const all = {
  value: 'all',
  label: 'All tools',
  hint: 'A key without patterns may call every tool, also those that are added later.',
} as const
const some = {
  value: 'some',
  label: 'Only these',
  hint: 'Names and patterns: whatever else there is stays closed.',
} as const
const none = {
  value: 'none',
  label: 'No tool',
  hint: 'What this deployment’s policy gives to a key without patterns.',
} as const
const allByPattern = {
  ...all,
  hint: 'The policy gives none by itself, so the pattern * does: every tool, also those that are added later.',
} as const

export interface ToolsFieldProps {
  /** Patterns; null: no list, which allows all tools, or none where the policy denies by default. */
  tools: readonly string[] | null
  onChange: (tools: readonly string[] | null) => void
  denyByDefault: boolean
  error: string | undefined
}

/** Which tools a key may call: all, or those that patterns name; with what they come to among the tools seen so far. */
export function ToolsField({ tools, onChange, denyByDefault, error }: ToolsFieldProps) {
  const name = useId()
  const known = useQuery(knownToolsQuery).data?.data ?? []
  const isAll = denyByDefault ? tools?.length === 1 && tools[0] === '*' : tools === null
  const answer: Answer = isAll ? 'all' : tools === null ? 'none' : 'some'
  // What was picked comes back with the answer that it belongs to.
  const picked = useRef<readonly string[]>([])
  const choose = (next: Answer): void => {
    if (answer === 'some') picked.current = tools ?? []
    if (next === 'some') onChange(picked.current)
    else onChange(next === 'all' && denyByDefault ? ['*'] : null)
  }
  return (
    <Group legend="Tools">
      <Choice<Answer>
        name={name}
        look="rows"
        value={answer}
        onChange={choose}
        options={denyByDefault ? [none, some, allByPattern] : [all, some]}
      />
      {answer !== 'some' || tools === null ? null : (
        <>
          <EntryList
            what={{ one: 'pattern', several: 'patterns' }}
            entries={tools}
            onChange={onChange}
            parting="lines"
            placeholder="forecast_*"
            hint="* stands for anything; ! in front refuses, and wins. Resources and prompts need a name too: resource:…, prompt:…"
            error={error}
          />
          {known.length === 0 ? null : (
            <KnownTools known={known} patterns={tools} denyByDefault={denyByDefault} onChange={onChange} />
          )}
        </>
      )}
    </Group>
  )
}
