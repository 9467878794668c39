import { CircleAlert, Lock } from 'lucide-react'
import type { ReactNode } from 'react'
import { problemOf } from '../api/problem.ts'
import { Button } from './button.tsx'
import { classNames } from './class-names.ts'

/** A grey shape in the place of what is being read. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={classNames('h-4 animate-pulse rounded bg-hover', className)} />
}

/** Rows of a list that is being read. */
export function SkeletonRows({ rows = 6, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div role="status" className="panel divide-y divide-line">
      <span className="visually-hidden">{label}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex items-center gap-6 px-3 py-3">
          <Skeleton className="w-2/5" />
          <Skeleton className="hidden w-1/5 sm:block" />
          <Skeleton className="ml-auto w-16" />
        </div>
      ))}
    </div>
  )
}

/** Nothing here, why, and what to do about it. */
export function EmptyState({
  title,
  icon,
  actions,
  children,
}: {
  title: string
  icon?: ReactNode
  actions?: ReactNode
  children?: ReactNode
}) {
  return (
    <div className="panel flex flex-col items-center gap-3 px-6 py-12 text-center">
      {icon === undefined ? null : (
        <div className="grid size-10 place-items-center rounded-full bg-hover text-muted [&_svg]:size-5">
          {icon}
        </div>
      )}
      <h2 className="text-[15px] font-semibold">{title}</h2>
      {children === undefined ? null : (
        <div className="max-w-prose text-[13px] text-pretty text-muted">{children}</div>
      )}
      {actions === undefined ? null : (
        <div className="mt-1 flex flex-wrap justify-center gap-2">{actions}</div>
      )}
    </div>
  )
}

/** What could not be read, why, and a way to try again. */
export function ErrorState({
  error,
  onRetry,
  title = 'This could not be loaded',
}: {
  error: unknown
  onRetry?: () => void
  title?: string
}) {
  const problem = problemOf(error)
  // Trying again would change nothing.
  if (problem.code === 'role_refused')
    return (
      <EmptyState title="Your role doesn’t allow this" icon={<Lock aria-hidden />}>
        Ask an administrator if you need it.
      </EmptyState>
    )
  return (
    <div role="alert" className="panel flex flex-col items-center gap-3 px-6 py-12 text-center">
      <CircleAlert className="size-6 text-bad" aria-hidden />
      <h2 className="text-[15px] font-semibold">{title}</h2>
      <p className="max-w-prose text-[13px] text-pretty text-muted">{problem.detail}</p>
      <p className="font-mono text-xs text-muted">{problem.code}</p>
      {onRetry === undefined ? null : <Button onClick={onRetry}>Try again</Button>}
    </div>
  )
}
