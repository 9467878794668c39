import { createHash } from 'node:crypto'
import { StatementFailed } from './database.ts'
import type { Database, Queries } from './database.ts'
import { quoteSchema } from './schema.ts'

export interface Migration {
  number: number
  name: string
  sql: string
}

/** The database's tables are not the ones that this code was built for; the message says what to do. */
export class SchemaMismatch extends Error {
  override readonly name = 'SchemaMismatch'
  readonly code: 'schema_newer' | 'schema_changed' | 'schema_missing' | 'schema_older'
  constructor(code: SchemaMismatch['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** How a migration begins that the embedded database only notes: there is nothing in it to do. */
const onlyOnPostgres = '-- Only on Postgres.\n'

/**
 * Applies the migrations that are missing, all in one transaction, and answers their numbers. Reads first, so
 * that a database that is up to date needs no right to change tables. `database` already places `postern.` in
 * `schema`.
 */
export async function migrate(
  database: Database,
  schema: string,
  migrations: readonly Migration[],
): Promise<number[]> {
  const before = await appliedIfAny(database)
  if (before !== null && missingFrom(before, migrations).length === 0) return []
  await retryRaces(() => prepare(database, schema))
  return database.transaction(async (queries) => {
    // Another node's migration is waited for here, and then seen.
    await queries.query('LOCK TABLE postern.migrations IN ACCESS EXCLUSIVE MODE')
    const missing = missingFrom(await applied(queries), migrations)
    for (const { number, name, sql } of missing) {
      if (database.engine === 'postgres' || !sql.startsWith(onlyOnPostgres)) await queries.script(sql)
      await queries.query('INSERT INTO postern.migrations (number, name, checksum) VALUES ($1, $2, $3)', [
        number,
        name,
        checksumOf(sql),
      ])
    }
    return missing.map(({ number }) => number)
  })
}

/** Throws a {@link SchemaMismatch} unless exactly these migrations have been applied. */
export async function checkSchema(database: Database, migrations: readonly Migration[]): Promise<void> {
  const present = await appliedIfAny(database)
  if (present === null)
    throw new SchemaMismatch(
      'schema_missing',
      'the database has no tables of Postern yet: run `postern migrate`',
    )
  const missing = missingFrom(present, migrations)
  if (missing.length > 0)
    throw new SchemaMismatch(
      'schema_older',
      `the database lacks ${missing.length} migration(s) from ${missing[0]?.number} on: run \`postern migrate\``,
    )
}

interface Applied {
  number: number
  name: string
  checksum: string
}

function missingFrom(present: readonly Applied[], migrations: readonly Migration[]): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]))
  const missing = new Map(known)
  for (const { number, checksum } of present) {
    const migration = known.get(number)
    if (migration === undefined)
      throw new SchemaMismatch(
        'schema_newer',
        `the database has migration ${number}, which this version of Postern doesn't know: upgrade Postern`,
      )
    if (checksum !== checksumOf(migration.sql))
      throw new SchemaMismatch(
        'schema_changed',
        `migration ${number} in the database is not the one of this version of Postern: install the released version that made it, or restore the database`,
      )
    missing.delete(number)
  }
  return [...missing.values()].sort((a, b) => a.number - b.number)
}

function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex')
}

function applied(queries: Queries): Promise<Applied[]> {
  return queries.query<Applied>('SELECT number, name, checksum FROM postern.migrations ORDER BY number')
}

const undefinedTable = '42P01'
const undefinedSchema = '3F000'

async function appliedIfAny(database: Database): Promise<Applied[] | null> {
  try {
    return await applied(database)
  } catch (error) {
    if (error instanceof StatementFailed && [undefinedTable, undefinedSchema].includes(error.sqlState))
      return null
    throw error
  }
}

async function prepare(database: Database, schema: string): Promise<void> {
  // Asked first: `IF NOT EXISTS` wants the right to create schemas even where there is nothing to create.
  const found = await database.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  if (found.length === 0) await database.script(`CREATE SCHEMA IF NOT EXISTS ${quoteSchema(schema)}`)
  await database.script(`
    CREATE TABLE IF NOT EXISTS postern.migrations (
      number   integer PRIMARY KEY,
      name     text NOT NULL,
      checksum text NOT NULL,
      at       timestamptz(3) NOT NULL DEFAULT now()
    )`)
}

/** Two nodes that create the same at once: `IF NOT EXISTS` looks before it creates, and the later one fails. */
const raceStates = new Set(['23505', '42710', '42P06', '42P07', 'XX000'])

async function retryRaces(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StatementFailed) || !raceStates.has(error.sqlState) || attempt === 5) throw error
    }
  }
}
