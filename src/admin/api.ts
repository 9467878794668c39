import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { describeRoute, openAPIRouteHandler, resolver } from 'hono-openapi'
import type { z } from 'zod'
import { StoreUnavailable, type TrailFilter, type TrailStore } from '../domain/ports.ts'
import { parseDay, parseInstant } from '../keys/instant.ts'
import type { Keys } from '../keys/keys.ts'
import { KeysRefused } from '../keys/refused.ts'
import { callJson, historyJson, keyJson, pageJson, serviceUserJson } from './json.ts'
import { problemResponse, problemSchema, refusalOfKeys, RequestRefused } from './problem.ts'
import * as schemas from './schemas.ts'
import { body, jsonOnly, query } from './valid.ts'

/** Where the page and its API lie. */
export const adminBasePath = '/admin/api-keys'

export interface AdminApiParts {
  keys: Keys
  trail: Pick<TrailStore, 'list'>
  /** Who makes the request: never read from its body. */
  actorOf: (request: Request) => string
  /** Called with what made a request fail with 500 or 503. The answer itself doesn't say it. */
  onFailure?: (error: unknown) => void
}

const bodyLimitBytes = 64 * 1024
const defaultLimit = 50

/** The admin API as one `(Request) => Promise<Response>`. Nothing in front of it has to parse anything. */
export function createAdminApi({ keys, trail, actorOf, onFailure }: AdminApiParts) {
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

  api.post(
    '/service-users',
    describe('Create a service user', 201, schemas.serviceUserSchema, [400, 409, 413, 415, 503]),
    jsonOnly,
    body(schemas.newServiceUser),
    async (c) => {
      const { customer, ...rest } = c.req.valid('json')
      const input = customer === undefined ? rest : { ...rest, customer }
      return c.json(serviceUserJson(await keys.createServiceUser(input, actorOf(c.req.raw))), 201)
    },
  )

  api.get(
    '/service-users',
    describe('List service users, oldest first', 200, schemas.pageOf(schemas.serviceUserSchema), [400, 503]),
    query(schemas.serviceUserQuery),
    async (c) => c.json(pageJson(await keys.listServiceUsers(paging(c.req.valid('query'))), serviceUserJson)),
  )

  api.post(
    '/keys',
    describe('Issue a service key', 201, schemas.issuedKeySchema, [400, 404, 409, 413, 415, 503]),
    jsonOnly,
    body(schemas.newKey),
    async (c) => {
      const { serviceUser, name, expires } = c.req.valid('json')
      const input = {
        serviceUser,
        ...(name === undefined ? {} : { name }),
        ...(expires === undefined ? {} : { expires }),
      }
      const { key, token } = await keys.issue(input, actorOf(c.req.raw))
      const { id, ...others } = keyJson(key)
      return c.json({ id, token, ...others }, 201)
    },
  )

  api.get(
    '/keys',
    describe('List service keys, newest first', 200, schemas.pageOf(schemas.keySchema), [400, 404, 503]),
    query(schemas.keyQuery),
    async (c) => {
      const { serviceUser, ...rest } = c.req.valid('query')
      const filter = { ...paging(rest), ...(serviceUser === undefined ? {} : { serviceUser }) }
      return c.json(pageJson(await keys.list(filter), keyJson))
    },
  )

  api.get(
    '/keys/:id',
    describe('Show a service key and its history', 200, schemas.keyWithHistorySchema, [404, 503]),
    async (c) => {
      const { key, history } = await keys.show(c.req.param('id'))
      return c.json({ ...keyJson(key), history: historyJson(history) })
    },
  )

  api.post(
    '/keys/:id/revoke',
    describe('Revoke a service key', 200, schemas.keySchema, [400, 404, 409, 413, 415, 503]),
    jsonOnly,
    body(schemas.revocation),
    async (c) => {
      const { reason } = c.req.valid('json')
      return c.json(keyJson(await keys.revoke(c.req.param('id'), reason, actorOf(c.req.raw))))
    },
  )

  api.get(
    '/audit',
    describe(
      'List calls and denials, newest first',
      200,
      schemas.pageOf(schemas.callSchema),
      [400, 404, 503],
    ),
    query(schemas.auditQuery),
    async (c) => c.json(pageJson(await trail.list(await trailFilter(c.req.valid('query'), keys)), callJson)),
  )

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

function describe(summary: string, status: 200 | 201, schema: z.ZodType, refusals: readonly number[]) {
  const problem = { 'application/problem+json': { schema: resolver(problemSchema) } }
  return describeRoute({
    summary,
    responses: {
      [status]: { description: summary, content: { 'application/json': { schema: resolver(schema) } } },
      ...Object.fromEntries(
        refusals.map((refusal) => [refusal, { description: 'Refused: the code says why', content: problem }]),
      ),
    },
  })
}

function paging({ cursor, limit }: { cursor?: string | undefined; limit?: number | undefined }) {
  return { limit: limit ?? defaultLimit, ...(cursor === undefined ? {} : { cursor }) }
}

async function trailFilter(asked: z.output<typeof schemas.auditQuery>, keys: Keys): Promise<TrailFilter> {
  const filter: TrailFilter = paging(asked)
  if (asked.key !== undefined) filter.keyId = asked.key.toLowerCase()
  if (asked.serviceUser !== undefined)
    filter.serviceUserId = (await keys.findServiceUser(asked.serviceUser)).id
  if (asked.tool !== undefined) filter.tool = asked.tool
  if (asked.outcome !== undefined) filter.outcome = asked.outcome
  if (asked.from !== undefined) filter.from = moment('from', asked.from, parseDay(asked.from)?.start)
  if (asked.to !== undefined) filter.to = moment('to', asked.to, parseDay(asked.to)?.end)
  if (asked.recordedFrom !== undefined) filter.recordedFrom = moment('recordedFrom', asked.recordedFrom)
  return filter
}

function moment(field: string, value: string, day?: number): number {
  const at = day ?? parseInstant(value)
  if (at === null)
    throw new RequestRefused(
      400,
      'field_invalid',
      `${field} must be an RFC 3339 instant, such as 2027-06-01T12:00:00Z, or a date`,
      field,
    )
  return at
}
