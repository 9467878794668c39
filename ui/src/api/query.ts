/** What a read asks for beside its path. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>

/** A query with its question mark; empty where nothing is asked. Lists repeat their name, empty values are left out. */
export function queryText(query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    for (const part of Array.isArray(value) ? value : [value]) parameters.append(name, String(part))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}
