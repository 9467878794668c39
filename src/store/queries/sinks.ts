import type { SinkStore } from '../../domain/sealed-trail.ts'
import { bigintArray, textArray } from '../array.ts'
import type { Database } from '../database.ts'

/** What stands in the place of a writer for the last checkpoint that has arrived. */
const ofCheckpoints = ''

/** Statements about how far sinks have followed the trail. */
export function sinkQueries(database: Database): SinkStore {
  return {
    place: async (sink) => {
      const rows = await database.query<{ writer: string; number: number }>(
        'SELECT writer, number FROM postern.trail_sinks WHERE sink = $1',
        [sink],
      )
      const writers = new Map(rows.map(({ writer, number }) => [writer, number]))
      const checkpoint = writers.get(ofCheckpoints) ?? 0
      writers.delete(ofCheckpoints)
      return { checkpoint, writers }
    },

    arrived: async (sink, { checkpoint, writers }) => {
      const numbers = new Map([...writers, [ofCheckpoints, checkpoint]])
      await database.query(
        `INSERT INTO postern.trail_sinks AS t (sink, writer, number, arrived_at)
         SELECT $1, writer, number, now() FROM unnest($2::text[], $3::bigint[]) AS a (writer, number)
         ORDER BY writer
         ON CONFLICT (sink, writer) DO UPDATE SET number = excluded.number, arrived_at = excluded.arrived_at
           WHERE t.number < excluded.number`,
        [sink, textArray([...numbers.keys()]), bigintArray([...numbers.values()])],
      )
    },

    lag: async (sink) => {
      const [row] = await database.query<{ batches: number; oldest_at: number | null }>(
        `WITH RECURSIVE known (writer) AS (
           SELECT min(writer) FROM postern.trail_seals
           UNION ALL
           SELECT (SELECT min(s.writer) FROM postern.trail_seals s WHERE s.writer > known.writer)
           FROM known WHERE known.writer IS NOT NULL
         ), behind AS (
           SELECT head.number - coalesce(t.number, 0) AS batches, next.recorded_at
           FROM known
           LEFT JOIN postern.trail_sinks t ON t.sink = $1 AND t.writer = known.writer
           CROSS JOIN LATERAL (
             SELECT l.number FROM postern.trail_seals l WHERE l.writer = known.writer ORDER BY l.number DESC LIMIT 1
           ) head
           LEFT JOIN postern.trail_seals next
             ON next.writer = known.writer AND next.number = coalesce(t.number, 0) + 1
         )
         SELECT coalesce(sum(batches), 0)::bigint AS batches, min(recorded_at) AS oldest_at FROM behind`,
        [sink],
      )
      return { batches: row?.batches ?? 0, oldestAt: row?.oldest_at ?? null }
    },
  }
}
