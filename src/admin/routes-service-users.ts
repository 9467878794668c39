import type { Hono } from 'hono'
import type { Keys } from '../keys/keys.ts'
import { describe } from './describe.ts'
import { pageJson, serviceUserJson } from './json.ts'
import * as schemas from './schemas.ts'
import { body, jsonOnly, paging, query, withoutUndefined } from './valid.ts'

/** The routes about service users. */
export function serviceUserRoutes(api: Hono, keys: Keys, actorOf: (request: Request) => string): void {
  api.post(
    '/service-users',
    describe({
      summary: 'Create a service user',
      status: 201,
      answer: schemas.serviceUserSchema,
      refusals: [400, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.newServiceUser),
    async (c) => {
      const user = await keys.createServiceUser(withoutUndefined(c.req.valid('json')), actorOf(c.req.raw))
      return c.json(serviceUserJson(user), 201)
    },
  )

  api.get(
    '/service-users',
    describe({
      summary: 'List service users, oldest first',
      status: 200,
      answer: schemas.pageOf(schemas.serviceUserSchema),
      refusals: [400],
    }),
    query(schemas.serviceUserQuery),
    async (c) => c.json(pageJson(await keys.listServiceUsers(paging(c.req.valid('query'))), serviceUserJson)),
  )

  api.post(
    '/service-users/:id/disable',
    describe({
      summary: 'Disable a service user, by id or name: all its keys stop at once',
      status: 200,
      answer: schemas.serviceUserSchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.disabling),
    async (c) => {
      const { reason } = c.req.valid('json')
      const user = await keys.disableServiceUser(c.req.param('id'), reason, actorOf(c.req.raw))
      return c.json(serviceUserJson(user))
    },
  )

  api.post(
    '/service-users/:id/enable',
    describe({
      summary: 'Enable a service user again, by id or name',
      status: 200,
      answer: schemas.serviceUserSchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.enabling),
    async (c) => {
      const { reason } = c.req.valid('json')
      const user = await keys.enableServiceUser(c.req.param('id'), reason, actorOf(c.req.raw))
      return c.json(serviceUserJson(user))
    },
  )
}
