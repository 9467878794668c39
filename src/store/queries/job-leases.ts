import type { JobLeases } from '../../domain/job-lease.ts'
import type { Database } from '../database.ts'

/** Statements about jobs that one node at a time may do. */
export function jobLeaseQueries(database: Database): JobLeases {
  return {
    // A row that another holds up is judged, and its end counted, by the time before the wait: never too long.
    acquire: async (job, holder, forMs) => {
      const rows = await database.query(
        `INSERT INTO postern.job_leases AS j (job, holder, ends_at)
         VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 millisecond')
         ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at
           WHERE j.holder = excluded.holder OR j.ends_at <= clock_timestamp()
         RETURNING j.job`,
        [job, holder, forMs],
      )
      return rows.length === 1
    },

    release: async (job, holder) => {
      await database.query(
        `UPDATE postern.job_leases SET ends_at = '-infinity' WHERE job = $1 AND holder = $2`,
        [job, holder],
      )
    },
  }
}
