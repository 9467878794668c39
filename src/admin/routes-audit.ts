import type { Hono } from 'hono'
import type { z } from 'zod'
import type { TrailFilter, TrailStore } from '../domain/ports.ts'
import { parseDay, parseInstant } from '../keys/instant.ts'
import type { Keys } from '../keys/keys.ts'
import { describe } from './describe.ts'
import { callJson, pageJson } from './json.ts'
import { RequestRefused } from './problem.ts'
import * as schemas from './schemas.ts'
import { paging, query } from './valid.ts'

/** The routes about the trail. */
export function auditRoutes(api: Hono, trail: Pick<TrailStore, 'list'>, keys: Keys): void {
  api.get(
    '/audit',
    describe({
      summary: 'List calls and denials, newest first',
      status: 200,
      answer: schemas.pageOf(schemas.callSchema),
      refusals: [400, 404],
    }),
    query(schemas.auditQuery),
    async (c) => c.json(pageJson(await trail.list(await trailFilter(c.req.valid('query'), keys)), callJson)),
  )
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
