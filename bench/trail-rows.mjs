import pg from 'pg'
import { check } from './measure.mjs'

/** The trail holds one row with this outcome for each call that a known service user made. */
export async function checkTrailRows(database, outcome, calls) {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  const { rows } = await client.query(
    `SELECT count(*)::integer AS count FROM postern.trail
     WHERE outcome = $1 AND service_user_id IS NOT NULL`,
    [outcome],
  )
  await client.end()
  check(rows[0].count === calls, `${rows[0].count} rows '${outcome}' for ${calls} calls`)
}
