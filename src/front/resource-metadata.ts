import type { Route } from '../config.ts'
import type { RouteTable } from './routes.ts'

const wellKnown = '/.well-known/oauth-protected-resource'

/** What of a request says how its client calls the resource. */
export interface ResourceRequest {
  path: string
  proto: string
  host: string
}

/** Where clients of OAuth learn whose tokens a route takes (RFC 9728). Routes that take none have no such page. */
export interface ResourceMetadata {
  /** The metadata that a path asks for, as JSON; null for every other path. */
  at(request: ResourceRequest): string | null
  /** The metadata's URL for a request, for its challenge; null where its route accepts no JWTs. */
  urlFor(request: ResourceRequest, route: Route): string | null
}

/** `issuers`: their names. A resource is called by the host and the path that its client used. */
export function createResourceMetadata(
  routes: Pick<RouteTable<Route>, 'match'>,
  issuers: readonly string[],
): ResourceMetadata {
  return {
    at({ path, proto, host }) {
      if (path !== wellKnown && !path.startsWith(`${wellKnown}/`)) return null
      const resourcePath = path.slice(wellKnown.length)
      const route = routes.match(resourcePath === '' ? '/' : resourcePath)
      if (route === null || route === 'ambiguous' || !route.accepts.includes('jwt')) return null
      return JSON.stringify({
        resource: `${proto}://${host}${resourcePath}`,
        authorization_servers: issuers,
        bearer_methods_supported: ['header'],
      })
    },
    urlFor({ path, proto, host }, route) {
      if (!route.accepts.includes('jwt')) return null
      return `${proto}://${host}${wellKnown}${path === '/' ? '' : path}`
    },
  }
}

/** How the metadata is answered: it is for everyone, clients in browsers too. */
export const metadataHeaders = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'access-control-allow-origin': '*',
} as const
