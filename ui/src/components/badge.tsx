import { cva, type VariantProps } from 'class-variance-authority'
import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'

const badgeLook = cva(
  'inline-flex max-w-full items-center gap-1 rounded px-1.5 py-px text-xs font-medium whitespace-nowrap [&_svg]:size-3',
  {
    variants: {
      tone: {
        neutral: 'bg-hover text-muted',
        good: 'bg-good-soft text-good',
        warn: 'bg-warn-soft text-warn',
        bad: 'bg-bad-soft text-bad',
        accent: 'bg-accent-soft text-accent',
      },
    },
    defaultVariants: { tone: 'neutral' },
  },
)

export interface BadgeProps extends VariantProps<typeof badgeLook> {
  className?: string | undefined
  children: ReactNode
}

/** A word on how something stands. Its colour never says it alone. */
export function Badge({ tone, className, children }: BadgeProps) {
  return <span className={classNames(badgeLook({ tone }), className)}>{children}</span>
}
