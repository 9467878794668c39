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

/** What the names of the page's own cookies begin with, before a dot. */
export const pageCookiePrefixes = { https: '__Host-postern', http: 'postern' } as const

/** Whether a cookie is one of the page's own: it opens the admin API, and no backend has to see it. */
export function isPageCookie(name: string): boolean {
  return Object.values(pageCookiePrefixes).some((prefix) => name.startsWith(`${prefix}.`))
}

function nameOf(text: string): string {
  const end = text.indexOf('=')
  return (end === -1 ? text : text.slice(0, end)).trim().replace(/^"+|"+$/g, '')
}
