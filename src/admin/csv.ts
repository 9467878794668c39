/**
 * What a spreadsheet takes for the beginning of a formula, the full-width forms among them (OWASP, CSV injection): a
 * cell that begins so gets a `'` in front.
 */
const formula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

/** One line of CSV (RFC 4180); null is an empty cell. */
export function csvLine(cells: readonly (string | number | boolean | null)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`
}

function cellOf(value: string | number | boolean | null): string {
  const text = value === null ? '' : String(value)
  const safe = formula.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
