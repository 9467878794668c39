import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import type { Database } from '../../src/store/database.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { openPostgres } from '../../src/store/store.ts'
import { startPostgres } from './postgres-server.ts'
import type { PostgresServer } from './postgres-server.ts'

/** Two nodes on one real Postgres, with a new database for each test. */
export interface Nodes {
  readonly a: Store
  readonly b: Store
  readonly database: Database
  /** Stops every change and retirement in the middle of its transaction, where it takes its epoch, until let go. */
  holdCounter(): Promise<() => Promise<void>>
  /** Until so many transactions wait for a lock. */
  waiting(count: number): Promise<void>
}

/** To be called at the top of a test file. */
export function useNodes(): Nodes {
  let server: PostgresServer
  let connectionString: string
  let a: Store
  let b: Store
  let database: Database
  const opened: { close(): Promise<void> }[] = []
  const holds: (() => void)[] = []
  const open = <T extends { close(): Promise<void> }>(each: T): T => {
    opened.push(each)
    return each
  }

  beforeAll(async () => {
    server = await startPostgres()
  })
  beforeEach(async () => {
    connectionString = await server.createDatabase()
    a = open(openPostgres({ connectionString, schema: 'postern' }))
    b = open(openPostgres({ connectionString, schema: 'postern' }))
    database = open(openPostgresDatabase({ connectionString }))
    await a.migrate()
    return async () => {
      // What a failed test still holds would keep its connection from closing.
      for (const letGo of holds.splice(0)) letGo()
      await Promise.all(opened.splice(0).map((each) => each.close()))
    }
  })
  afterAll(() => server.stop())

  return {
    get a() {
      return a
    },
    get b() {
      return b
    },
    get database() {
      return database
    },

    async holdCounter() {
      const holder = open(openPostgresDatabase({ connectionString }))
      let letGo: () => void = () => {}
      const held = new Promise<void>((resolve) => {
        letGo = resolve
        holds.push(resolve)
      })
      let done: Promise<void> = Promise.resolve()
      await new Promise<void>((resolve, reject) => {
        done = holder.transaction(async (queries) => {
          await queries.query('SELECT epoch FROM postern.change_counter FOR UPDATE')
          resolve()
          await held
        })
        done.catch(reject)
      })
      return () => {
        letGo()
        return done
      }
    },

    async waiting(count) {
      for (;;) {
        const blocked = await database.query(
          `SELECT pid FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
        )
        if (blocked.length >= count) return
      }
    },
  }
}
