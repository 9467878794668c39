import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPglite, openPostgres } from '../../src/store/store.ts'
import { conformance } from './conformance.ts'
import { startPostgres } from './postgres-server.ts'

conformance('PGlite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'postern-pglite-'))
  const store = openPglite({ directory: join(directory, 'pglite'), schema: 'postern' })
  return {
    store,
    end: async () => {
      await store.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
})

conformance('Postgres', async () => {
  const server = await startPostgres()
  const store = openPostgres({ connectionString: await server.createDatabase(), schema: 'other_name' })
  return {
    store,
    end: async () => {
      await store.close()
      await server.stop()
    },
  }
})
