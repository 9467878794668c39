import type { KeyWarning } from '../contracts.ts'

const dayMs = 86_400_000

/** What a person is told about a key that comes to its end; `where` is where the key was put. */
export function warningText({ code, endsAt }: KeyWarning, now: number, where: string): string {
  const when = `${leftUntil(endsAt, now)} (${dayAndTime(endsAt)})`
  return code === 'key_retiring'
    ? `the key was rotated, and ends ${when}: put its successor into ${where} before`
    : `the key expires ${when}: ask for another, and put it into ${where}`
}

/** Such as `in 12 days`; both in epoch milliseconds. */
export function leftUntil(at: number, now: number): string {
  const leftMs = at - now
  if (leftMs >= 2 * dayMs) return `in ${Math.floor(leftMs / dayMs)} days`
  if (leftMs >= dayMs) return 'in 1 day'
  return leftMs > 0 ? 'within a day' : 'now'
}

/** An instant for a person, in UTC; a year that no date can have is said so. */
export function dayAndTime(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime())
    ? 'an unknown day'
    : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
