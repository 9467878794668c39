/** One field that two versions of a thing have otherwise. */
export interface Difference {
  field: string
  label: string
  before: string
  now: string
}

/**
 * What changed between two versions, of the fields that have a label, in the labels' order. Lists read as
 * their parts with commas; what is empty reads `none`.
 */
export function differences(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
  labels: Readonly<Record<string, string>>,
): Difference[] {
  return Object.entries(labels).flatMap(([field, label]) => {
    const texts = { before: valueText(before[field]), now: valueText(now[field]) }
    return texts.before === texts.now ? [] : [{ field, label, ...texts }]
  })
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(valueText).join(', ')
  if (value === null || value === undefined || value === '') return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
