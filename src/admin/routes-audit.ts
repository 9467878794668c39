import type { z } from 'zod'
import type { TrailFilter } from '../domain/ports.ts'
import { parseDay } from '../keys/instant.ts'
import { describe } from './describe.ts'
import { exportStream } from './export.ts'
import { isStillAdmitted, type AdminApi } from './guard.ts'
import { callJson, pageJson } from './json.ts'
import { liveStream } from './live.ts'
import { RequestRefused } from './problem.ts'
import type { Rooms } from './rooms.ts'
import * as schemas from './schemas-audit.ts'
import { pageOf } from './schemas-common.ts'
import { createSlots } from './slots.ts'
import { momentOf, paging, query, withoutUndefined } from './valid.ts'

/** Answers that go on for long, each holding a connection and asking the database: at once, in this process. */
const mostLive = 100
const mostLiveOfOne = 5
const mostExports = 4
const mostExportsOfOne = 2

/** The routes about the trail. */
export function auditRoutes(api: AdminApi): void {
  const live = createSlots(mostLive, mostLiveOfOne)
  const exports = createSlots(mostExports, mostExportsOfOne)

  api.get(
    '/audit',
    describe({
      summary: 'List calls and denials, newest first',
      needs: 'read',
      status: 200,
      answer: pageOf(schemas.callSchema),
      refusals: [400, 404],
    }),
    query(schemas.auditQuery),
    async (c) => {
      const asked = c.req.valid('query')
      const rooms = c.get('rooms')
      const filter: TrailFilter = { ...paging(asked), ...(await trailFilter(asked, rooms)) }
      if (asked.recordedFrom !== undefined) filter.recordedFrom = momentOf('recordedFrom', asked.recordedFrom)
      return c.json(pageJson(await rooms.trail.list(filter), callJson))
    },
  )

  api.get(
    '/audit/export',
    describe({
      summary: 'Download calls and denials, newest first, as JSON Lines or CSV',
      needs: 'read',
      status: 200,
      answer: schemas.callSchema,
      mediaType: 'application/jsonl',
      refusals: [400, 404, 429],
    }),
    query(schemas.exportQuery),
    async (c) => {
      const { format, cursor: after, ...asked } = c.req.valid('query')
      const { gate, rooms, access } = c.var
      const filter = await trailFilter(asked, rooms)
      const now = gate.clock.now()
      // A cursor that is none is refused before anything is sent.
      if (after !== undefined) await rooms.trail.list({ limit: 1, cursor: after })
      const release = exports.take(access.actor) ?? refuseMore('exports')
      const stream = exportStream({
        format,
        after: after ?? null,
        readPage: (cursor, limit) =>
          // What comes while it is read is not part of it.
          rooms.trail.list({ to: now + 1, ...filter, limit, ...(cursor === null ? {} : { cursor }) }),
        isAdmitted: () => isStillAdmitted(gate, c.req.raw, access, 'read'),
        onOver: release,
      })
      const name = `trail-${new Date(now).toISOString().slice(0, 19).replaceAll(':', '')}Z.${format}`
      return c.body(stream, 200, {
        'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl; charset=utf-8',
        'content-disposition': `attachment; filename="${name}"`,
        'x-content-type-options': 'nosniff',
      })
    },
  )

  api.get(
    '/audit/live',
    describe({
      summary: 'Follow the trail: the last calls, then each new one as an event `call`, until access ends',
      needs: 'read',
      status: 200,
      answer: schemas.callSchema,
      mediaType: 'text/event-stream',
      refusals: [400, 404, 429],
    }),
    query(schemas.liveQuery),
    async (c) => {
      const { gate, rooms, access } = c.var
      const filter = await trailFilter(c.req.valid('query'), rooms)
      const release = live.take(access.actor) ?? refuseMore('live views')
      const stream = liveStream({
        readPage: async ({ recordedFrom, limit, cursor }) =>
          pageJson(
            await rooms.trail.list({
              ...filter,
              limit: Number(limit),
              ...(recordedFrom === undefined ? {} : { recordedFrom: Date.parse(recordedFrom) }),
              ...(cursor === undefined ? {} : { cursor }),
            }),
            callJson,
          ),
        isAdmitted: () => isStillAdmitted(gate, c.req.raw, access, 'read'),
        signal: c.req.raw.signal,
        onOver: release,
      })
      return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    },
  )
}

type Asked = Pick<
  z.output<typeof schemas.auditQuery>,
  'key' | 'serviceUser' | 'tool' | 'outcome' | 'reason' | 'from' | 'to'
>

async function trailFilter(
  { key, serviceUser, tool, outcome, reason, from, to }: Partial<Asked>,
  { keys }: Rooms,
): Promise<Omit<TrailFilter, 'limit' | 'cursor'>> {
  const user = serviceUser === undefined ? undefined : await keys.findServiceUser(serviceUser)
  return withoutUndefined({
    keyId: key?.toLowerCase(),
    serviceUserId: user?.id,
    tool,
    outcome,
    reason,
    from: from === undefined ? undefined : momentOf('from', from, parseDay(from)?.start),
    to: to === undefined ? undefined : momentOf('to', to, parseDay(to)?.end),
  })
}

function refuseMore(what: string): never {
  throw new RequestRefused(429, 'too_many_at_once', `There are as many ${what} as may be at once: close one.`)
}
