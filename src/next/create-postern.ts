import type { Config, Route, Settings } from '../config.ts'
import { ConfigInvalid, parseConfig } from '../config.ts'
import type { RouteTable } from '../front/routes.ts'
import { createRouteTable } from '../front/routes.ts'
import { createAdminPage, type AdminPage, type AdminPageOptions } from './admin-page.ts'
import { type CallerOptions, createRequireCaller, type RequireCaller } from './caller.ts'
import { createCron, type CronOptions } from './cron.ts'
import { afterAnswer } from './next-modules.ts'
import { useNode } from './node.ts'
import { isBuildPhase } from './place.ts'
import { createProxy, type Proxy, type ProxyOptions } from './proxy.ts'
import { createWrapper, type Handler, type RouteHandler, type WrapperOptions } from './with-postern.ts'

export type { Principal } from '../domain/verdict.ts'
export { SessionRefused } from '../domain/session.ts'
export type { ReadSession, Session, SessionRequest, SessionSystem } from '../domain/session.ts'
export { clerk } from '../verify/clerk.ts'
export type { ClerkSettings } from '../verify/clerk.ts'
export type { Authorize, HostPerson } from '../admin/hosted.ts'
export { clerkAuthorize } from './admin-page-clerk.ts'
export type { ClerkAuthorizeSettings } from './admin-page-clerk.ts'
export type { AdminPage, AdminPageOptions } from './admin-page.ts'
export { CallerRefused } from './caller.ts'
export type { AppRequest } from './front.ts'
export { PlaceRefused } from './place.ts'
export type { ProxyAnswer, ProxyEvent, ProxyRequest } from './proxy.ts'
export type { Caller } from './with-postern.ts'
export type { CallerOptions, CronOptions, Handler, Proxy, ProxyOptions, RequireCaller, RouteHandler }
export type { Settings, WrapperOptions }

/** Postern in a Next.js app. */
export interface NextPostern {
  /** The gate over the whole app: what `proxy.ts` exports as `proxy`, with a matcher that takes everything. */
  proxy(options?: ProxyOptions): Proxy
  /** The service user that calls, from the assertion alone. Throws `CallerRefused`. */
  requireServiceUser: RequireCaller
  /** Whoever calls: a service user, a person or a workload. Throws `CallerRefused`. */
  requirePrincipal: RequireCaller
  /** Wraps a route handler that no proxy stands in front of. */
  withPostern<Context>(handler: Handler<Context>, options?: WrapperOptions): RouteHandler<Context>
  /** The page and its API: what `app/admin/api-keys/[[...path]]/route.ts` exports. */
  adminPage(options: AdminPageOptions): AdminPage
  /** A route handler for a scheduler to call, where there are no timers. */
  cron(options: CronOptions): (request: Request) => Promise<Response>
}

/** Next cuts off bodies over this behind a proxy (its `proxyClientMaxBodySize`), and still calls the handler. */
const nextBodyBytes = 10 * 1024 * 1024

/** Next's own files, which name nobody and hold nothing of anybody. */
const { routes: nextFiles } = parseConfig(
  {
    routes: [
      { path: '/_next/static/*', public: true },
      { path: '/_next/image', public: true },
    ],
  },
  {},
  '/',
)

/**
 * Postern for a Next.js app: called once, in a module of its own that `proxy.ts`, route handlers and pages import.
 * Settings are checked here; nothing is opened before a request needs it. Throws `ConfigInvalid`.
 */
export function createPostern(settings: Settings): NextPostern {
  let known: Known | null = null
  const resolve = () => {
    if (known !== null) return known
    const config = parseConfig(settings, process.env, process.cwd())
    refuseWhatNextCannot(config)
    known = {
      config,
      text: JSON.stringify(config),
      routes: createRouteTable([...nextFiles, ...config.routes]),
    }
    return known
  }
  // While Next builds the app its environment may not be there yet.
  if (!isBuildPhase(process.env)) resolve()
  const use = () => {
    const { config, text } = resolve()
    return useNode(config, text)
  }

  function requireCaller(kinds: Parameters<typeof createRequireCaller>[1]['kinds']): RequireCaller {
    let require: RequireCaller | null = null
    return (request, options) => {
      const { config, routes } = resolve()
      require ??= createRequireCaller(config, { routes, use, kinds })
      return require(request, options)
    }
  }

  return {
    proxy(options = {}) {
      let proxy: Proxy | null = null
      return (request, event) => {
        const { config, routes } = resolve()
        proxy ??= createProxy(config, {
          ...options,
          routes,
          isNextFile: (route) => nextFiles.includes(route),
          use,
        })
        return proxy(request, event)
      }
    },
    requireServiceUser: requireCaller(['service']),
    requirePrincipal: requireCaller(['service', 'user', 'workload']),
    withPostern<Context>(handler: Handler<Context>, options: WrapperOptions = {}) {
      let wrapped: RouteHandler<Context> | null = null
      return (request: Request, context: Context) => {
        const { config, routes } = resolve()
        wrapped ??= createWrapper(config, { ...options, routes, use, after: afterAnswer })(handler)
        return wrapped(request, context)
      }
    },
    adminPage: (options) => createAdminPage({ ...options, use }),
    cron: (options) => createCron({ ...options, use }),
  }
}

interface Known {
  config: Config
  /** Tells one configuration from another. */
  text: string
  routes: RouteTable<Route>
}

/** Settings that are right for the gateway and wrong here. */
function refuseWhatNextCannot({ routes }: Config): void {
  const problems = routes.flatMap((route, index) => [
    ...(route.assertion === 'request'
      ? [
          `routes[${index}].assertion is "request": has no use in a Next app, where the assertion never leaves the process`,
        ]
      : []),
    ...(route.serviceUserHeader !== null
      ? [
          `routes[${index}].serviceUserHeader is "${route.serviceUserHeader}": has no use in a Next app; name one for all with headers.serviceUser`,
        ]
      : []),
    ...(route.bodyLimitBytes > nextBodyBytes
      ? [
          `routes[${index}].bodyLimitBytes is ${route.bodyLimitBytes}: must be at most ${nextBodyBytes}, where Next cuts bodies off without a word`,
        ]
      : []),
  ])
  if (problems.length > 0) throw new ConfigInvalid(problems)
}
