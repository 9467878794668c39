import type { Nodes } from '../verify/nodes.ts'
import type { AdminApi } from './guard.ts'
import { describe } from './describe.ts'
import { pageJson, serviceUserJson } from './json.ts'
import { acknowledgementJson } from './routes-nodes.ts'
import { pageOf } from './schemas-common.ts'
import { waitQuery } from './schemas-nodes.ts'
import * as schemas from './schemas-service-users.ts'
import { body, jsonOnly, paging, query, withoutUndefined } from './valid.ts'
import { changeVersion, etagOf } from './versions.ts'

/** The routes about service users; each is found by its id or its name. */
export function serviceUserRoutes(api: AdminApi, nodes: Pick<Nodes, 'untilAcknowledged'>): void {
  api.post(
    '/service-users',
    describe({
      summary: 'Create a service user',
      needs: 'change',
      status: 201,
      answer: schemas.serviceUserSchema,
      refusals: [400, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.newServiceUser),
    async (c) => {
      const { keys } = c.get('rooms')
      const { id } = await keys.createServiceUser(
        withoutUndefined(c.req.valid('json')),
        c.get('access').actor,
      )
      const user = await keys.findServiceUser(id)
      c.header('etag', etagOf(user.version))
      return c.json(serviceUserJson(user), 201)
    },
  )

  api.get(
    '/service-users',
    describe({
      summary: 'List service users, oldest first',
      needs: 'read',
      status: 200,
      answer: pageOf(schemas.serviceUserSchema),
      refusals: [400],
    }),
    query(schemas.serviceUserQuery),
    async (c) => {
      const page = await c.get('rooms').keys.listServiceUsers(paging(c.req.valid('query')))
      return c.json(pageJson(page, serviceUserJson))
    },
  )

  api.get(
    '/service-users/:id',
    describe({
      summary: 'Show a service user',
      needs: 'read',
      status: 200,
      answer: schemas.serviceUserSchema,
      refusals: [404],
    }),
    async (c) => {
      const user = await c.get('rooms').keys.findServiceUser(c.req.param('id'))
      c.header('etag', etagOf(user.version))
      return c.json(serviceUserJson(user))
    },
  )

  api.patch(
    '/service-users/:id',
    describe({
      summary: 'Change what is known of a service user',
      needs: 'change',
      status: 200,
      answer: schemas.serviceUserSchema,
      refusals: [400, 404, 409, 412, 413, 415, 428],
      isConditional: true,
    }),
    jsonOnly,
    body(schemas.serviceUserEdit),
    async (c) => {
      const { keys } = c.get('rooms')
      const id = c.req.param('id')
      const input = withoutUndefined(c.req.valid('json'))
      const user = await changeVersion(
        c,
        (condition) => keys.editServiceUser(id, { ...input, ...condition }, c.get('access').actor),
        async () => (await keys.findServiceUser(id)).version,
      )
      c.header('etag', etagOf(user.version))
      return c.json(serviceUserJson(user))
    },
  )

  api.post(
    '/service-users/:id/disable',
    describe({
      summary: 'Disable a service user: all its keys stop at once',
      needs: 'change',
      status: 200,
      answer: schemas.disabledServiceUserSchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    query(waitQuery),
    body(schemas.disabling),
    async (c) => {
      const { keys } = c.get('rooms')
      const { reason } = c.req.valid('json')
      const access = c.get('access')
      const { id } = await keys.disableServiceUser(c.req.param('id'), reason, access.actor)
      const acknowledged = c.req.valid('query').wait === 'true' ? await nodes.untilAcknowledged() : null
      const user = serviceUserJson(await keys.findServiceUser(id))
      if (acknowledged === null) return c.json(user)
      const acknowledgement = acknowledgementJson(acknowledged, access)
      return c.json({ ...user, acknowledgement } satisfies schemas.DisabledServiceUserJson)
    },
  )

  api.post(
    '/service-users/:id/enable',
    describe({
      summary: 'Enable a service user again',
      needs: 'change',
      status: 200,
      answer: schemas.serviceUserSchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.enabling),
    async (c) => {
      const { keys } = c.get('rooms')
      const { reason } = c.req.valid('json')
      const { id } = await keys.enableServiceUser(c.req.param('id'), reason, c.get('access').actor)
      return c.json(serviceUserJson(await keys.findServiceUser(id)))
    },
  )
}
