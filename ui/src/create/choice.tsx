import type { ReactNode } from 'react'
import { classNames } from '../components/class-names.ts'

export interface ChoiceProps<Value extends string> {
  /** Groups the radio buttons; unique on the page. */
  name: string
  value: Value
  onChange: (value: Value) => void
  options: readonly { value: Value; label: ReactNode; hint?: ReactNode }[]
  /** `chips`: short answers on one line; `rows`: one under the other, with hints. */
  look: 'chips' | 'rows'
}

/** One of a few answers that are all in sight: native radio buttons, in a fieldset of whoever renders it. */
export function Choice<Value extends string>({ name, value, onChange, options, look }: ChoiceProps<Value>) {
  return (
    <div className={look === 'chips' ? 'flex flex-wrap gap-2' : 'grid gap-2'}>
      {options.map((option) => (
        <label
          key={option.value}
          className={classNames(
            'relative flex items-start gap-2 rounded-md border text-[13px] has-checked:border-accent has-checked:bg-accent-soft',
            'has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent',
            look === 'chips'
              ? 'h-8 items-center border-edge/50 bg-surface px-3 has-checked:text-accent pointer-coarse:h-11'
              : 'border-line bg-surface px-3 py-2 pointer-coarse:min-h-11',
          )}
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className={
              look === 'chips' ? 'absolute inset-0 m-0 cursor-pointer opacity-0' : 'mt-0.5 size-4 shrink-0'
            }
          />
          <span className="min-w-0">
            <span className={look === 'rows' ? 'font-medium' : ''}>{option.label}</span>
            {option.hint === undefined ? null : (
              <span className="block text-xs text-muted">{option.hint}</span>
            )}
          </span>
        </label>
      ))}
    </div>
  )
}

/** What a group of controls is about: the legend of a fieldset, with what is wrong with it. */
export function Group({
  legend,
  isOptional,
  children,
}: {
  legend: string
  isOptional?: boolean
  children: ReactNode
}) {
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1.5 text-[13px] font-medium">
        {legend}
        {isOptional === true ? <span className="ml-1.5 font-normal text-muted">optional</span> : null}
      </legend>
      <div className="grid gap-2">{children}</div>
    </fieldset>
  )
}
