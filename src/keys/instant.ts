const rfc3339 =
  /^(\d{4}-\d{2}-\d{2})[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const dayMs = 86_400_000

/** An RFC 3339 instant as epoch milliseconds; null for anything else. A leap second is not accepted. */
export function parseInstant(text: string): number | null {
  const match = rfc3339.exec(text)
  if (match?.[1] === undefined || !isRealDay(match[1])) return null
  // What Date.parse makes of more than three digits of a fraction is up to the engine.
  const at = Date.parse(text.toUpperCase().replace(/(\.\d{3})\d+/, '$1'))
  return Number.isNaN(at) ? null : at
}

/** The first millisecond of a day (`2027-06-01`), UTC, and that of the next; null for anything else. */
export function parseDay(text: string): { start: number; end: number } | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || !isRealDay(text)) return null
  const start = Date.parse(`${text}T00:00:00Z`)
  return { start, end: start + dayMs }
}

/** Whether there is such a day: Date.parse may turn 30 February into 2 March. */
function isRealDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}
