import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { instant } from '../../src/store/database.ts'
import type { Database } from '../../src/store/database.ts'
import { checkSchema, migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations.gen.ts'
import { appendTrailQuery } from '../../src/store/queries/append-trail.ts'
import { listKeysQuery } from '../../src/store/queries/list-keys.ts'
import { sweepQuery } from '../../src/store/queries/sweep.ts'
import { openPgliteDatabase } from '../../src/store/pglite.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { inSchema } from '../../src/store/schema.ts'
import { at, batchOf, call, end } from './records.ts'
import { startPostgres } from './postgres-server.ts'
import type { PostgresServer } from './postgres-server.ts'

const first = {
  number: 1,
  name: 'first',
  sql: 'CREATE TABLE postern.one (id integer); INSERT INTO postern.one VALUES (1)',
}
const second = { number: 2, name: 'second', sql: 'CREATE TABLE postern.two (id integer)' }
const broken = { number: 3, name: 'broken', sql: 'CREATE TABLE postern.three (id integer); SELECT 1/0' }

let server: PostgresServer
let directory: string
beforeAll(async () => {
  server = await startPostgres()
  directory = await mkdtemp(join(tmpdir(), 'postern-migrate-'))
})
afterAll(async () => {
  await server.stop()
  await rm(directory, { recursive: true, force: true })
})

const engines: [string, () => Promise<Database>][] = [
  ['Postgres', async () => openPostgresDatabase({ connectionString: await server.createDatabase() })],
  ['PGlite', () => Promise.resolve(openPgliteDatabase({ directory: join(directory, 'pglite') }))],
]

describe.each(engines)('migrations on %s', (_, open) => {
  let raw: Database
  let schemas = 0
  beforeAll(async () => {
    raw = await open()
  })
  afterAll(() => raw.close())

  function fresh() {
    const schema = `schema_${++schemas}`
    const database = inSchema(raw, schema)
    return {
      apply: (...list: (typeof first)[]) => migrate(database, schema, list),
      check: (...list: (typeof first)[]) => checkSchema(database, list),
      tables: async () =>
        (
          await raw.query<{ name: string }>(
            'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 ORDER BY 1',
            [schema],
          )
        ).map(({ name }) => name),
    }
  }

  test('are applied once, in order, and only those that are missing', async () => {
    const { apply, check, tables } = fresh()
    expect(await apply(first)).toEqual([1])
    expect(await apply(second, first)).toEqual([2])
    expect(await apply(first, second)).toEqual([])
    await check(first, second)
    expect(await tables()).toEqual(['migrations', 'one', 'two'])
  })

  test('are applied all or none', async () => {
    const { apply, tables } = fresh()
    await expect(apply(first, second, broken)).rejects.toMatchObject({ sqlState: '22012' })
    expect(await tables()).toEqual(['migrations'])
  })

  test('of a newer version are refused by an older one, which says what to do', async () => {
    const { apply, check } = fresh()
    await apply(first, second)
    for (const refused of [apply, check])
      await expect(refused(first)).rejects.toMatchObject({
        code: 'schema_newer',
        message: expect.stringContaining('upgrade Postern'),
      })
  })

  test('that are missing, older or changed are told apart, and nothing is done about them', async () => {
    const { apply, check, tables } = fresh()
    await expect(check(first)).rejects.toMatchObject({
      code: 'schema_missing',
      message: expect.stringContaining('postern migrate'),
    })
    expect(await tables()).toEqual([])
    await apply(first)
    await expect(check(first, second)).rejects.toMatchObject({
      code: 'schema_older',
      message: expect.stringContaining('postern migrate'),
    })
    const changed = { ...first, sql: `${first.sql} ` }
    await expect(apply(changed, second)).rejects.toMatchObject({ code: 'schema_changed' })
    await expect(check(changed)).rejects.toMatchObject({ code: 'schema_changed' })
    expect(await tables()).toEqual(['migrations', 'one'])
  })

  test('of this version stand in any schema, several in one database', async () => {
    const schema = `schema_${++schemas}`
    for (const name of [schema, `${schema}_b`]) {
      const database = inSchema(raw, name)
      expect(await migrate(database, name, migrations)).toEqual(migrations.map(({ number }) => number))
      await checkSchema(database, migrations)
    }
  })

  test('to rotation keep what is there, and make every key that is not revoked due for a sweep', async () => {
    const schema = `schema_${++schemas}`
    const database = inSchema(raw, schema)
    expect(await migrate(database, schema, migrations.slice(0, 1))).toEqual([1])
    const user = newId(at)
    const [live, revoked] = [newId(at), newId(at + 1)]
    await database.query(
      `INSERT INTO postern.service_users (id, name, owner, created_by, created_at)
       VALUES ($1, 'reporting', 'team@example.com', 'admin:ada', $2)`,
      [user, instant(at)],
    )
    for (const [id, revokedAt] of [
      [live, null],
      [revoked, instant(at + 5)],
    ] as const)
      await database.query(
        `INSERT INTO postern.service_api_keys (
           id, service_user_id, hashed_token, expires_at, revoked_at, revoked_reason, start, name, grants,
           created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'pst_ab12', 'desk', '{}', 'admin:ada', $7)`,
        [
          id,
          user,
          randomBytes(32),
          instant(at + 99),
          revokedAt,
          revokedAt === null ? null : 'leaked',
          instant(at),
        ],
      )
    expect(await migrate(database, schema, migrations)).toEqual(
      migrations.slice(1).map(({ number }) => number),
    )
    const keys = await listKeysQuery(database).listKeys({ now: at, limit: 9 })
    expect(keys.data).toMatchObject([
      { key: { id: revoked, revokedAt: at + 5 }, user: { owner: 'team@example.com', backupOwner: null } },
      { key: { id: live, revokedAt: null, mintedBy: null, familyEndsAt: null, predecessorId: null } },
    ])
    const due: string[] = []
    await sweepQuery(database).sweep(at, 9, (found) => {
      due.push(...found.map(({ key }) => key.id))
      return []
    })
    expect(due).toEqual([live])
  })

  test('to roll-ups count what the trail holds already, as if each call had been counted when it came', async () => {
    const [before, after] = [`schema_${++schemas}`, `schema_${++schemas}`]
    const [old, live] = [inSchema(raw, before), inSchema(raw, after)]
    const keyIds = [newId(at), newId(at), newId(at)]
    const made = Array.from({ length: 60 }, (_, n) =>
      call({
        ...{ keyId: n % 5 === 0 ? null : (keyIds[n % 3] ?? null), at: at + n * 600_000 },
        ...{
          tool: [null, 'forecast', 'x'.repeat(300), 'plan'][n % 4] ?? null,
          durationMs: n % 4 === 0 ? null : 1.5 ** n,
        },
        ...{ outcome: ([null, 'succeeded', 'denied', 'failed'] as const)[n % 4] ?? null, count: (n % 3) + 1 },
      }),
    )
    const ends = made.flatMap(({ id }, n) =>
      n % 8 === 0 ? [end(id, { outcome: 'aborted', durationMs: n })] : [],
    )
    await migrate(live, after, migrations)
    await appendTrailQuery(live).append(batchOf(made, ends))
    await migrate(old, before, migrations.slice(0, 4))
    for (const table of ['trail_calls', 'trail_ends']) {
      const columns = await old.query<{ names: string }>(
        `SELECT string_agg(quote_ident(attname), ', ') AS names FROM pg_attribute
         WHERE attrelid = 'postern.${table}'::regclass AND attnum > 0`,
      )
      const names = columns[0]?.names
      await old.script(`INSERT INTO postern.${table} (${names}) SELECT ${names} FROM ${after}.${table}`)
    }
    await migrate(old, before, migrations)
    for (const table of ['usage_hourly', 'usage_daily']) {
      const rows = await old.query(`SELECT * FROM postern.${table} ORDER BY 1, 2, 3, 4, 5`)
      expect(rows.length).toBeGreaterThan(3)
      expect(rows, table).toEqual(await live.query(`SELECT * FROM postern.${table} ORDER BY 1, 2, 3, 4, 5`))
    }
  })
})

test('of several nodes that start at once, each migration is applied by one', async () => {
  for (let round = 0; round < 4; round++) {
    const connectionString = await server.createDatabase()
    const nodes = Array.from({ length: 5 }, () => openPostgresDatabase({ connectionString }))
    const applied = await Promise.all(
      nodes.map((node) => migrate(inSchema(node, 'postern'), 'postern', [first, second])),
    )
    expect(applied.flat().sort((a, b) => a - b)).toEqual([1, 2])
    await Promise.all(nodes.map((node) => node.close()))
  }
})
