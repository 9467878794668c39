import { useId, useState } from 'react'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Checkbox, Input } from '../components/field.tsx'
import { counted } from '../text/numbers.ts'
import { familiesOf, standingOf, toggled } from './tool-standing.ts'
import { withEntries } from './entries.ts'

/** How many are worth a search. */
const manyTools = 12

/** The tools that the trail has seen, and how each stands with the patterns; to be ticked. */
export function KnownTools({
  known,
  patterns,
  denyByDefault,
  onChange,
}: {
  known: readonly string[]
  patterns: readonly string[]
  denyByDefault: boolean
  onChange: (patterns: readonly string[]) => void
}) {
  const heading = useId()
  const [search, setSearch] = useState('')
  const shown = known.filter((tool) => tool.toLowerCase().includes(search.trim().toLowerCase()))
  const allowed = known.filter((tool) => standingOf(tool, patterns, denyByDefault) === 'allowed').length
  const families = familiesOf(known).filter((family) => !patterns.includes(family))
  return (
    <section aria-labelledby={heading} className="panel overflow-hidden">
      <header className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2 text-xs text-muted">
        <span id={heading} className="mr-auto">
          Seen so far: <span className="text-ink">{allowed}</span> of {counted(known.length, 'tool')} allowed
        </span>
        {families.map((family) => (
          <Button
            key={family}
            size="small"
            className="h-6 px-2 font-mono"
            aria-label={`Add the pattern ${family}`}
            onClick={() => onChange(withEntries(patterns, [family]))}
          >
            {family}
          </Button>
        ))}
      </header>
      {known.length < manyTools ? null : (
        <div className="border-b border-line p-2">
          <Input
            type="search"
            value={search}
            placeholder="Find a tool"
            aria-label="Find a tool"
            onChange={(event) => setSearch(event.target.value)}
          />
        </div>
      )}
      <ul className="max-h-64 overflow-y-auto px-3 py-1.5">
        {shown.map((tool) => {
          const standing = standingOf(tool, patterns, denyByDefault)
          const next = toggled(tool, patterns)
          return (
            <li key={tool} className="flex items-center justify-between gap-3 py-0.5">
              <Checkbox
                checked={standing === 'allowed'}
                disabled={next === null}
                onChange={() => {
                  if (next !== null) onChange(next)
                }}
              >
                <span className="font-mono text-xs break-all">{tool}</span>
              </Checkbox>
              {standing === 'denied' ? <Badge tone="warn">refused</Badge> : null}
            </li>
          )
        })}
        {shown.length === 0 ? (
          <li className="py-2 text-[13px] text-muted">No tool of that name was seen.</li>
        ) : null}
      </ul>
    </section>
  )
}
