import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { openAPIRouteHandler } from 'hono-openapi'
import { StoreUnavailable } from '../domain/ports.ts'
import type { ManagementKeys } from '../keys/management-keys.ts'
import { KeysRefused } from '../keys/refused.ts'
import type { Notices } from '../notices/notices.ts'
import type { AdminApi, AdminEnv, Gate } from './guard.ts'
import { problemResponse, refusalOfKeys, RequestRefused } from './problem.ts'
import { auditRoutes } from './routes-audit.ts'
import { changeRoutes } from './routes-changes.ts'
import { keyRoutes } from './routes-keys.ts'
import { managementKeyRoutes } from './routes-management-keys.ts'
import { nodeRoutes, type NodeRooms } from './routes-nodes.ts'
import { noticeRoutes } from './routes-notices.ts'
import { rotationRoutes } from './routes-rotation.ts'
import { serviceUserRoutes } from './routes-service-users.ts'
import { settingsRoutes, type Deployment } from './routes-settings.ts'
import { upkeepRoutes, type UpkeepRooms } from './routes-upkeep.ts'
import { usageRoutes } from './routes-usage.ts'

/** Where the page and its API lie. */
export const adminBasePath = '/admin/api-keys'

export interface AdminApiParts extends Gate {
  /** What is the whole deployment's, and no owner's. */
  managementKeys: Omit<ManagementKeys, 'authenticate'>
  worker: Pick<Notices, 'sendTest' | 'tick'>
  nodes: NodeRooms
  upkeep: UpkeepRooms
  knownTools: (limit: number) => Promise<string[]>
  deployment: Deployment
  /** Mounts further routes, each with `describe`. */
  extend?: (api: AdminApi) => void
  /** Called with what made a request fail with 500 or 503. The answer itself doesn't say it. */
  onFailure?: (error: unknown) => void
}

const bodyLimitBytes = 64 * 1024

/** The admin API as one `(Request) => Promise<Response>`. Nothing in front of it has to parse anything. */
export function createAdminApi(parts: AdminApiParts): (request: Request) => Promise<Response> {
  const { accessOf, signInMaxAgeMs, clock, rooms, deployment, onFailure } = parts
  const app = new Hono<AdminEnv>()
  const gate: Gate = { accessOf, signInMaxAgeMs, clock, rooms }

  app.use(async (c, next) => {
    c.set('gate', gate)
    await next()
    // Nothing here is for a cache to keep, least of all the one answer with a token.
    c.header('cache-control', 'no-store')
  })
  app.use(
    bodyLimit({
      maxSize: bodyLimitBytes,
      onError: () => problemResponse(new RequestRefused(413, 'body_too_large', 'The body is over 64 KiB.')),
    }),
  )
  app.onError((error, c) => {
    if (error instanceof KeysRefused) return problemResponse(refusalOfKeys(error))
    if (error instanceof RequestRefused) return problemResponse(error, challengeOf(error))
    if (error instanceof HTTPException)
      return problemResponse(
        new RequestRefused(error.status, 'body_malformed', 'The body is not valid JSON.'),
      )
    if ('code' in error && error.code === 'cursor_invalid')
      return problemResponse(
        new RequestRefused(400, 'cursor_invalid', 'The cursor is not one that a list has given.', 'cursor'),
      )
    onFailure?.(error)
    if (error instanceof StoreUnavailable)
      return c.req.method === 'GET'
        ? problemResponse(storeUnavailable('try again'), { 'retry-after': '1' })
        : problemResponse(storeUnavailable('see whether it was done before you try again'))
    return problemResponse(new RequestRefused(500, 'internal_error', 'Postern failed; its log says why.'))
  })
  app.notFound(() => problemResponse(new RequestRefused(404, 'no_route', 'Nothing is here.')))

  const api: AdminApi = new Hono<AdminEnv>()
  settingsRoutes(api, deployment)
  serviceUserRoutes(api, parts.nodes)
  keyRoutes(api, parts.nodes)
  rotationRoutes(api)
  usageRoutes(api, {
    denyToolsByDefault: deployment.settings.policy.denyToolsByDefault,
    knownTools: parts.knownTools,
  })
  auditRoutes(api)
  changeRoutes(api)
  noticeRoutes(api, parts.worker)
  managementKeyRoutes(api, parts.managementKeys)
  nodeRoutes(api, parts.nodes)
  upkeepRoutes(api, parts.upkeep)
  parts.extend?.(api)
  app.route(`${adminBasePath}/api/v1`, api)

  app.get(
    `${adminBasePath}/api/openapi.json`,
    openAPIRouteHandler(app, {
      documentation: {
        openapi: '3.1.0',
        info: {
          title: 'Postern admin API',
          version: 'v1',
          description: 'Service users, service keys and the trail.',
        },
      },
      defaultValidationErrorResponse: false,
    }),
  )

  return async (request: Request): Promise<Response> => {
    if (request.method !== 'HEAD') return await app.fetch(request)
    const answered = await app.fetch(new Request(request, { method: 'GET' }))
    // What goes on for long would wait for ever to be read, and keep its place.
    await answered.body?.cancel()
    return new Response(null, answered)
  }
}

/** Who a 401 is for learns from it what would be taken (RFC 9110, 11.6.1). */
function challengeOf({ status }: RequestRefused): Record<string, string> {
  return status === 401 ? { 'www-authenticate': 'Bearer realm="postern-admin"' } : {}
}

function storeUnavailable(advice: string): RequestRefused {
  return new RequestRefused(503, 'store_unavailable', `The database can't be reached right now; ${advice}.`)
}
