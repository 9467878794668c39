/** A day or a month of the calendar in UTC. Instants in epoch milliseconds. */
export interface Period {
  /** `2026-11-23`, or `2026-11`. */
  name: string
  /** Its first and its last day, as `YYYY-MM-DD`. */
  firstDay: string
  lastDay: string
  /** When the next one begins. */
  endsAt: number
}

/** The day, or the month, that an instant lies in. */
export function periodAt(kind: 'day' | 'month', at: number): Period {
  const date = new Date(at)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  const startsAt = Date.UTC(year, month, kind === 'day' ? day : 1)
  const endsAt = kind === 'day' ? startsAt + dayMs : Date.UTC(year, month + 1, 1)
  const firstDay = dayName(startsAt)
  return {
    name: kind === 'day' ? firstDay : firstDay.slice(0, 7),
    firstDay,
    lastDay: dayName(endsAt - dayMs),
    endsAt,
  }
}

const dayMs = 86_400_000

function dayName(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
