import type { IncomingMessage } from 'node:http'
import type { Route, Upstream } from '../config.ts'
import type { Allowed } from '../domain/verdict.ts'
import type { Assertions } from '../identity/assertions.ts'
import { withCredential } from '../identity/credentials.ts'
import type { IdentityHeaders } from '../identity/headers.ts'
import type { Front } from './front.ts'
import type { ForwardedBody } from './route-body.ts'

/** What the head of a request to a backend is made of. */
export interface UpstreamHeadFacts {
  request: Pick<IncomingMessage, 'rawHeaders'>
  front: Front
  route: Route
  upstream: Upstream
  /** Null on a public route. */
  allowed: Allowed | null
  body: ForwardedBody
}

export type UpstreamHead = (facts: UpstreamHeadFacts) => string[]

/** Makes the head of a request to a backend, as a flat list (name, value, …): who calls, signed, and what may go on. */
export function createUpstreamHead(options: {
  identityOf: (route: Route) => Pick<IdentityHeaders, 'upstreamHeaders'>
  assertions: Assertions
  /** Which cookies are a session's; null where there are no sessions. */
  ownsCookie: ((name: string) => boolean) | null
}): UpstreamHead {
  const { identityOf, assertions, ownsCookie } = options

  return (facts) => {
    const { request, front, route, upstream, allowed } = facts
    const { origin } = upstream
    const named = identityOf(route).upstreamHeaders(request.rawHeaders, {
      host: origin.slice(origin.indexOf('//') + 2),
      principal: allowed?.principal ?? null,
      assertion: allowed === null ? null : assertionFor(allowed, facts),
      clientAddress: front.arrival.clientAddress,
      requestId: front.arrival.requestId,
      forwardedHost: front.head.host,
      forwardedProto: front.proto,
    })
    return withCredential(named, {
      forwarded: route.forwardCredential ? (allowed?.credentialKind ?? null) : null,
      authorization: front.head.authorization,
      ownsCookie,
    })
  }

  /** Bodies that are bound have been read whole. */
  function assertionFor(allowed: Allowed, { route, upstream, front, body }: UpstreamHeadFacts): string {
    if (route.assertion === 'shared') return assertions.shared(allowed, route.path)
    if (typeof body === 'function')
      throw new TypeError('a body that is passed on as it comes cannot be bound')
    return assertions.bound(allowed, route.path, {
      method: front.arrival.httpMethod,
      path: upstream.path ?? front.path,
      body,
    })
  }
}
