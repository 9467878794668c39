import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import type { Database } from '../../src/store/database.ts'
import { refuseOldServer } from '../../src/store/postgres-requirements.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { openPostgres } from '../../src/store/store.ts'
import { batchOf, call, serviceUser } from './records.ts'
import { serverPassword, startPostgres } from './postgres-server.ts'
import type { PostgresServer } from './postgres-server.ts'

let server: PostgresServer
let connectionString: string
const opened: { close(): Promise<void> }[] = []
beforeAll(async () => {
  server = await startPostgres()
  connectionString = await server.createDatabase()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})
afterAll(() => server.stop())

function openStore(over: { connectionString?: string } = {}): Store {
  const store = openPostgres({ connectionString, schema: 'postern', ...over })
  opened.push(store)
  return store
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  const error: unknown = await work.then(
    () => new Error('it worked'),
    (error: unknown) => error,
  )
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(serverPassword)
  return error
}

const unavailable = { name: 'StoreUnavailable', code: 'store_unavailable' }

function everyUse(store: Store): Promise<unknown>[] {
  return [
    store.lookups.lookup([]),
    store.lookups.poll(0),
    store.trail.append(batchOf([call()])),
    store.trail.list({ limit: 1 }),
    store.keys.createServiceUser(serviceUser()),
    store.keys.listKeys({ now: 0, limit: 1 }),
    store.migrate(),
    store.checkSchema(),
  ]
}

describe('a database that goes away', () => {
  test('is StoreUnavailable for every use, idle or under way, and is used again by itself once it is back', async () => {
    const store = openStore()
    await store.migrate()
    await Promise.all(everyUse(store))
    let failed = 0
    const load = { on: true }
    const loading = (async () => {
      while (load.on)
        for (const result of await Promise.allSettled(everyUse(store)))
          if (result.status === 'rejected') {
            expect(result.reason).toMatchObject(unavailable)
            failed++
          }
    })()
    await server.kill()
    // All at once: one that fails while another is waited for would be a rejection that nobody takes.
    for (const error of await Promise.all(everyUse(store).map(failure)))
      expect(error).toMatchObject(unavailable)
    load.on = false
    await loading
    expect(failed).toBeGreaterThan(0)
    await server.restart()
    await Promise.all(everyUse(store))
  })

  test('is not needed to open and close a store', async () => {
    await openStore({ connectionString: 'postgres://nobody@127.0.0.1:1/none' }).close()
  })

  test('is StoreUnavailable for every use after close', async () => {
    const store = openStore()
    await store.lookups.poll(0)
    await store.close()
    await store.close()
    for (const error of await Promise.all(everyUse(store).map(failure)))
      expect(error).toMatchObject(unavailable)
  })
})

async function stopped(database: Database, run: (text: string) => Promise<{ pid: number }[]>): Promise<void> {
  opened.push(database)
  const [before] = await run('SELECT pg_backend_pid() AS pid')
  const pid = before?.pid ?? Number.NaN
  process.kill(pid, 'SIGSTOP')
  try {
    expect(await failure(run('SELECT pg_backend_pid() AS pid'))).toMatchObject(unavailable)
    const [after] = await run('SELECT pg_backend_pid() AS pid')
    expect(after?.pid).not.toBe(pid)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

describe('a backend that stands still (R2)', () => {
  test('fails lookups in time, all that were sent, and another connection takes over', async () => {
    const database = openPostgresDatabase({ connectionString })
    await stopped(database, async (text) => {
      const [first] = await Promise.all([1, 2, 3].map(() => database.read<{ pid: number }>(text, [])))
      return first ?? []
    })
  })

  test('fails other statements in time, and another connection takes over', async () => {
    const database = openPostgresDatabase({ connectionString })
    await stopped(database, (text) => database.query(text, [], { timeoutMs: 300 }))
  })
})

describe('a database that refuses', () => {
  test.each([
    ['a wrong password', (url: URL) => (url.password = `wrong-${serverPassword}`)],
    ['no such database', (url: URL) => (url.pathname = '/missing')],
    ['no server on the port', (url: URL) => (url.port = '1')],
    ['no such host', (url: URL) => (url.hostname = 'no-such-host.invalid')],
  ])('%s is StoreUnavailable and tells no password (T22)', async (_, change) => {
    const url = new URL(connectionString)
    change(url)
    const store = openStore({ connectionString: url.href })
    expect(await failure(store.lookups.poll(0))).toMatchObject(unavailable)
    expect(await failure(store.keys.listKeys({ now: 0, limit: 1 }))).toMatchObject(unavailable)
  })

  test.each([
    `host=127.0.0.1 password=${serverPassword}`,
    `http://u:${serverPassword}@127.0.0.1/x`,
    `postgres://u:${serverPassword}@[broken/x`,
    '',
  ])('a setting that is no Postgres URL is refused at once and not repeated', (wrong) => {
    let error: unknown
    try {
      openStore({ connectionString: wrong })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(TypeError)
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(serverPassword)
  })

  test.each(['Postern', 'a-b', '"', 'a b', '1a', '', 'x'.repeat(64)])(
    'the schema name %j is refused',
    (schema) => {
      expect(() => openPostgres({ connectionString, schema })).toThrow(TypeError)
    },
  )

  test('a trail that takes no row at all is away, and one that refuses a row is not', async () => {
    const own = await server.createDatabase()
    const store = openStore({ connectionString: own })
    await store.migrate()
    const database = openPostgresDatabase({ connectionString: own })
    opened.push(database)
    await database.script('ALTER TABLE postern.trail_calls RENAME TO elsewhere')
    await expect(store.trail.append(batchOf([call()]))).rejects.toMatchObject(unavailable)
    await database.script('ALTER TABLE postern.elsewhere RENAME TO trail_calls')
    await store.trail.append(batchOf([call()]))
    const misfit = batchOf([call({ outcome: 'no outcome' as never })])
    await expect(store.trail.append(misfit)).rejects.toMatchObject({ name: 'StatementFailed' })
  })

  test('a server older than 14 is refused with what would be right', () => {
    expect(() => refuseOldServer(130_022)).toThrow('Postgres 13; Postern needs Postgres 14 or newer')
    expect(() => refuseOldServer(Number.NaN)).toThrow()
    refuseOldServer(140_000)
  })

  test('an instant that is not in ISO form is an error, never a key that lives for ever', async () => {
    const database = openPostgresDatabase({ connectionString })
    opened.push(database)
    for (const expression of [`'infinity'::timestamptz`, `'-infinity'::timestamptz`])
      await expect(database.query(`SELECT ${expression} AS at`)).rejects.toThrow()
  })
})
