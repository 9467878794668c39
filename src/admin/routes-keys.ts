import type { Context } from 'hono'
import type { z } from 'zod'
import type { KeyListFilter } from '../keys/keys.ts'
import type { Nodes } from '../verify/nodes.ts'
import { describe } from './describe.ts'
import type { AdminApi, AdminEnv } from './guard.ts'
import { historyJson, issuedKeyJson, keyJson, listedKeyJson, pageJson } from './json.ts'
import { acknowledgementJson } from './routes-nodes.ts'
import { pageOf } from './schemas-common.ts'
import * as schemas from './schemas-keys.ts'
import { waitQuery } from './schemas-nodes.ts'
import { body, durationOf, jsonOnly, paging, query, withoutUndefined } from './valid.ts'
import { changeVersion, etagOf } from './versions.ts'

/** The routes about service keys, but for those about rotation and about what they do. */
export function keyRoutes(api: AdminApi, nodes: Pick<Nodes, 'untilAcknowledged'>): void {
  api.post(
    '/keys',
    describe({
      summary: 'Issue a service key',
      needs: 'issue',
      status: 201,
      answer: schemas.issuedKeySchema,
      refusals: [400, 404, 409, 413, 415, 422],
      isRepeatable: true,
    }),
    jsonOnly,
    body(schemas.newKey),
    async (c) => {
      const input = withoutUndefined(c.req.valid('json'))
      const { actor } = c.get('access')
      const issued = await c.get('rooms').keys.issue(input, actor, c.req.header('idempotency-key'))
      return c.json(issuedKeyJson(issued), 201)
    },
  )

  api.get(
    '/keys',
    describe({
      summary: 'List service keys, newest first unless asked otherwise',
      needs: 'read',
      status: 200,
      answer: pageOf(schemas.listedKeySchema),
      refusals: [400, 404],
    }),
    query(schemas.keyQuery),
    async (c) => {
      const filter = filterOf(c.req.valid('query'), c.get('gate').clock.now())
      return c.json(pageJson(await c.get('rooms').keys.list(filter), listedKeyJson))
    },
  )

  api.get(
    '/keys/:id',
    describe({
      summary: 'Show a service key, what it did lately, and its history',
      needs: 'read',
      status: 200,
      answer: schemas.shownKeySchema,
      refusals: [404],
    }),
    async (c) => await shown(c, c.req.param('id')),
  )

  api.patch(
    '/keys/:id',
    describe({
      summary: 'Change the name of a service key, and what it may do',
      needs: 'change',
      status: 200,
      answer: schemas.shownKeySchema,
      refusals: [400, 404, 409, 412, 413, 415, 428],
      isConditional: true,
    }),
    jsonOnly,
    body(schemas.keyEdit),
    async (c) => {
      const { keys } = c.get('rooms')
      const id = c.req.param('id')
      const input = withoutUndefined(c.req.valid('json'))
      await changeVersion(
        c,
        (condition) => keys.edit(id, { ...input, ...condition }, c.get('access').actor),
        async () => (await keys.show(id)).version,
      )
      return await shown(c, id)
    },
  )

  api.post(
    '/keys/:id/revoke',
    describe({
      summary: 'Revoke a service key, and all that it made by rotating itself',
      needs: 'change',
      status: 200,
      answer: schemas.revokedKeySchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    query(waitQuery),
    body(schemas.revocation),
    async (c) => {
      const { reason } = c.req.valid('json')
      const access = c.get('access')
      const key = keyJson(await c.get('rooms').keys.revoke(c.req.param('id'), reason, access.actor))
      if (c.req.valid('query').wait !== 'true') return c.json(key)
      const acknowledgement = acknowledgementJson(await nodes.untilAcknowledged(), access)
      return c.json({ ...key, acknowledgement } satisfies schemas.RevokedKeyJson)
    },
  )
}

const dayMs = 86_400_000

async function shown(c: Context<AdminEnv>, id: string): Promise<Response> {
  const { keys, usage } = c.get('rooms')
  const { key, version, history } = await keys.show(id)
  const now = c.get('gate').clock.now()
  const days = await usage.days([key.key.id], dayOf(now - 29 * dayMs), dayOf(now))
  const ofKey = days.get(key.key.id) ?? []
  const calls30d = ofKey.reduce((sum, { calls }) => sum + calls, 0)
  const refused30d = ofKey.reduce((sum, { refused }) => sum + refused, 0)
  c.header('etag', etagOf(version))
  return c.json({
    ...listedKeyJson({ ...key, version, calls30d, refused30d, days: ofKey }),
    history: historyJson(history),
  })
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

function filterOf(asked: z.output<typeof schemas.keyQuery>, now: number): KeyListFilter {
  const { serviceUser, owner, customer, search, tool, sort, direction, state } = asked
  const { expiringWithin, unusedFor, ...page } = asked
  return {
    ...paging(page),
    ...withoutUndefined({ serviceUser, owner, customer, search, tool, sort }),
    ...(direction === undefined ? {} : { direction: direction === 'ascending' ? 'asc' : 'desc' }),
    ...(state === undefined ? {} : { states: typeof state === 'string' ? [state] : state }),
    ...(expiringWithin === undefined
      ? {}
      : { expiringBefore: now + durationOf('expiringWithin', expiringWithin) }),
    ...(unusedFor === undefined ? {} : { unusedSince: now - durationOf('unusedFor', unusedFor) }),
  }
}
