import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import { weekOf } from '../../src/domain/sealed-trail.ts'
import type { Database } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations.gen.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { inSchema } from '../../src/store/schema.ts'
import { openPostgres } from '../../src/store/store.ts'
import { batchOf, call, end } from './records.ts'
import { startPostgres, type PostgresServer } from './postgres-server.ts'

const dayMs = 86_400_000
const weekMs = 7 * dayMs

let server: PostgresServer
let connectionString: string
let database: Database
let store: Store
const opened: { close(): Promise<void> }[] = []
beforeAll(async () => {
  server = await startPostgres()
})
beforeEach(async () => {
  connectionString = await server.createDatabase()
  database = openPostgresDatabase({ connectionString })
  store = openPostgres({ connectionString, schema: 'postern' })
  opened.push(database, store)
  return async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()))
  }
})
afterAll(() => server.stop())

const callAt = (at: number) => call({ id: newId(at), at, lastAt: at })

async function placesOf(ids: string[], table = 'calls') {
  const id = table === 'calls' ? 'id' : 'call_id'
  const rows = await database.query<{ id: string; place: string }>(
    `SELECT ${id} AS id, tableoid::regclass::text AS place FROM postern.trail_${table} WHERE ${id} = ANY ($1::uuid[])`,
    [`{${ids.join(',')}}`],
  )
  const byId = new Map(rows.map(({ id: name, place }) => [name, place.replace(/^postern\./, '')]))
  return ids.map((each) => byId.get(each))
}

const nameOf = (at: number) =>
  `trail_calls_${new Date(weekOf(at)).toISOString().slice(0, 10).replaceAll('-', '')}`

describe('partitions on Postgres', () => {
  test('take up what is there already, with its indexes, its view and who may do what', async () => {
    const old = inSchema(database, 'postern')
    await migrate(
      old,
      'postern',
      migrations.filter(({ number }) => number < 9),
    )
    await database.script(
      'CREATE ROLE reads_the_trail NOLOGIN; GRANT SELECT ON postern.trail, postern.trail_calls TO reads_the_trail',
    )
    const now = Date.now()
    const rows = [callAt(now - 500 * dayMs), callAt(now - 1000), callAt(now + 900 * dayMs)]
    for (const row of rows)
      await database.query(
        `INSERT INTO postern.trail_calls (id, writer, boot, sequence, at, request_id, count, last_at, tool, outcome)
         VALUES ($1, 'w', 'b', 1, now(), 'r', 1, now(), 'forecast', 'succeeded')`,
        [row.id],
      )
    await store.migrate()
    expect(await placesOf(rows.map(({ id }) => id))).toEqual([
      'trail_calls_first',
      'trail_calls_first',
      'trail_calls_default',
    ])
    expect((await store.trail.list({ limit: 9, tool: 'forecast' })).data.map(({ id }) => id)).toEqual(
      rows.map(({ id }) => id).toReversed(),
    )
    const indexes = await database.query<{ name: string }>(
      `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'postern.trail_calls'::regclass ORDER BY 1`,
    )
    expect(indexes.map(({ name }) => name.replace('postern.', ''))).toEqual([
      'trail_calls_key',
      'trail_calls_pkey',
      'trail_calls_recorded_at',
      'trail_calls_service_user',
      'trail_calls_tool',
    ])
    const [rights] = await database.query(
      `SELECT has_table_privilege('reads_the_trail', 'postern.trail', 'SELECT') AS view,
         has_table_privilege('reads_the_trail', 'postern.trail_calls', 'SELECT') AS calls,
         has_table_privilege('reads_the_trail', 'postern.trail_calls', 'INSERT') AS write`,
    )
    expect(rights).toEqual({ view: true, calls: true, write: false })
  })

  test('are made ahead, once, and take the calls and ends of their week', async () => {
    await store.migrate()
    const now = Date.now()
    expect(await store.upkeep.createAhead(now, 6)).toBeGreaterThan(9)
    expect(await store.upkeep.createAhead(now, 6)).toBe(0)
    const state = await store.upkeep.partitions()
    expect(state).toMatchObject({ canChange: true, hasStrays: false })
    expect(state?.until).toBeGreaterThanOrEqual(weekOf(now) + 6 * weekMs)
    const later = callAt(now + 2 * weekMs)
    await store.trail.append(batchOf([later], [end(later.id)]))
    expect(await placesOf([later.id])).toEqual([nameOf(now + 2 * weekMs)])
    expect(await placesOf([later.id], 'ends')).toEqual([nameOf(now + 2 * weekMs).replace('calls', 'ends')])
  })

  test('that are missing fail no append, and get their rows when they are made', async () => {
    await store.migrate()
    const now = Date.now()
    const [soon, far, past] = [
      callAt(now + 2 * weekMs),
      callAt(now + 4000 * dayMs),
      callAt(now - 4000 * dayMs),
    ]
    await store.trail.append(batchOf([soon, far, past], [end(soon.id)]))
    expect(await placesOf([soon.id, far.id, past.id])).toEqual([
      'trail_calls_default',
      'trail_calls_default',
      'trail_calls_first',
    ])
    expect(await store.upkeep.partitions()).toMatchObject({ hasStrays: true })
    await store.upkeep.createAhead(now, 6)
    expect(await placesOf([soon.id, far.id])).toEqual([nameOf(now + 2 * weekMs), 'trail_calls_default'])
    expect(await placesOf([soon.id], 'ends')).toEqual([nameOf(now + 2 * weekMs).replace('calls', 'ends')])
  })

  test('that are too old are dropped whole, and the rest stays', async () => {
    await store.migrate()
    const now = Date.now()
    await store.upkeep.createAhead(now, 6)
    const weeks = [0, 1, 2, 3].map((n) => callAt(weekOf(now) + n * weekMs + dayMs))
    await store.trail.append(
      batchOf(
        weeks,
        weeks.map(({ id }) => end(id)),
      ),
    )
    const dropped = await store.upkeep.drop(weekOf(now) + 2 * weekMs, () => false)
    expect(dropped.tables).toHaveLength(4)
    expect(dropped.isOver).toBe(true)
    expect((await store.trail.list({ limit: 9 })).data.map(({ id }) => id)).toEqual([
      weeks[3]?.id,
      weeks[2]?.id,
    ])
    // What comes for such a week all the same has a place, until it is its turn.
    const [late] = weeks
    if (late === undefined) throw new Error('a call')
    await store.trail.append(batchOf([late]))
    expect(await placesOf([late.id])).toEqual(['trail_calls_default'])
    expect(await store.upkeep.drop(weekOf(now) + 2 * weekMs, () => false)).toMatchObject({
      tables: [],
      isOver: true,
    })
  })

  test('that a reader holds are dropped later, and hold up nobody meanwhile', async () => {
    await store.migrate()
    const now = Date.now()
    await store.upkeep.createAhead(now, 6)
    const other = openPostgresDatabase({ connectionString })
    opened.push(other)
    await other.transaction(async (queries) => {
      await queries.query('SELECT count(*) FROM postern.trail_calls')
      await expect(store.upkeep.drop(weekOf(now) + 2 * weekMs, () => false)).rejects.toMatchObject({
        sqlState: '55P03',
      })
      await store.trail.append(batchOf([callAt(now)]))
    })
    expect((await store.upkeep.drop(weekOf(now) + 2 * weekMs, () => false)).tables).toHaveLength(4)
  })

  test('left detached by a run that was cut off are dropped by the next one', async () => {
    await store.migrate()
    await store.upkeep.createAhead(Date.now(), 6)
    const name = nameOf(Date.now() + weekMs)
    await database.script(`ALTER TABLE postern.trail_calls DETACH PARTITION postern.${name}`)
    expect((await store.upkeep.drop(0, () => false)).tables).toEqual([name])
  })

  test('are left to others by a role that may only write rows, which goes on all the same', async () => {
    await store.migrate()
    const role = `rows_${connectionString.slice(-1)}`
    await database.script(`CREATE ROLE ${role} LOGIN PASSWORD 'x1'; GRANT USAGE ON SCHEMA postern TO ${role};
      GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA postern TO ${role}`)
    const url = new URL(connectionString)
    url.username = role
    url.password = 'x1'
    const node = openPostgres({ connectionString: url.href, schema: 'postern' })
    opened.push(node)
    expect(await node.upkeep.partitions()).toMatchObject({ canChange: false })
    await node.trail.append(batchOf([callAt(Date.now()), callAt(Date.now() + 9 * weekMs)]))
    expect((await node.trail.list({ limit: 9 })).data).toHaveLength(2)
  })

  test('may be made by many nodes at once', async () => {
    await store.migrate()
    const now = Date.now()
    const nodes = [1, 2, 3].map(() => openPostgres({ connectionString, schema: 'postern' }))
    opened.push(...nodes)
    await Promise.allSettled(nodes.map((node) => node.upkeep.createAhead(now, 5)))
    await store.upkeep.createAhead(now, 5)
    expect((await store.upkeep.partitions())?.until).toBeGreaterThanOrEqual(weekOf(now) + 5 * weekMs)
  })
})
