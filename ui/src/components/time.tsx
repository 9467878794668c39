import { serverNow, useNow } from '../api/server-time.ts'
import { exactInstant, relativeTime } from '../text/relative-time.ts'
import { Hinted } from './tooltip.tsx'

export interface TimeProps {
  /** An RFC 3339 instant, or epoch milliseconds; null reads as `never`. */
  at: string | number | null
  never?: string
  className?: string
}

/** `in 12 days`, `3 hours ago`; the exact instant with its zone on hover, on focus, and for screen readers. */
export function Time({ at, never = 'never', className }: TimeProps) {
  if (at === null) return <span className="text-muted">{never}</span>
  return (
    <Hinted hint={exactInstant(epochMs(at))} className={className}>
      <RelativeTime at={at} />
    </Hinted>
  )
}

/** `in 12 days` alone, kept current, where the exact instant stands beside it. */
export function RelativeTime({ at }: { at: string | number }) {
  // Rendered anew by the ticking, and read afresh: what just happened must not lie ahead of a tick.
  useNow()
  const now = serverNow()
  return <time dateTime={new Date(epochMs(at)).toISOString()}>{relativeTime(epochMs(at), now)}</time>
}

/** The exact instant alone: `5 Dec 2026, 14:30:00 UTC+1`. */
export function ExactTime({ at }: { at: string | number }) {
  return (
    <time dateTime={new Date(epochMs(at)).toISOString()} className="tabular-nums">
      {exactInstant(epochMs(at))}
    </time>
  )
}

function epochMs(at: string | number): number {
  return typeof at === 'number' ? at : Date.parse(at)
}
