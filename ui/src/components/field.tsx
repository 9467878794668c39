import { CircleAlert } from 'lucide-react'
import { useId, type ComponentProps, type ReactNode } from 'react'
import { classNames } from './class-names.ts'

/** What a control must carry so that its label, hint and error are told with it. */
export interface ControlProps {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
  'aria-required': true | undefined
}

export interface FieldProps {
  label: ReactNode
  /** Stays, also beside an error. */
  hint?: ReactNode
  /** What is wrong, beside the field: `submit.fieldError('name')`. */
  error?: string | undefined
  isRequired?: boolean
  /** Marks the label with "optional". */
  isOptional?: boolean
  className?: string
  children: (control: ControlProps) => ReactNode
}

/** A label, its control, a hint and an error, tied together for screen readers. */
export function Field({ label, hint, error, isRequired, isOptional, className, children }: FieldProps) {
  const id = useId()
  const described = [hint == null ? null : `${id}-hint`, error === undefined ? null : `${id}-error`]
    .filter((part) => part !== null)
    .join(' ')
  return (
    <div className={classNames('grid content-start gap-1.5', className)}>
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
        {isOptional === true ? <span className="ml-1.5 font-normal text-muted">optional</span> : null}
      </label>
      {children({
        id,
        'aria-describedby': described === '' ? undefined : described,
        'aria-invalid': error === undefined ? undefined : true,
        'aria-required': isRequired === true ? true : undefined,
      })}
      {error === undefined ? null : <FieldError id={`${id}-error`}>{error}</FieldError>}
      {hint == null ? null : (
        <div id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </div>
      )}
    </div>
  )
}

/** What is wrong, in words and with a mark. It is read out when it appears. */
export function FieldError({ id, children }: { id?: string; children: ReactNode }) {
  return (
    <p id={id} role="alert" className="flex items-start gap-1.5 text-xs text-bad">
      <CircleAlert className="mt-px size-3.5 shrink-0" aria-hidden />
      <span>{children}</span>
    </p>
  )
}

/** The looks of what is typed into, for inputs of any kind. */
export const inputLook =
  'h-8 w-full min-w-0 rounded-md border border-edge bg-surface px-2.5 text-[13px] text-ink placeholder:text-muted ' +
  'hover:border-muted focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent ' +
  'aria-invalid:border-bad disabled:opacity-60 pointer-coarse:h-11 pointer-coarse:text-base'

export function Input({ className, type = 'text', ...rest }: ComponentProps<'input'>) {
  return <input type={type} autoComplete="off" className={classNames(inputLook, className)} {...rest} />
}

export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea className={classNames(inputLook, 'h-auto min-h-20 py-1.5', className)} {...rest} />
}

/** A box to tick, with its words. */
export function Checkbox({ children, className, ...rest }: ComponentProps<'input'>) {
  return (
    <label
      className={classNames(
        'flex min-h-6 items-start gap-2 text-[13px] pointer-coarse:min-h-11 pointer-coarse:items-center',
        className,
      )}
    >
      <input
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 pointer-coarse:mt-0 pointer-coarse:size-5"
        {...rest}
      />
      <span>{children}</span>
    </label>
  )
}

/** What is against the form as a whole. */
export function FormError({ children }: { children: ReactNode }) {
  if (children == null || children === '') return null
  return (
    <div
      role="alert"
      className="flex items-start gap-2 rounded-md bg-bad-soft px-3 py-2 text-[13px] text-bad"
    >
      <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
      <span>{children}</span>
    </div>
  )
}
