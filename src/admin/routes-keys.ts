import type { Hono } from 'hono'
import type { Keys } from '../keys/keys.ts'
import { describe } from './describe.ts'
import { historyJson, issuedKeyJson, keyJson, pageJson } from './json.ts'
import * as schemas from './schemas.ts'
import { body, jsonOnly, paging, query, withoutUndefined } from './valid.ts'

/** The routes about service keys, but for those about rotation. */
export function keyRoutes(api: Hono, keys: Keys, actorOf: (request: Request) => string): void {
  api.post(
    '/keys',
    describe({
      summary: 'Issue a service key',
      status: 201,
      answer: schemas.issuedKeySchema,
      refusals: [400, 404, 409, 413, 415, 422],
      isRepeatable: true,
    }),
    jsonOnly,
    body(schemas.newKey),
    async (c) => {
      const input = withoutUndefined(c.req.valid('json'))
      const issued = await keys.issue(input, actorOf(c.req.raw), c.req.header('idempotency-key'))
      return c.json(issuedKeyJson(issued), 201)
    },
  )

  api.get(
    '/keys',
    describe({
      summary: 'List service keys, newest first',
      status: 200,
      answer: schemas.pageOf(schemas.keySchema),
      refusals: [400, 404],
    }),
    query(schemas.keyQuery),
    async (c) => {
      const { serviceUser, ...rest } = c.req.valid('query')
      const filter = { ...paging(rest), ...(serviceUser === undefined ? {} : { serviceUser }) }
      return c.json(pageJson(await keys.list(filter), keyJson))
    },
  )

  api.get(
    '/keys/:id',
    describe({
      summary: 'Show a service key and its history',
      status: 200,
      answer: schemas.keyWithHistorySchema,
      refusals: [404],
    }),
    async (c) => {
      const { key, history } = await keys.show(c.req.param('id'))
      return c.json({ ...keyJson(key), history: historyJson(history) })
    },
  )

  api.post(
    '/keys/:id/revoke',
    describe({
      summary: 'Revoke a service key, and all that it made by rotating itself',
      status: 200,
      answer: schemas.keySchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(schemas.revocation),
    async (c) => {
      const { reason } = c.req.valid('json')
      return c.json(keyJson(await keys.revoke(c.req.param('id'), reason, actorOf(c.req.raw))))
    },
  )
}
