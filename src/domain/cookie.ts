/** One pair of a `Cookie` header. */
export interface CookiePair {
  /** The pair as it was written, without the spaces around it. */
  text: string
  /**
   * The names that some reader may find in it: most end a cookie at `;` only, a few at `,` too, and some take the
   * quotes off.
   */
  names: readonly string[]
}

/** The pairs of a `Cookie` header, in order; empty ones are left out. */
export function readCookiePairs(header: string): CookiePair[] {
  const pairs: CookiePair[] = []
  for (const part of header.split(';')) {
    const text = part.trim()
    if (text !== '') pairs.push({ text, names: text.split(',').map(nameOf) })
  }
  return pairs
}

function nameOf(text: string): string {
  const end = text.indexOf('=')
  return (end === -1 ? text : text.slice(0, end)).trim().replace(/^"+|"+$/g, '')
}
