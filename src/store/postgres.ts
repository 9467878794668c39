import { createHash } from 'node:crypto'
import { Client, DatabaseError, Pool, types } from 'pg'
import type { ClientBase, ClientConfig, CustomTypesConfig, QueryConfig } from 'pg'
import { StoreUnavailable } from '../domain/ports.ts'
import { failureFor, retryCollisions, StatementFailed, unavailable, withoutNul } from './database.ts'
import { checkedConnectionString, refuseOldServer } from './postgres-requirements.ts'
import type { Database, Queries, QueryOptions, Row, Value } from './database.ts'

export interface PostgresSettings {
  connectionString: string
}

const connectTimeoutMs = 2_000
/** A stopped backend never errors: without a time-out, lookups would wait for ever instead of failing closed. */
const readTimeoutMs = 1_000
const queryTimeoutMs = 10_000
const poolSize = 4

/**
 * Postgres behind two pipelined connections, for reads and for the trail, and a small pool for the rest. Connects on first use, and
 * again by itself after a loss. No session state, so that it works through a pooler.
 */
export function openPostgresDatabase(settings: PostgresSettings): Database {
  const base: ClientConfig = {
    connectionString: checkedConnectionString(settings.connectionString),
    application_name: 'postern',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    types: { getTypeParser: typeParser },
  }
  const checkVersion = versionCheck()
  const naming: Naming = { isKept: true }
  const reader = pipelined(base, checkVersion, naming)
  const writer = pipelined(base, checkVersion, naming)
  // Its time-out counts waiting for a free connection too.
  const pool = new Pool({ ...base, max: poolSize, connectionTimeoutMillis: 2 * connectTimeoutMs })
  pool.on('error', ignoreLoss)
  pool.on('connect', (client) => client.on('error', ignoreLoss))
  let closed = false

  async function withClient<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    if (closed) throw unavailable('the store is closed')
    const client = await pool.connect().catch(rethrow)
    let broken = false
    try {
      await checkVersion(client)
      return await work(client)
    } catch (error) {
      broken = error instanceof StoreUnavailable
      throw error
    } finally {
      client.release(broken)
    }
  }

  return {
    engine: 'postgres',
    read: (text, values) => {
      if (closed) return Promise.reject(unavailable('the store is closed'))
      return retryCollisions(() => reader.run(text, values, { prepared: true }))
    },
    query: (text, values, options) => {
      if (closed) return Promise.reject(unavailable('the store is closed'))
      if (options?.prepared === true) return retryCollisions(() => writer.run(text, values, options))
      return retryCollisions(() => withClient((client) => run(client, text, values, options)))
    },
    script: (text) => withClient((client) => runScript(client, text)),
    transaction: (work) => retryCollisions(() => withClient((client) => inTransaction(client, work))),
    close: async () => {
      if (closed) return
      closed = true
      await Promise.all([reader.close(), writer.close(), pool.end()])
    },
  }
}

/** A connection of its own for statements that run all the time, made anew after a loss. */
interface Pipelined {
  run<R extends object>(
    text: string,
    values: readonly Value[] | undefined,
    options: QueryOptions,
  ): Promise<R[]>
  close(): Promise<void>
}

type VersionCheck = (client: ClientBase) => Promise<void>

/**
 * Whether prepared statements are kept under their names. A pooler that gives each transaction another connection and
 * doesn't carry them along (PgBouncer before 1.21, or with `max_prepared_statements = 0`) has one client's names on
 * another's connection: then statements are sent whole each time.
 */
interface Naming {
  isKept: boolean
}

/** Invalid and duplicate statement name: the statement was not run. */
const lostNames = new Set(['26000', '42P05'])

function hasLostName(error: unknown): boolean {
  if (error instanceof StatementFailed) return lostNames.has(error.sqlState)
  return error instanceof StoreUnavailable && lostNames.has(codeOf(error.cause) ?? '')
}

function pipelined(base: ClientConfig, checkVersion: VersionCheck, naming: Naming): Pipelined {
  let current: Promise<Client> | null = null

  function connection(): Promise<Client> {
    if (current !== null) return current
    const client = new Client({ ...base, pipeline: true, query_timeout: readTimeoutMs })
    const opening = (async () => {
      await client.connect().catch(rethrow)
      await checkVersion(client)
      return client
    })()
    const forget = (): void => {
      if (current === opening) current = null
    }
    client.on('error', forget)
    client.on('end', forget)
    opening.catch(() => {
      forget()
      discard(client)
    })
    current = opening
    return opening
  }

  return {
    run: async <R extends object>(
      text: string,
      values: readonly Value[] | undefined,
      options: QueryOptions,
    ) => {
      const opening = connection()
      const timeoutMs = options.timeoutMs ?? readTimeoutMs
      try {
        const client = await opening
        try {
          return await run<R>(client, text, values, { timeoutMs, prepared: naming.isKept })
        } catch (error) {
          if (!hasLostName(error)) throw error
          naming.isKept = false
          return await run<R>(client, text, values, { timeoutMs, prepared: false })
        }
      } catch (error) {
        if (error instanceof StoreUnavailable && current === opening) {
          current = null
          opening.then(discard, ignoreLoss)
        }
        throw error
      }
    },
    close: async () => {
      const opening = current
      current = null
      if (opening === null) return
      const client = await opening.catch(() => null)
      await client?.end()
    },
  }
}

/** Once per database: a server doesn't grow older while it is used. */
function versionCheck(): VersionCheck {
  let passed = false
  return async (client) => {
    if (passed) return
    const [row] = await run<{ server_version_num: string }>(client, 'SHOW server_version_num', [], {
      timeoutMs: readTimeoutMs,
    })
    refuseOldServer(Number(row?.server_version_num))
    passed = true
  }
}

async function run<R extends object = Row>(
  client: ClientBase,
  text: string,
  values: readonly Value[] = [],
  options: QueryOptions = {},
): Promise<R[]> {
  const statement: QueryConfig & { query_timeout: number } = {
    text,
    values: values.map((value) => (typeof value === 'string' ? withoutNul(value) : value)),
    query_timeout: options.timeoutMs ?? queryTimeoutMs,
  }
  if (options.prepared === true) {
    statement.name = statementName(text)
  }
  const result = await client.query<R>(statement).catch(rethrow)
  return result.rows
}

async function runScript(client: ClientBase, text: string): Promise<void> {
  await client.query(text).catch(rethrow)
}

async function inTransaction<T>(client: ClientBase, work: (queries: Queries) => Promise<T>): Promise<T> {
  await run(client, 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  try {
    const result = await work({
      query: (text, values, options) => run(client, text, values, options),
      script: (text) => runScript(client, text),
    })
    await run(client, 'COMMIT')
    return result
  } catch (error) {
    // A connection that is lost has rolled back by itself.
    if (!(error instanceof StoreUnavailable)) await run(client, 'ROLLBACK')
    throw error
  }
}

/** Our error for what `pg` threw: the server's own answers carry a SQLSTATE, all else is the connection. */
function failureOf(error: unknown): Error {
  if (error instanceof DatabaseError && error.code !== undefined)
    return failureFor(error.code, error.message, error.constraint)
  if (!(error instanceof Error)) return unavailable('unknown error')
  return unavailable(connectionMessage(error), codeOf(error))
}

function rethrow(error: unknown): never {
  throw failureOf(error)
}

/** A host with several addresses fails with one error for each; the message stands on the first. */
function connectionMessage(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  return (first instanceof Error ? first : error).message
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const statementNames = new Map<string, string>()

function statementName(text: string): string {
  let name = statementNames.get(text)
  if (name === undefined) {
    name = `postern_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`
    statementNames.set(text, name)
  }
  return name
}

const int8: number = types.builtins.INT8
const timestamptz: number = types.builtins.TIMESTAMPTZ

const typeParser: CustomTypesConfig['getTypeParser'] = (oid: number, format?: 'text' | 'binary') => {
  if (oid === int8) return Number
  if (oid === timestamptz) return instantOf
  return format === 'binary' ? types.getTypeParser(oid, 'binary') : types.getTypeParser(oid, 'text')
}

const parseTimestamp: (text: string) => unknown = types.getTypeParser(timestamptz, 'text')

/** An instant that can't be read must not become a NaN, which no comparison finds expired. */
function instantOf(text: string): number {
  const parsed = parseTimestamp(text)
  const ms = parsed instanceof Date ? parsed.getTime() : Number.NaN
  if (!Number.isFinite(ms)) throw new TypeError('the database sent an instant that is not in ISO form')
  return ms
}

function discard(client: Client): void {
  client.end().catch(ignoreLoss)
}

/** The loss of an idle connection is no event: the next use connects anew. */
function ignoreLoss(): void {}
