import { useId } from 'react'
import { Field, Input } from '../components/field.tsx'
import { Group } from './choice.tsx'
import { EntryList } from './entry-list.tsx'
import type { LimitsDraft } from './limits.ts'

const counts = [
  { name: 'concurrent', label: 'At once', placeholder: '4' },
  { name: 'daily', label: 'A day (UTC)', placeholder: '10000' },
  { name: 'monthly', label: 'A month (UTC)', placeholder: '200000' },
] as const

/** How much a key may be used. What is left empty isn't limited, unless the deployment limits all keys. */
export function LimitsField({
  limits,
  onChange,
  errorOf,
}: {
  limits: LimitsDraft
  onChange: (part: Partial<LimitsDraft>) => void
  /** By the field's name at the server, such as `limits.rate`. */
  errorOf: (field: string) => string | undefined
}) {
  const hint = useId()
  return (
    <Group legend="Limits" isOptional>
      <p id={hint} className="text-xs text-muted">
        Calls beyond them are refused, and cost nothing. Left empty: no limit of its own.
      </p>
      <div className="grid grid-cols-2 items-start gap-3 sm:grid-cols-3">
        <Field label="Rate" hint="60/m, 5/s, 100/10m" error={errorOf('limits.rate')}>
          {(control) => (
            <Input
              {...control}
              value={limits.rate}
              placeholder="60/m"
              className="font-mono"
              onChange={(event) => onChange({ rate: event.target.value })}
            />
          )}
        </Field>
        <Field label="Burst" hint="Calls beyond the rate" error={errorOf('limits.burst')}>
          {(control) => (
            <Input
              {...control}
              value={limits.burst}
              placeholder="20"
              inputMode="numeric"
              onChange={(event) => onChange({ burst: event.target.value })}
            />
          )}
        </Field>
        {counts.map(({ name, label, placeholder }) => (
          <Field key={name} label={label} error={errorOf(`limits.${name}`)}>
            {(control) => (
              <Input
                {...control}
                value={limits[name]}
                placeholder={placeholder}
                inputMode="numeric"
                onChange={(event) => onChange({ [name]: event.target.value })}
              />
            )}
          </Field>
        ))}
      </div>
      <EntryList
        what={{ one: 'rate of a tool', several: 'rates of tools' }}
        entries={limits.toolRates}
        onChange={(toolRates) => onChange({ toolRates })}
        parting="lines"
        placeholder="forecast_*=10/m"
        hint="A pattern of tools and the rate of all of them together."
        error={errorOf('limits.tools')}
      />
    </Group>
  )
}
