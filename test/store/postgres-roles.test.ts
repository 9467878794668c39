import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import type { Database } from '../../src/store/database.ts'
import { openPostgres } from '../../src/store/store.ts'
import { conformance } from './conformance.ts'
import { startPostgres, type PostgresServer } from './postgres-server.ts'
import { at, batchOf, call, end } from './records.ts'

/** The SQL of the guide, as it stands there: for the superuser, and for the migrating role. */
const page = readFileSync(join(import.meta.dirname, '../../docs/guides/database-roles.md'), 'utf8')
const [makeRoles = '', grant = ''] = [...page.matchAll(/```sql\n(.*?)```/gs)].map((match) => match[1] ?? '')

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

function as(role: string, password: string, connectionString: string): string {
  const url = new URL(connectionString)
  url.username = role
  url.password = password
  return url.href
}

/** A database made as the guide says; answers it as each of the roles finds it. */
async function prepared(): Promise<{ migrating: string; running: string }> {
  const owner = await server.createDatabase()
  const name = new URL(owner).pathname.slice(1)
  const superuser = openPostgresDatabase({ connectionString: owner })
  const known = await superuser.query(`SELECT 1 FROM pg_roles WHERE rolname = 'postern_running'`)
  const statements = makeRoles.replace('DATABASE postern ', `DATABASE ${name} `)
  await superuser.script(known.length === 0 ? statements : statements.replaceAll(/^CREATE ROLE.*$/gm, ''))
  await superuser.close()
  const migrating = as('postern_migrating', 'choose one', owner)
  const running = as('postern_running', 'choose another', owner)
  const store = openPostgres({ connectionString: migrating, schema: 'postern' })
  await store.migrate()
  await store.close()
  const granting = openPostgresDatabase({ connectionString: migrating })
  await granting.script(grant)
  await granting.close()
  return { migrating, running }
}

conformance('Postgres as the running role', async () => {
  const { running } = await prepared()
  const store = openPostgres({ connectionString: running, schema: 'postern' })
  return { store, end: () => store.close() }
})

describe('the running role', () => {
  let migrating: Database
  let running: Database
  beforeAll(async () => {
    const urls = await prepared()
    migrating = openPostgresDatabase({ connectionString: urls.migrating })
    running = openPostgresDatabase({ connectionString: urls.running })
    const store = openPostgres({ connectionString: urls.running, schema: 'postern' })
    const started = call({ outcome: null })
    await store.trail.append(batchOf([started], [end(started.id)]))
    await store.nodes.acknowledgeRestore({ actor: 'a', reason: 'b', at, atLeast: 0 })
    await store.close()
  })
  afterAll(async () => {
    await migrating.close()
    await running.close()
  })

  const refused = expect.objectContaining({ sqlState: '42501' })
  /** Each of them with its partitions. */
  const recorded = async () =>
    (
      await migrating.query<{ name: string; attribute: string }>(
        `SELECT c.relname AS name, min(a.attname) AS attribute
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relnamespace = 'postern'::regnamespace AND c.relkind IN ('r', 'p')
           AND (c.relname LIKE 'trail\\_%' OR c.relname = 'changes') AND c.relname NOT LIKE 'trail\\_sinks'
         GROUP BY 1`,
      )
    ).filter(({ name }) => name !== 'trail_leaves')

  test('changes nothing that was recorded, nor takes it away: neither row, nor table, nor partition (T25)', async () => {
    const tables = await recorded()
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['changes', 'trail_calls', 'trail_checkpoints', 'trail_ends', 'trail_seals']),
    )
    for (const { name, attribute } of tables) {
      for (const statement of [
        `UPDATE postern.${name} SET ${attribute} = ${attribute}`,
        `DELETE FROM postern.${name}`,
        `TRUNCATE postern.${name}`,
        `DROP TABLE postern.${name}`,
        `ALTER TABLE postern.${name} RENAME TO other`,
        `CREATE INDEX ON postern.${name} (${attribute})`,
      ])
        await expect(running.query(statement), statement).rejects.toEqual(refused)
    }
  })

  test('makes no table, and gives nobody rights', async () => {
    for (const statement of [
      'CREATE TABLE postern.other (id integer)',
      'CREATE SCHEMA other',
      'INSERT INTO postern.migrations (number, name, checksum) VALUES (999, $1, $1)',
    ])
      await expect(
        running.query(statement, statement.includes('$1') ? ['x'] : []),
        statement,
      ).rejects.toEqual(refused)
    // This one warns instead, and grants nothing.
    await running.query('GRANT INSERT ON postern.trail_calls TO PUBLIC').catch(() => {})
    const given = await migrating.query(
      `SELECT 1 FROM information_schema.table_privileges WHERE grantee = 'PUBLIC' AND table_schema = 'postern'`,
    )
    expect(given).toEqual([])
  })

  test('is given no more than the guide shows: each right is one that a test above needs', async () => {
    const rights = await migrating.query<{ right: string; tables: number }>(
      `SELECT privilege_type AS right, count(*) AS tables FROM information_schema.table_privileges
       WHERE grantee = 'postern_running' AND table_schema = 'postern' GROUP BY 1 ORDER BY 1`,
    )
    expect(rights.map(({ right }) => right)).toEqual(['DELETE', 'INSERT', 'SELECT', 'UPDATE'])
    const deletes = await migrating.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.table_privileges
       WHERE grantee = 'postern_running' AND privilege_type = 'DELETE' ORDER BY 1`,
    )
    expect(deletes.map(({ name }) => name)).toEqual([
      ...['accounts', 'idempotency_keys', 'key_schedule', 'nodes', 'passkeys', 'sessions', 'verifications'],
    ])
  })
})
