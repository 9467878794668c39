import { foldPath, readTarget } from './target.ts'

export interface RouteTable<R> {
  /**
   * The route of a path that `readTarget` accepted; null where there is none (`no_route`), `'ambiguous'` where
   * a backend may read the path as another route's (`url_ambiguous`).
   */
  match(path: string): R | 'ambiguous' | null
}

interface Pattern<R> {
  route: R
  /** `/api/` for `/api/*`; the whole path for an exact pattern. */
  text: string
  folded: string
  isPrefix: boolean
  /** `/api` for `/api/*`, where no exact pattern stands for it: a mount at `/api` answers it too. */
  foldedMount: string | null
}

/**
 * A table of routes, first match wins. `/mcp` stands for exactly that path, `/api/*` for every path that
 * begins with `/api/`.
 *
 * A path is read twice: strictly, and as loosely as backends do (Express ignores case and a trailing slash,
 * mounts answer the bare prefix, most decode). Whatever route matches a path strictly matches it loosely too,
 * so where both readings find the same first route, every reading between them does, and where they don't the
 * path is ambiguous. Throws `TypeError` for a pattern that could never match a path.
 */
export function createRouteTable<R extends { path: string }>(routes: readonly R[]): RouteTable<R> {
  for (const { path } of routes) checkPattern(path)
  const exact = new Set(routes.filter(({ path }) => !path.endsWith('/*')).map(({ path }) => fold(path)))
  const patterns = routes.map((route) => readPattern(route, exact))

  return {
    match(path) {
      let folded: string
      try {
        folded = fold(path)
      } catch {
        return 'ambiguous'
      }
      for (const pattern of patterns) {
        const isStrict = pattern.isPrefix ? path.startsWith(pattern.text) : path === pattern.text
        if (isLooseMatch(pattern, folded)) return isStrict ? pattern.route : 'ambiguous'
        if (isStrict) return 'ambiguous'
      }
      return null
    },
  }
}

function checkPattern(path: string): void {
  const text = path.endsWith('/*') ? path.slice(0, -1) : path
  const target = readTarget(text)
  if (!target.ok || target.path !== text || text.includes('*')) {
    throw new TypeError(`a route's path is like /mcp, /api/* or /*, not ${JSON.stringify(path)}`)
  }
}

function readPattern<R extends { path: string }>(route: R, exact: ReadonlySet<string>): Pattern<R> {
  const isPrefix = route.path.endsWith('/*')
  const text = isPrefix ? route.path.slice(0, -1) : route.path
  const mount = fold(text)
  return {
    route,
    text,
    folded: isPrefix ? foldPath(text) : mount,
    isPrefix,
    foldedMount: isPrefix && !exact.has(mount) ? mount : null,
  }
}

function isLooseMatch(pattern: Pattern<unknown>, folded: string): boolean {
  if (!pattern.isPrefix) return folded === pattern.folded
  return folded.startsWith(pattern.folded) || folded === pattern.foldedMount
}

function fold(path: string): string {
  const folded = foldPath(path)
  return folded.length > 1 && folded.endsWith('/') ? folded.slice(0, -1) : folded
}
