import { join } from 'node:path'
import { parseConfig } from '../dist/config.js'
import { createPostern } from '../dist/postern.js'
import { prepareDirectory } from '../dist/store/data-directory.js'

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
