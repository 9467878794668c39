/** What an edit did to a list, for the history: what came and what went; null where nothing. */
export function listEdit(
  name: string,
  before: readonly string[] | null | undefined,
  after: readonly string[] | null,
): string | null {
  const [old, now] = [before ?? [], after ?? []]
  const added = now.filter((entry) => !old.includes(entry)).map((entry) => `+ ${entry}`)
  const removed = old.filter((entry) => !now.includes(entry)).map((entry) => `− ${entry}`)
  if (added.length + removed.length === 0) return null
  const left = now.length === 0 ? ' (no limit any more)' : old.length === 0 ? ' (no limit before)' : ''
  return `${name}: ${shortened([...added, ...removed])}${left}`
}

/** What an edit did to a text; null where nothing. */
export function textEdit(name: string, before: string | null, after: string | null): string | null {
  if (before === after) return null
  return `${name}: ${before ?? 'none'} → ${after ?? 'none'}`
}

/** How many entries of a list a row of the history names. */
const namedEntries = 10

function shortened(entries: readonly string[]): string {
  const more = entries.length - namedEntries
  return entries.slice(0, namedEntries).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
