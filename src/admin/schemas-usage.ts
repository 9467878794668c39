import { z } from 'zod'
import { instant, moment } from './schemas-common.ts'

/** What the admin API gives about what keys do. It comes from roll-ups, and lags behind by no more than a batch. */

export const usageSchema = z
  .object({
    bucket: z.enum(['hour', 'day']),
    from: instant,
    to: instant,
    buckets: z
      .array(
        z.object({
          at: instant.describe('Its start'),
          calls: z.int().describe('All of them, refused and failed ones too'),
          refused: z.int(),
          failed: z.int(),
        }),
      )
      .describe('Oldest first; each bucket of the range is there'),
    last: z
      .object({
        at: instant,
        address: z.string().nullable(),
        client: z.string().nullable().describe('The user agent'),
        tool: z.string().nullable(),
      })
      .nullable()
      .describe('The last call; null where there is none'),
    callsLast24h: z.int(),
  })
  .meta({ id: 'Usage' })

export const toolUsageSchema = z
  .object({
    from: instant,
    to: instant,
    tools: z
      .array(
        z.object({
          tool: z.string().describe('The first 128 characters of its name'),
          succeeded: z.int(),
          failed: z.int(),
          denied: z.int(),
          other: z.int().describe('Aborted, passed on, or without a known end'),
          p50Ms: z.number().nullable(),
          p95Ms: z.number().nullable(),
          lastAt: instant,
        }),
      )
      .describe('Most called first, at most 200'),
  })
  .meta({ id: 'ToolUsage' })

export const keyAccessSchema = z
  .object({
    tools: z.array(z.string()),
    addresses: z.array(z.string()),
    selfRotate: z.boolean(),
    denyToolsByDefault: z.boolean().describe('What holds where there are no patterns'),
    unusedPatterns: z
      .array(z.string())
      .describe('Patterns that allow something, and that no tool called in the last 90 days fits'),
  })
  .meta({ id: 'KeyAccess' })

export const knownToolsSchema = z
  .object({ data: z.array(z.string()).describe('Tools that the trail has seen, by name') })
  .meta({ id: 'KnownTools' })

const times = {
  from: moment.describe('An RFC 3339 instant, or a date: its start, UTC; 30 days ago unless given'),
  to: moment.describe('An RFC 3339 instant, or a date: its end, UTC; now unless given'),
}

export const usageQuery = z.strictObject({
  ...times,
  bucket: z.enum(['hour', 'day']).optional().describe('day unless given; hour for at most 31 days'),
})

export const toolUsageQuery = z.strictObject(times)

export type UsageJson = z.infer<typeof usageSchema>
export type ToolUsageJson = z.infer<typeof toolUsageSchema>
export type KeyAccessJson = z.infer<typeof keyAccessSchema>
export type KnownToolsJson = z.infer<typeof knownToolsSchema>
