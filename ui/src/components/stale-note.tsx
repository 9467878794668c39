import { CircleAlert } from 'lucide-react'
import { problemOf } from '../api/problem.ts'
import { Button } from './button.tsx'
import { Time } from './time.tsx'

/** What stands above something that was read before and could not be read again: it is shown as it was. */
export function StaleNote({
  error,
  readAt,
  onRetry,
}: {
  error: unknown
  readAt: number
  onRetry: () => void
}) {
  return (
    <div
      role="status"
      className="mb-4 flex flex-wrap items-center gap-x-3 gap-y-1 rounded-md bg-warn-soft px-3 py-2 text-[13px]"
    >
      <CircleAlert className="size-4 shrink-0 text-warn" aria-hidden />
      <span className="min-w-0 flex-1 basis-60">
        <span className="font-medium text-warn">
          This is how it was <Time at={readAt} />.
        </span>{' '}
        {problemOf(error).detail}
      </span>
      <Button size="small" onClick={onRetry}>
        Try again
      </Button>
    </div>
  )
}
