import { join } from 'node:path'
import { parseConfig } from '../../dist/config.js'
import { createPostern } from '../../dist/postern.js'
import { prepareDirectory } from '../../dist/store/data-directory.js'

const actor = 'the proof'
const keysPerServiceUser = 500

/**
 * Postern in this process, for administration only: it issues and revokes on the same database, and serves nothing.
 * `database` null: the embedded one in `dataDir`, which no gateway may hold at the same time.
 */
export async function openInstance(stage, { database = null, dataDir = join(stage.directory, 'admin') }) {
  const settings = {
    data: dataDir,
    log: { level: 'silent' },
    policy: { keysPerServiceUser },
    ...(database === null ? {} : { database }),
  }
  const config = parseConfig(settings, {}, stage.directory)
  prepareDirectory(config.dataDir)
  const postern = createPostern(config)
  await postern.migrate()
  let users = 0
  let keys = 0
  let user = null

  async function issue() {
    if (keys++ % keysPerServiceUser === 0)
      user = postern.keys.createServiceUser({ name: `agent-${++users}`, owner: 'team@example.com' }, actor)
    const { id } = await user
    const { key, token } = await postern.keys.issue({ serviceUser: id }, actor)
    return { id: key.key.id, token }
  }

  return {
    postern,
    /** Another on the same settings, which remembers nothing of what this one did. */
    another: () => createPostern(config),
    issue,
    /** So many keys, a few at a time. */
    async issueMany(count) {
      const keys = []
      await Promise.all(
        Array.from({ length: 4 }, async () => {
          while (keys.length < count) {
            const at = keys.push(null) - 1
            keys[at] = await issue()
          }
        }),
      )
      return keys
    },
    revoke: (key) => postern.keys.revoke(key.id, 'the proof wants it so', actor),
    /** Its successor. */
    async rotate(key) {
      const { key: successor, token } = await postern.keys.rotate(key.id, { overlap: '1h' }, actor)
      return { id: successor.key.id, token }
    },
    close: () => postern.close(),
  }
}
