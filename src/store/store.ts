import type { Store } from '../domain/ports.ts'
import type { Database } from './database.ts'
import { checkSchema, migrate } from './migrate.ts'
import { migrations } from './migrations.gen.ts'
import { openPgliteDatabase } from './pglite.ts'
import { openPostgresDatabase } from './postgres.ts'
import { appendTrailQuery } from './queries/append-trail.ts'
import { checkpointQueries } from './queries/checkpoints.ts'
import { changeKeysQuery } from './queries/change-keys.ts'
import { changeQueries } from './queries/changes.ts'
import { invitationQueries } from './queries/invitations.ts'
import { jobLeaseQueries } from './queries/job-leases.ts'
import { keyQueries } from './queries/keys.ts'
import { listKeysQuery } from './queries/list-keys.ts'
import { listTrailQuery } from './queries/list-trail.ts'
import { loginQueries } from './queries/logins.ts'
import { lookupQueries } from './queries/lookups.ts'
import { managementKeyQueries } from './queries/management-keys.ts'
import { nodeQueries } from './queries/nodes.ts'
import { noticeQueries } from './queries/notices.ts'
import { outboxQueries } from './queries/outbox.ts'
import { peopleQueries } from './queries/people.ts'
import { sequenceGapsQuery } from './queries/sequence-gaps.ts'
import { serviceUserQueries } from './queries/service-users.ts'
import { setupLinkQueries } from './queries/setup-links.ts'
import { sealedTrailQueries } from './queries/sealed-trail.ts'
import { sinkQueries } from './queries/sinks.ts'
import { sweepQuery } from './queries/sweep.ts'
import { upkeepQueries } from './queries/upkeep.ts'
import { usageQueries } from './queries/usage-over-time.ts'
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
      ...listKeysQuery(database),
      ...changeKeysQuery(database),
      ...changeQueries(database),
    },
    trail: {
      ...appendTrailQuery(database),
      ...listTrailQuery(database),
      ...sequenceGapsQuery(database),
      ...usageQuery(database),
    },
    usage: usageQueries(database),
    notices: { ...sweepQuery(database), ...outboxQueries(database), ...noticeQueries(database) },
    people: { ...peopleQueries(database), ...setupLinkQueries(database), ...invitationQueries(database) },
    logins: loginQueries(database),
    managementKeys: managementKeyQueries(database),
    nodes: nodeQueries(database),
    jobs: jobLeaseQueries(database),
    sealedTrail: sealedTrailQueries(database),
    checkpoints: checkpointQueries(database),
    sinks: sinkQueries(database),
    upkeep: upkeepQueries(database),
    migrate: () => migrate(database, schema, migrations),
    checkSchema: () => checkSchema(database, migrations),
    close: () => database.close(),
  }
}
