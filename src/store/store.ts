import type { Store } from '../domain/ports.ts'
import type { Database } from './database.ts'
import { checkSchema, migrate } from './migrate.ts'
import { migrations } from './migrations.gen.ts'
import { openPgliteDatabase } from './pglite.ts'
import { openPostgresDatabase } from './postgres.ts'
import { changeKeysQuery } from './queries/change-keys.ts'
import { changeQueries } from './queries/changes.ts'
import { keyQueries } from './queries/keys.ts'
import { lookupQueries } from './queries/lookups.ts'
import { noticeQueries } from './queries/notices.ts'
import { serviceUserQueries } from './queries/service-users.ts'
import { outboxQueries } from './queries/outbox.ts'
import { sweepQuery } from './queries/sweep.ts'
import { trailQueries } from './queries/trail.ts'
import { usageQuery } from './queries/usage.ts'
import { inSchema } from './schema.ts'

/** A store on Postgres. Connects on first use; throws a `TypeError` for a URL or schema name of a wrong form. */
export function openPostgres(settings: { connectionString: string; schema: string }): Store {
  const { schema, ...connection } = settings
  return storeOn(openPostgresDatabase(connection), schema)
}

/**
 * A store on the embedded database in `directory`, which is made on first use. Whoever opens it holds the lock
 * on the directory around it: see `acquireLock`.
 */
export function openPglite(settings: { directory: string; schema: string }): Store {
  return storeOn(openPgliteDatabase({ directory: settings.directory }), settings.schema)
}

function storeOn(engine: Database, schema: string): Store {
  const database = inSchema(engine, schema)
  return {
    lookups: lookupQueries(database),
    keys: {
      ...serviceUserQueries(database),
      ...keyQueries(database),
      ...changeKeysQuery(database),
      ...changeQueries(database),
    },
    trail: { ...trailQueries(database), ...usageQuery(database) },
    notices: { ...sweepQuery(database), ...outboxQueries(database), ...noticeQueries(database) },
    migrate: () => migrate(database, schema, migrations),
    checkSchema: () => checkSchema(database, migrations),
    close: () => database.close(),
  }
}
