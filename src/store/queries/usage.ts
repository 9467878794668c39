import { isId, lowestIdAt } from '../../domain/id.ts'
import type { KeyUsage, TrailStore } from '../../domain/ports.ts'
import { uuidArray } from '../array.ts'
import { instant } from '../database.ts'
import type { Database } from '../database.ts'

const toolLimit = 20
/** An id is made within this time of its call's arrival. */
const idMarginMs = 3_600_000

/**
 * Whether a row of `trail_calls c` is a use of its key: all but the denials of a dead one, as whoever is denied a tool
 * or sent a bad body has the key and works with it. By the first fact, or by the second where that has no outcome:
 * looked up row by row, as few rows need it.
 */
export const isUse = `
  coalesce(c.reason, (SELECT e.reason FROM postern.trail_ends e WHERE e.call_id = c.id), '')
    NOT IN ('expired_key', 'retired_key', 'revoked_key', 'service_user_disabled')`

interface UsageRow {
  key_id: string
  last_used_at: number | null
  last_address: string | null
  last_client: string | null
  calls: number
  tools: KeyUsage['tools']
}

const unused: KeyUsage = { calls: 0, lastUsedAt: null, lastAddress: null, lastClient: null, tools: [] }

/** What keys are used for. */
export function usageQuery(database: Database): Pick<TrailStore, 'usage'> {
  return {
    usage: async (keyIds, since) => {
      const rows = await database.query<UsageRow>(
        `SELECT asked.key_id, greatest(k.last_used_at, last.last_at) AS last_used_at,
                last.client_address AS last_address, last.user_agent AS last_client,
                coalesce(made.calls, 0) AS calls, coalesce(made.tools, '[]'::jsonb) AS tools
         FROM unnest($1::uuid[]) AS asked (key_id)
         LEFT JOIN postern.service_api_keys k ON k.id = asked.key_id
         LEFT JOIN LATERAL (
           SELECT c.last_at, c.client_address, c.user_agent FROM postern.trail_calls c
           WHERE c.key_id = asked.key_id AND ${isUse}
           ORDER BY c.id DESC LIMIT 1
         ) last ON true
         LEFT JOIN LATERAL (
           SELECT sum(calls)::bigint AS calls,
                  jsonb_agg(jsonb_build_object('tool', tool, 'calls', calls) ORDER BY place)
                    FILTER (WHERE tool IS NOT NULL AND place <= ${toolLimit}) AS tools
           FROM (
             SELECT c.tool, sum(c.count) AS calls,
                    row_number() OVER (ORDER BY c.tool IS NULL, sum(c.count) DESC, c.tool) AS place
             FROM postern.trail_calls c
             WHERE c.key_id = asked.key_id AND c.id >= $3 AND c.at >= $2 AND ${isUse}
             GROUP BY c.tool
           ) of_tool
         ) made ON true`,
        [uuidArray(keyIds.filter(isId)), instant(since), lowestIdAt(since - idMarginMs)],
      )
      const byKey = new Map(rows.map(({ key_id, ...row }) => [key_id, usageOf(row)]))
      return keyIds.map((id) => byKey.get(id) ?? unused)
    },
  }
}

function usageOf(row: Omit<UsageRow, 'key_id'>): KeyUsage {
  return {
    calls: row.calls,
    lastUsedAt: row.last_used_at,
    lastAddress: row.last_address,
    lastClient: row.last_client,
    tools: row.tools,
  }
}
