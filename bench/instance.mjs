import { join } from 'node:path'
import pg from 'pg'
import { parseConfig } from '../dist/config.js'
import { createPostern } from '../dist/postern.js'
import { prepareDirectory } from '../dist/store/data-directory.js'
import { check } from './measure.mjs'

/** The token of a new key on a database that a server will use. */
export async function issueKey(where) {
  const { postern, user } = await startInstance(where)
  const { token } = await postern.keys.issue({ serviceUser: user.id }, 'bench')
  await postern.close()
  return token
}

/** Each call is one row with one of these outcomes; nobody waits for the denials', so they are not counted. */
export async function checkTrail(database, calls, outcomes) {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  const { rows } = await client.query(
    `SELECT count(*)::integer AS count FROM postern.trail
     WHERE outcome = ANY ($1) AND tool = 'list_channels' AND service_user_id IS NOT NULL`,
    [outcomes],
  )
  await client.end()
  check(rows[0].count === calls, `${rows[0].count} rows for ${calls} calls`)
}

/** A started Postern in this process, with one service user. `database` null: the embedded one. */
export async function startInstance({ database, directory, name }) {
  const settings = {
    data: join(directory, name),
    log: { level: 'warn' },
    ...(database === null ? {} : { database }),
  }
  const config = parseConfig(settings, {}, directory)
  prepareDirectory(config.dataDir)
  const postern = createPostern(config)
  const recorder = await postern.start()
  const user = await postern.keys.createServiceUser({ name: 'bench', owner: 'bench@example.com' }, 'bench')
  return { postern, recorder, user }
}
