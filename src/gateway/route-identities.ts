import type { Config, Route } from '../config.ts'
import type { IdentityHeaders } from '../identity/headers.ts'
import { createIdentityHeaders } from '../identity/headers.ts'

/**
 * The identity headers of each route, which may have a name of its own for the service user; null stands for no
 * route. Whatever carries it on any of them is dropped on all: their backends may be one.
 */
export function createRouteIdentities(
  config: Pick<Config, 'headers' | 'routes'>,
): (route: Pick<Route, 'serviceUserHeader'> | null) => IdentityHeaders {
  const names = new Set([config.headers.serviceUser])
  for (const { serviceUserHeader } of config.routes)
    if (serviceUserHeader !== null) names.add(serviceUserHeader)
  const otherHeaders = [...names]
  const usual = createIdentityHeaders({ serviceUserHeader: config.headers.serviceUser, otherHeaders })
  const byName = new Map(
    otherHeaders.map((name) => [name, createIdentityHeaders({ serviceUserHeader: name, otherHeaders })]),
  )
  return (route) =>
    route?.serviceUserHeader == null ? usual : (byName.get(route.serviceUserHeader) ?? usual)
}
