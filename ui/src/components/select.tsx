import { Select as BaseSelect } from '@base-ui/react/select'
import { Check, ChevronsUpDown } from 'lucide-react'
import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'
import { inputLook, type ControlProps } from './field.tsx'

export interface SelectOption<Value extends string> {
  value: Value
  label: string
  /** A second line, smaller. */
  hint?: ReactNode
}

export interface SelectProps<Value extends string> extends Partial<ControlProps> {
  options: readonly SelectOption<Value>[]
  value: Value | null
  onChange: (value: Value) => void
  placeholder?: string
  /** Where no Field gives it a label. */
  'aria-label'?: string
  disabled?: boolean
  className?: string
}

/** One of a list. Inside a Field: `{(control) => <Select {...control} … />}`. */
export function Select<Value extends string>({
  options,
  value,
  onChange,
  placeholder = 'Choose',
  disabled,
  className,
  ...control
}: SelectProps<Value>) {
  return (
    <BaseSelect.Root
      items={options}
      value={value}
      onValueChange={(next) => {
        if (next !== null) onChange(next)
      }}
      modal={false}
      {...(disabled === undefined ? {} : { disabled })}
    >
      <BaseSelect.Trigger
        {...control}
        className={classNames(
          inputLook,
          'inline-flex items-center justify-between gap-2 text-left select-none data-disabled:opacity-60',
          className,
        )}
      >
        <BaseSelect.Value placeholder={placeholder} className="truncate data-placeholder:text-muted" />
        <BaseSelect.Icon className="shrink-0 text-muted">
          <ChevronsUpDown className="size-3.5" aria-hidden />
        </BaseSelect.Icon>
      </BaseSelect.Trigger>
      <BaseSelect.Portal>
        <BaseSelect.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50 outline-none">
          <BaseSelect.Popup className="popup max-h-[min(var(--available-height),22rem)] max-w-[min(90vw,26rem)] min-w-(--anchor-width) overflow-y-auto p-1 outline-none">
            <BaseSelect.List>
              {options.map((option) => (
                <BaseSelect.Item
                  key={option.value}
                  value={option.value}
                  className="grid min-h-8 cursor-default grid-cols-[1rem_1fr] items-center gap-2 rounded px-2 py-1 text-[13px] outline-none select-none data-highlighted:bg-hover pointer-coarse:min-h-11"
                >
                  <BaseSelect.ItemIndicator className="col-start-1 text-accent">
                    <Check className="size-4" aria-hidden />
                  </BaseSelect.ItemIndicator>
                  <span className="col-start-2 min-w-0">
                    <BaseSelect.ItemText>{option.label}</BaseSelect.ItemText>
                    {option.hint === undefined ? null : (
                      <span className="block text-xs text-muted">{option.hint}</span>
                    )}
                  </span>
                </BaseSelect.Item>
              ))}
            </BaseSelect.List>
          </BaseSelect.Popup>
        </BaseSelect.Positioner>
      </BaseSelect.Portal>
    </BaseSelect.Root>
  )
}
