/** Several entries out of what was typed or pasted, each once. A name may hold a blank; an address never does. */
export function entriesOf(text: string, parting: 'lines' | 'blanks'): string[] {
  const parts = text.split(parting === 'lines' ? /[\n\r,]+/ : /[\s,]+/)
  return [...new Set(parts.map((part) => part.trim()).filter((part) => part !== ''))]
}

/** The entries with more of them at the end; those that are there already stay where they are. */
export function withEntries(entries: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...entries, ...more])]
}

/** A refusal that names an entry by its place (`tools[2] …`), with the entry itself in that place's stead. */
export function namedEntry(
  refusal: string,
  entries: readonly string[],
): { text: string; place: number | null } {
  const found = /\b(?:tools|addresses)\[(\d+)\]/i.exec(refusal)
  const place = found === null ? null : Number(found[1])
  const entry = place === null ? undefined : entries[place]
  if (found === null || entry === undefined) return { text: refusal, place: null }
  return { text: refusal.replace(found[0], `“${entry}”`), place }
}
