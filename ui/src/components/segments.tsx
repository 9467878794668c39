import { useId } from 'react'

/** A few choices of which one holds, side by side: a range of time, a kind of list. */
export function Segments<Value extends string>({
  label,
  options,
  value,
  onChange,
}: {
  /** Names the choice for screen readers. */
  label: string
  options: readonly { value: Value; label: string }[]
  /** Null: none of them holds. */
  value: Value | null
  onChange: (value: Value) => void
}) {
  const name = useId()
  return (
    <fieldset className="inline-flex max-w-full overflow-x-auto rounded-md border border-edge/50 bg-surface p-0.5">
      <legend className="visually-hidden">{label}</legend>
      {options.map((option) => (
        <label key={option.value} className="relative shrink-0">
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className="peer absolute inset-0 size-full appearance-none rounded focus-visible:-outline-offset-2"
          />
          <span className="pointer-events-none relative block rounded px-2.5 py-1 text-xs font-medium text-muted peer-checked:bg-accent-soft peer-checked:text-accent pointer-coarse:py-2.5">
            {option.label}
          </span>
        </label>
      ))}
    </fieldset>
  )
}
