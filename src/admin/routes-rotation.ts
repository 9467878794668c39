import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { keyJson, rotatedKeyJson, rotationJson } from './json.ts'
import { nothingMore } from './schemas-common.ts'
import * as schemas from './schemas-keys.ts'
import { body, jsonOnly, withoutUndefined } from './valid.ts'

const refusals = [400, 404, 409, 413, 415]

/** The routes about rotation. Below `/rotation` a key stands for the rotation that it is in, as the old or the new one. */
export function rotationRoutes(api: AdminApi): void {
  api.post(
    '/keys/:id/rotate',
    describe({
      summary: 'Rotate a service key: issue a successor, and let both work for the overlap',
      needs: 'issue',
      status: 201,
      answer: schemas.rotatedKeySchema,
      refusals: [...refusals, 422],
      isRepeatable: true,
    }),
    jsonOnly,
    body(schemas.newRotation),
    async (c) => {
      const input = withoutUndefined(c.req.valid('json'))
      const actor = c.get('access').actor
      const rotated = await c
        .get('rooms')
        .keys.rotate(c.req.param('id'), input, actor, c.req.header('idempotency-key'))
      return c.json(rotatedKeyJson(rotated), 201)
    },
  )

  api.get(
    '/keys/:id/rotation',
    describe({
      summary: 'Show the rotation of a service key, and who still uses the old one',
      needs: 'read',
      status: 200,
      answer: schemas.rotationSchema,
      refusals: [404, 409],
    }),
    async (c) => c.json(rotationJson(await c.get('rooms').keys.rotation(c.req.param('id')))),
  )

  api.post(
    '/keys/:id/rotation/end',
    describe({
      summary: 'End the overlap now',
      needs: 'change',
      status: 200,
      answer: schemas.keySchema,
      refusals,
    }),
    jsonOnly,
    body(nothingMore),
    async (c) =>
      c.json(keyJson(await c.get('rooms').keys.endOverlap(c.req.param('id'), c.get('access').actor))),
  )

  api.post(
    '/keys/:id/rotation/extend',
    describe({
      summary: 'Extend the overlap',
      needs: 'change',
      status: 200,
      answer: schemas.keySchema,
      refusals,
    }),
    jsonOnly,
    body(schemas.extension),
    async (c) => {
      const end = withoutUndefined(c.req.valid('json'))
      return c.json(
        keyJson(await c.get('rooms').keys.extendOverlap(c.req.param('id'), end, c.get('access').actor)),
      )
    },
  )

  api.post(
    '/keys/:id/rotation/undo',
    describe({
      summary: 'Undo the rotation: the new key is revoked, the old one goes on',
      needs: 'change',
      status: 200,
      answer: schemas.keySchema,
      refusals,
    }),
    jsonOnly,
    body(nothingMore),
    async (c) =>
      c.json(keyJson(await c.get('rooms').keys.undoRotation(c.req.param('id'), c.get('access').actor))),
  )
}
