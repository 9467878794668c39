import { parseDay } from '../keys/instant.ts'
import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { instant } from './json.ts'
import { RequestRefused } from './problem.ts'
import * as schemas from './schemas-usage.ts'
import { unusedPatterns } from './unused-patterns.ts'
import { momentOf, query } from './valid.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const mostHours = 31 * 24
const mostDays = 400
const mostTools = 500

/** The routes about what keys do: all from roll-ups, but for the one last call and the last 24 hours. */
export function usageRoutes(
  api: AdminApi,
  options: { denyToolsByDefault: boolean; knownTools: (limit: number) => Promise<string[]> },
): void {
  api.get(
    '/keys/:id/usage',
    describe({
      summary: 'Show the calls of a service key over time, and its last one',
      needs: 'read',
      status: 200,
      answer: schemas.usageSchema,
      refusals: [400, 404],
    }),
    query(schemas.usageQuery),
    async (c) => {
      const { keys, usage, trail } = c.get('rooms')
      const now = c.get('gate').clock.now()
      const { bucket = 'day', ...asked } = c.req.valid('query')
      const { from, to } = rangeOf(asked, now)
      const most = bucket === 'hour' ? mostHours * hourMs : mostDays * dayMs
      if (to - from > most)
        throw new RequestRefused(
          400,
          'range_too_long',
          `from and to lie too far apart: at most ${most / dayMs} days by ${bucket}`,
          'from',
        )
      const id = (await keys.show(c.req.param('id'))).key.key.id
      const [buckets, [lately], last] = await Promise.all([
        usage.overTime(id, from, to, bucket),
        trail.usage([id], now - dayMs),
        trail.list({ keyId: id, limit: 1 }),
      ])
      const [call] = last.data
      return c.json({
        bucket,
        from: instant(from),
        to: instant(to),
        buckets: buckets.map(({ at, calls, refused, failed }) => ({
          at: instant(at),
          calls,
          refused,
          failed,
        })),
        last:
          call === undefined
            ? null
            : { at: instant(call.at), address: call.clientAddress, client: call.userAgent, tool: call.tool },
        callsLast24h: lately?.calls ?? 0,
      } satisfies schemas.UsageJson)
    },
  )

  api.get(
    '/keys/:id/tools',
    describe({
      summary: 'Show the tools that a service key called',
      needs: 'read',
      status: 200,
      answer: schemas.toolUsageSchema,
      refusals: [400, 404],
    }),
    query(schemas.toolUsageQuery),
    async (c) => {
      const { keys, usage } = c.get('rooms')
      const { from, to } = rangeOf(c.req.valid('query'), c.get('gate').clock.now())
      const id = (await keys.show(c.req.param('id'))).key.key.id
      const tools = await usage.tools(id, from, to)
      return c.json({
        from: instant(from),
        to: instant(to),
        tools: tools.map(({ tool, calls, p50Ms, p95Ms, lastAt }) => ({
          tool,
          succeeded: calls.succeeded,
          failed: calls.failed,
          denied: calls.denied,
          other: calls.aborted + calls.passed + calls.unknown,
          p50Ms,
          p95Ms,
          lastAt: instant(lastAt),
        })),
      } satisfies schemas.ToolUsageJson)
    },
  )

  api.get(
    '/keys/:id/access',
    describe({
      summary: 'Show what a service key may do, and what of it nobody used in 90 days',
      needs: 'read',
      status: 200,
      answer: schemas.keyAccessSchema,
      refusals: [404],
    }),
    async (c) => {
      const { keys, usage } = c.get('rooms')
      const { key } = (await keys.show(c.req.param('id'))).key
      const now = c.get('gate').clock.now()
      const { tools = [], addresses = [], selfRotate } = key.grants
      return c.json({
        tools: [...tools],
        addresses: [...addresses],
        selfRotate: selfRotate === true,
        denyToolsByDefault: options.denyToolsByDefault,
        unusedPatterns: await unusedPatterns(tools, (patterns) =>
          usage.areUsed(key.id, patterns, now - 90 * dayMs, now),
        ),
      } satisfies schemas.KeyAccessJson)
    },
  )

  api.get(
    '/tools',
    describe({
      summary: 'List the tools that calls have named, to choose from',
      needs: 'read',
      status: 200,
      answer: schemas.knownToolsSchema,
      refusals: [],
    }),
    async (c) => c.json({ data: await options.knownTools(mostTools) } satisfies schemas.KnownToolsJson),
  )
}

function rangeOf(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  now: number,
): { from: number; to: number } {
  const end = to === undefined ? now : momentOf('to', to, parseDay(to)?.end)
  const start = from === undefined ? end - 30 * dayMs : momentOf('from', from, parseDay(from)?.start)
  if (start >= end) throw new RequestRefused(400, 'field_invalid', 'from must lie before to', 'from')
  return { from: start, to: end }
}
