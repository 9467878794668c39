import { RequestRefused } from './problem.ts'

/**
 * Why a request to the API may not be made from where a browser says that it comes; null where it may. One that
 * proves itself by a header of its own can't be another site's doing, and is not asked. Sign-in answers that come
 * back from an identity provider are judged by who made the round trip (`api/auth`), and not here.
 */
export function refusalOfOrigin(request: Request): RequestRefused | null {
  if (request.headers.has('authorization')) return null
  const site = request.headers.get('sec-fetch-site')
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  if (isSafe) return site === null || site === 'same-origin' || site === 'none' ? null : refused()
  if (site !== null) return site === 'same-origin' ? null : refused()
  // Older browsers, and all of them over plain HTTP to another machine.
  return isOwn(request.headers.get('origin'), request.headers.get('host')) ? null : refused()
}

function isOwn(origin: string | null, host: string | null): boolean {
  return (
    origin !== null && host !== null && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
  )
}

function refused(): RequestRefused {
  return new RequestRefused(403, 'origin_refused', 'This request must come from the page itself.')
}
