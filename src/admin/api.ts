import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { openAPIRouteHandler } from 'hono-openapi'
import { StoreUnavailable, type TrailStore } from '../domain/ports.ts'
import type { Keys } from '../keys/keys.ts'
import { KeysRefused } from '../keys/refused.ts'
import type { Notices } from '../notices/notices.ts'
import { problemResponse, refusalOfKeys, RequestRefused } from './problem.ts'
import { auditRoutes } from './routes-audit.ts'
import { keyRoutes } from './routes-keys.ts'
import { noticeRoutes } from './routes-notices.ts'
import { rotationRoutes } from './routes-rotation.ts'
import { serviceUserRoutes } from './routes-service-users.ts'

/** Where the page and its API lie. */
export const adminBasePath = '/admin/api-keys'

export interface AdminApiParts {
  keys: Keys
  trail: Pick<TrailStore, 'list'>
  notices: Notices
  /** Who makes the request: never read from its body. */
  actorOf: (request: Request) => string
  /** Called with what made a request fail with 500 or 503. The answer itself doesn't say it. */
  onFailure?: (error: unknown) => void
}

const bodyLimitBytes = 64 * 1024

/** The admin API as one `(Request) => Promise<Response>`. Nothing in front of it has to parse anything. */
export function createAdminApi({ keys, trail, notices, actorOf, onFailure }: AdminApiParts) {
  const app = new Hono()
  const api = app.basePath(`${adminBasePath}/api/v1`)

  app.use(
    bodyLimit({
      maxSize: bodyLimitBytes,
      onError: () => problemResponse(new RequestRefused(413, 'body_too_large', 'The body is over 64 KiB.')),
    }),
  )
  app.use(async (c, next) => {
    await next()
    // Nothing here is for a cache to keep, least of all the one answer with a token.
    c.header('cache-control', 'no-store')
  })
  app.onError((error, c) => {
    if (error instanceof KeysRefused) return problemResponse(refusalOfKeys(error))
    if (error instanceof RequestRefused) return problemResponse(error)
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

  serviceUserRoutes(api, keys, actorOf)
  keyRoutes(api, keys, actorOf)
  rotationRoutes(api, keys, actorOf)
  auditRoutes(api, trail, keys)
  noticeRoutes(api, notices, keys, actorOf)

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

  return async (request: Request): Promise<Response> => await app.fetch(request)
}

function storeUnavailable(advice: string): RequestRefused {
  return new RequestRefused(503, 'store_unavailable', `The database can't be reached right now; ${advice}.`)
}
