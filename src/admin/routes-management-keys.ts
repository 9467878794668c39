import { isManagementKeyLive, type ManagementKey } from '../domain/management-key.ts'
import type { ManagementKeys } from '../keys/management-keys.ts'
import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { instant, instantOrNull, pageJson } from './json.ts'
import { nothingMore, pageOf } from './schemas-common.ts'
import * as schemas from './schemas-management-keys.ts'
import { body, jsonOnly, paging, query, withoutUndefined } from './valid.ts'

/** The routes about management keys. */
export function managementKeyRoutes(api: AdminApi, keys: Omit<ManagementKeys, 'authenticate'>): void {
  api.post(
    '/management-keys',
    describe({
      summary: 'Issue a management key: it opens this API, and no route of the gateway',
      needs: 'appoint',
      status: 201,
      answer: schemas.issuedManagementKeySchema,
      refusals: [400, 413, 415],
    }),
    jsonOnly,
    body(schemas.newManagementKey),
    async (c) => {
      const { key, token } = await keys.create(withoutUndefined(c.req.valid('json')), c.get('access').actor)
      const issued = { ...managementKeyJson(key, c.get('gate').clock.now()), token }
      return c.json(issued satisfies schemas.IssuedManagementKeyJson, 201)
    },
  )

  api.get(
    '/management-keys',
    describe({
      summary: 'List management keys, newest first',
      needs: 'oversee',
      status: 200,
      answer: pageOf(schemas.managementKeySchema),
      refusals: [400],
    }),
    query(schemas.managementKeyQuery),
    async (c) => {
      const now = c.get('gate').clock.now()
      const page = await keys.list(paging(c.req.valid('query')))
      return c.json(pageJson(page, (key) => managementKeyJson(key, now)))
    },
  )

  api.post(
    '/management-keys/:id/revoke',
    describe({
      summary: 'Revoke a management key: it opens nothing from now on',
      needs: 'administer',
      status: 200,
      answer: schemas.managementKeySchema,
      refusals: [400, 404, 409, 413, 415],
    }),
    jsonOnly,
    body(nothingMore),
    async (c) => {
      const key = await keys.revoke(c.req.param('id').toLowerCase(), c.get('access').actor)
      return c.json(managementKeyJson(key, c.get('gate').clock.now()))
    },
  )
}

/** Field by field, so that nothing new slips out unnoticed. */
function managementKeyJson(key: ManagementKey, now: number): schemas.ManagementKeyJson {
  return {
    id: key.id,
    name: key.name,
    start: key.start,
    role: key.role,
    state: key.revokedAt !== null ? 'revoked' : isManagementKeyLive(key, now) ? 'active' : 'expired',
    createdBy: key.createdBy,
    createdAt: instant(key.createdAt),
    expiresAt: instant(key.expiresAt),
    revokedAt: instantOrNull(key.revokedAt),
    lastUsedAt: instantOrNull(key.lastUsedAt),
  }
}
