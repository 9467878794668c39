import { isPageCookie, readCookiePairs } from '../domain/cookie.ts'
import type { CredentialKind } from '../domain/verdict.ts'

export interface CredentialFacts {
  /** The kind that the route sends on; null: none, as everywhere unless a route says so. */
  forwarded: CredentialKind | null
  /** The request's `Authorization`. */
  authorization: string | null
  /** Which cookies are a session's; null where there are no sessions. */
  ownsCookie: ((name: string) => boolean) | null
}

/**
 * The head of an upstream request, which has no `Authorization`, with what may go on of the request's credential:
 * a session's cookies go out, the others stay. A service key is never sent on; nor are the page's cookies, which a
 * browser sends to every port of its host.
 */
export function withCredential(headers: string[], facts: CredentialFacts): string[] {
  const { forwarded, authorization, ownsCookie } = facts
  // As for nearly every call: nothing is to be changed.
  if (forwarded !== 'jwt' && !holdsCookie(headers)) return headers
  const staysHere = (cookie: string): boolean =>
    isPageCookie(cookie) || (forwarded !== 'session' && ownsCookie !== null && ownsCookie(cookie))
  const kept: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    let value = headers[at + 1]!
    if (isCookie(name)) {
      value = withoutCookies(value, staysHere)
      if (value === '') continue
    }
    kept.push(name, value)
  }
  if (forwarded === 'jwt' && authorization !== null) kept.push('authorization', authorization)
  return kept
}

function holdsCookie(headers: readonly string[]): boolean {
  for (let at = 0; at < headers.length; at += 2) if (isCookie(headers[at]!)) return true
  return false
}

function isCookie(name: string): boolean {
  return name.length === 'cookie'.length && name.toLowerCase() === 'cookie'
}

/** A `Cookie` header without some of its cookies; empty where nothing is left. */
export function withoutCookies(header: string, ownsCookie: (name: string) => boolean): string {
  const all = readCookiePairs(header)
  const others = all.filter(({ names }) => !names.some((name) => ownsCookie(name)))
  return others.length === all.length ? header : others.map(({ text }) => text).join('; ')
}
