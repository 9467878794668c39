import { lowestIdAt } from '../../domain/id.ts'
import type { TrailStore } from '../../domain/ports.ts'
import type { Database } from '../database.ts'

/** The statement about numbers that are missing. Read by id, which begins with its time: other partitions are left out. */
export function sequenceGapsQuery(database: Database): Pick<TrailStore, 'sequenceGaps'> {
  return {
    sequenceGaps: ({ from, to, limit }) =>
      database.query(
        `SELECT writer, boot, sequence + 1 AS first, next - 1 AS last, at AS "after"
         FROM (
           SELECT writer, boot, sequence, at,
             lead(sequence) OVER (PARTITION BY writer, boot ORDER BY sequence) AS next
           FROM postern.trail_calls WHERE id >= $1::uuid AND id < $2::uuid
         ) numbered
         WHERE next > sequence + 1 ORDER BY at, writer, boot, sequence LIMIT $3`,
        [lowestIdAt(from), lowestIdAt(to), limit],
      ),
  }
}
