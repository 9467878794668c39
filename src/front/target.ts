/** A request target that every parser reads alike. `query` has no `?` and is empty where there is none. */
export type Target = { ok: true; path: string; query: string } | { ok: false }

const refused = { ok: false } as const satisfies Target

// RFC 3986's `pchar` and the slash, without `;`: servlet containers cut path parameters off, others don't.
const plainPath = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/
const encodedPath = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*$/
const emptyOrDotSegment = /\/(?:\/|\.{1,2}(?:\/|$))/

// All printable ASCII but `#`. Nothing is routed or authorised by the query, and no parser reads a path out of
// what follows the first `?`, so that what browsers send there unencoded (`[ ] { } | \ ^ "`) may pass.
const plainQuery = /^[!"$-~]*$/

/**
 * Reads a request target in origin form, or refuses it (`url_ambiguous`) where two parsers could read it
 * differently: THREATS T5. Nothing is normalised, so the string that is matched is the string that is
 * forwarded.
 */
export function readTarget(rawTarget: string): Target {
  const queryAt = rawTarget.indexOf('?')
  const path = queryAt === -1 ? rawTarget : rawTarget.slice(0, queryAt)
  const query = queryAt === -1 ? '' : rawTarget.slice(queryAt + 1)
  if (!plainPath.test(path) && !isHarmlesslyEncoded(path)) return refused
  if (emptyOrDotSegment.test(path)) return refused
  if (query !== '' && !plainQuery.test(query)) return refused
  return { ok: true, path, query }
}

/**
 * The loosest reading that a backend may have of a path: decoded, in Unicode's compatibility form, case folded.
 * Throws `URIError` for an encoding that {@link readTarget} refuses.
 */
export function foldPath(path: string): string {
  if (!path.includes('%')) return path.toLowerCase()
  // Both ways, since some letters have an ASCII twin in one case only.
  return decodeURIComponent(path).normalize('NFKC').toUpperCase().toLowerCase()
}

// What only some decode, or decode twice, or decode before they split: unreserved characters, the path's own
// delimiters, the percent sign, control characters.
const tellingWhenEncoded = /[A-Za-z0-9\-._~/\\;%#?\p{Cc}]/u
const delimiter = /[/\\;%#?\p{Cc}]/u

function isHarmlesslyEncoded(path: string): boolean {
  if (!encodedPath.test(path)) return false
  try {
    const decoded = path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
      const text = decodeURIComponent(run)
      // A full-width solidus is a `/` to a backend that brings text into its compatibility form.
      if (tellingWhenEncoded.test(text) || delimiter.test(text.normalize('NFKC'))) throw new URIError(run)
      return text
    })
    return !emptyOrDotSegment.test(decoded.normalize('NFKC'))
  } catch {
    return false
  }
}
