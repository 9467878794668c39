import type { Route } from '../config.ts'
import { readManagementToken } from '../domain/management-key.ts'
import type { Allowed } from '../domain/verdict.ts'
import { withoutCookies } from '../identity/credentials.ts'
import { createIdentityHeaders } from '../identity/headers.ts'
import { rememberGrants } from './granted-tools.ts'
import type { Node } from './node.ts'

export interface AppIdentity {
  /**
   * Takes any copy or look-alike of ours out of a request's headers, and sets ours where somebody is known.
   * `Authorization` is taken off, but for a JWT that its route lets pass, and what a public route brings along.
   */
  applyTo(headers: Headers, node: Node, caller: Caller | null): void
  /** Headers without any copy or look-alike of ours: Next copies those of a proxy's answer onto the request. */
  strip(headers: Headers): Headers
}

/** Whom the app is told of, and on which route. */
export interface Caller {
  route: Route
  allowed: Allowed
}

/** Tells the app who calls, in the headers of the request that it gets. */
export function createAppIdentity(serviceUserHeader: string): AppIdentity {
  const identity = createIdentityHeaders({ serviceUserHeader })
  return {
    strip(headers) {
      const kept = new Headers()
      for (const [name, value] of headers) if (!identity.isIdentityHeader(name)) kept.append(name, value)
      return kept
    },
    applyTo(headers, { postern }, caller) {
      const dropped: string[] = []
      for (const [name, value] of headers) {
        const isKept =
          name === 'authorization' ? mayKeep(value, postern, caller) : !identity.isIdentityHeader(name)
        if (!isKept) dropped.push(name)
      }
      for (const name of dropped) headers.delete(name)
      if (caller === null) return
      const { allowed, route } = caller
      if (!route.accepts.includes('session')) stripSession(headers, postern)
      rememberGrants(allowed.grants)
      const assertion = postern.assertions.shared(allowed, route.path)
      const named = identity.answerHeaders(allowed.principal, assertion)
      for (let at = 0; at + 1 < named.length; at += 2) {
        const value = named[at + 1] ?? ''
        if (value !== '') headers.set(named[at] ?? '', value)
      }
    },
  }
}

/** A session that came along on a route of another kind: nobody has looked at it, so nobody is to believe it. */
function stripSession(headers: Headers, { config: { sessions } }: Node['postern']): void {
  const cookie = headers.get('cookie')
  if (sessions === null || cookie === null) return
  const kept = withoutCookies(cookie, (name) => sessions.ownsCookie(name))
  if (kept === '') headers.delete('cookie')
  else headers.set('cookie', kept)
}

/** The proof stays here, unless its route says otherwise, and what looks like a token of ours whatever it says. */
function mayKeep(value: string, postern: Node['postern'], caller: Caller | null): boolean {
  // The page's API asks for its management keys itself, on a route that is public here.
  if (caller === null && isManagementKey(value)) return true
  if (postern.maskTokens(value) !== value) return false
  return caller === null || (caller.allowed.credentialKind === 'jwt' && caller.route.forwardCredential)
}

function isManagementKey(authorization: string): boolean {
  const [scheme = '', token = '', ...more] = authorization.split(' ')
  return scheme.toLowerCase() === 'bearer' && more.length === 0 && readManagementToken(token) !== null
}
