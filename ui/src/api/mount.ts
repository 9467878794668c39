import { queryText, type Query } from './query.ts'

/** The path under which the page lies, without a slash at its end: the host says it in the base element. */
export function mountPath(): string {
  return new URL('.', document.baseURI).pathname.replace(/\/$/, '')
}

/** Where a path of the page is, for things that leave it, such as a link to be sent. */
export function pageUrl(path: string): string {
  return `${location.origin}${mountPath()}${path}`
}

/** The address of a route of the API: `apiUrl('/keys', { state: 'active' })`. Empty values are left out. */
export function apiUrl(path: string, query: Query = {}): string {
  return `${mountPath()}/api/v1${path}${queryText(query)}`
}
