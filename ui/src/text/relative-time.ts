/** How instants read. All instants are epoch milliseconds. */

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/**
 * A span of time in its largest unit: `12 days`, `3 hours`. Days up to 400, since lives of keys are set in days, then
 * months up to two years.
 * Rounded down, so that nothing is promised longer than it lasts.
 */
export function spanText(spanMs: number): string {
  const span = Math.abs(spanMs)
  if (span < minuteMs) return 'less than a minute'
  if (span < hourMs) return counted(span / minuteMs, 'minute')
  if (span < 2 * dayMs) return counted(span / hourMs, 'hour')
  if (span < 400 * dayMs) return counted(span / dayMs, 'day')
  if (span < 730 * dayMs) return counted(span / (30.44 * dayMs), 'month')
  return counted(span / (365.25 * dayMs), 'year')
}

/** A length that was set, said exactly: `180 days`, `36 hours`, `90 seconds`. */
export function lengthText(lengthMs: number): string {
  if (lengthMs % dayMs === 0) return counted(lengthMs / dayMs, 'day')
  if (lengthMs % hourMs === 0) return counted(lengthMs / hourMs, 'hour')
  if (lengthMs % minuteMs === 0) return counted(lengthMs / minuteMs, 'minute')
  return counted(lengthMs / 1000, 'second')
}

/** `in 12 days`, `3 hours ago`, `just now`. */
export function relativeTime(at: number, now: number): string {
  const ahead = at - now
  if (Math.abs(ahead) < minuteMs) return ahead > 0 ? 'in less than a minute' : 'just now'
  return ahead > 0 ? `in ${spanText(ahead)}` : `${spanText(ahead)} ago`
}

/** The exact instant with its zone, as people read it: `5 Dec 2026, 14:30:00 UTC+1`. */
export function exactInstant(at: number, timeZone?: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'shortOffset',
    ...(timeZone === undefined ? {} : { timeZone }),
  })
    .format(at)
    .replace(/GMT([+-]0)?/, 'UTC')
}

/** The day alone: `5 Dec 2026`. */
export function dayText(at: number, timeZone?: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(at)
}

function counted(amount: number, unit: string): string {
  const whole = Math.floor(amount)
  return `${whole} ${unit}${whole === 1 ? '' : 's'}`
}
