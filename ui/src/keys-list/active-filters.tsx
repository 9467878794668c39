import { X } from 'lucide-react'
import { useQuery } from '@tanstack/react-query'
import { isId } from './id-form.ts'
import { serviceUserQuery } from '../api/queries.ts'
import { Button } from '../components/button.tsx'
import { allKeys, type KeyFilters } from './filters.ts'
import { viewOf } from './views.ts'

type Named = { name: keyof KeyFilters; label: string }

/** The filters that are set and that no control in sight says, each to be taken away. */
export function ActiveFilters({
  filters,
  onChange,
}: {
  filters: KeyFilters
  onChange: (filters: KeyFilters) => void
}) {
  const user = useQuery({
    ...serviceUserQuery(filters.serviceUser),
    enabled: isId(filters.serviceUser),
  })
  const named: Named[] = [
    { name: 'owner', label: `Owner ${filters.owner}` },
    { name: 'customer', label: `Customer ${filters.customer}` },
    { name: 'serviceUser', label: `Service user ${user.data?.value.name ?? filters.serviceUser}` },
    { name: 'tool', label: `Called ${filters.tool}` },
    ...(viewOf(filters) === null
      ? ([
          { name: 'states', label: filters.states.join(' or ') },
          { name: 'expiringWithin', label: `Ends within ${filters.expiringWithin.slice(0, -1)} days` },
          { name: 'unusedFor', label: `Not used for ${filters.unusedFor.slice(0, -1)} days` },
        ] satisfies Named[])
      : []),
  ]
  const shown = named.filter(({ name }) => filters[name].length > 0)
  if (shown.length === 0) return null
  return (
    <ul aria-label="Filters that are set" className="flex flex-wrap gap-1.5">
      {shown.map(({ name, label }) => (
        <li
          key={name}
          className="inline-flex max-w-full items-center rounded bg-accent-soft pl-2 text-xs text-accent"
        >
          <span className="truncate" title={label}>
            {label}
          </span>
          <Button
            look="quiet"
            size="small"
            className="h-6 w-7 px-0 text-accent [&_svg]:size-3.5"
            aria-label={`Take away: ${label}`}
            onClick={() => onChange({ ...filters, [name]: allKeys[name] })}
          >
            <X aria-hidden />
          </Button>
        </li>
      ))}
    </ul>
  )
}
