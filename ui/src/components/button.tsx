import { Button as BaseButton } from '@base-ui/react/button'
import { cva, type VariantProps } from 'class-variance-authority'
import { LoaderCircle } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { classNames } from './class-names.ts'

/** The looks of a button, for links that are one: `<Link className={buttonLook({ look: 'primary' })}>`. */
export const buttonLook = cva(
  [
    'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border text-[13px] font-medium whitespace-nowrap select-none',
    'transition-colors duration-100 disabled:cursor-default disabled:opacity-55 data-disabled:cursor-default data-disabled:opacity-55',
    '[&_svg]:size-4 [&_svg]:shrink-0',
  ],
  {
    variants: {
      look: {
        primary: 'border-transparent bg-accent text-accent-ink hover:bg-accent-strong',
        plain: 'border-edge/50 bg-surface text-ink hover:bg-hover',
        quiet: 'border-transparent bg-transparent text-ink hover:bg-hover',
        danger: 'border-transparent bg-bad text-bad-ink hover:bg-bad-strong',
        'danger-plain': 'border-edge/50 bg-surface text-bad hover:bg-bad-soft',
      },
      size: {
        normal: 'h-8 px-3 pointer-coarse:h-11',
        small: 'h-7 px-2 text-xs pointer-coarse:h-11 pointer-coarse:px-3',
        icon: 'size-8 pointer-coarse:size-11',
      },
    },
    defaultVariants: { look: 'plain', size: 'normal' },
  },
)

export interface ButtonProps extends ComponentProps<'button'>, VariantProps<typeof buttonLook> {
  /** It is being done: the button turns and takes no click, but keeps the focus. */
  isPending?: boolean
  children?: ReactNode
}

/** A button. Its type is `button` unless said otherwise: a form's submit says `type="submit"`. */
export function Button({
  look,
  size,
  isPending = false,
  className,
  children,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <BaseButton
      type="button"
      disabled={disabled === true || isPending}
      focusableWhenDisabled={isPending}
      aria-busy={isPending || undefined}
      className={classNames(buttonLook({ look, size }), className)}
      {...rest}
    >
      {isPending ? <LoaderCircle className="animate-spin" aria-hidden /> : null}
      {children}
    </BaseButton>
  )
}
