import { StoreUnavailable } from '../domain/ports.ts'

/** What a statement's parameter may be: arrays travel as array literals (`array.ts`), JSON as its text. */
export type Value = string | number | boolean | Buffer | null

/** A column as both drivers hand it over: int8 is a number, timestamptz epoch milliseconds, bytea a Buffer. */
export type Row = Record<string, unknown>

export interface QueryOptions {
  /** Prepared, on a connection of its own, for statements that run all the time; never within a transaction. */
  prepared?: boolean
  /** How long to wait for the answer before the connection is given up. */
  timeoutMs?: number
}

/** What runs statements: a database, or one transaction in it. */
export interface Queries {
  query<R extends object = Row>(text: string, values?: readonly Value[], options?: QueryOptions): Promise<R[]>
  /** Several statements without parameters, as migrations are. No time-out. */
  script(text: string): Promise<void>
}

/**
 * The little that both drivers implement. A failure of the connection is a `StoreUnavailable`; a statement that
 * the database refused is a {@link StatementFailed}.
 */
export interface Database extends Queries {
  readonly engine: 'postgres' | 'pglite'
  /** For lookups and polls: a connection of their own, on which they never wait for anything else. */
  read<R extends object = Row>(text: string, values: readonly Value[]): Promise<R[]>
  /** Runs `work` in one transaction, again from the start where the engine says that it collided with another. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** The database answered, and refused the statement. Holds no value of any row. */
export class StatementFailed extends Error {
  override readonly name = 'StatementFailed'
  readonly code = 'statement_failed'
  /** The five characters of SQLSTATE. */
  readonly sqlState: string
  /** The constraint that was violated, if that was it. */
  readonly constraint: string | null
  constructor(message: string, sqlState: string, constraint: string | null) {
    super(message)
    this.sqlState = sqlState
    this.constraint = constraint
  }
}

/**
 * The error for what an engine reported. Classes 08, 28, 53, 57 and 58 (connection, log-in, resources, operator,
 * system), a missing database, a read-only one (a replica) and a forgotten prepared statement say that this
 * connection can't serve, not that the statement is wrong.
 */
export function failureFor(sqlState: string, message: string, constraint?: string | null): Error {
  if (/^(?:08|28|53|57|58|3D000|25006|26000)/.test(sqlState)) return unavailable(message, sqlState)
  return new StatementFailed(message, sqlState, constraint ?? null)
}

/** A `StoreUnavailable` whose cause is the message and code alone: drivers' errors may carry settings. */
export function unavailable(message: string, code?: string): StoreUnavailable {
  const cause: Error & { code?: string } = new Error(message)
  if (code !== undefined) cause.code = code
  return new StoreUnavailable(`the database can't be reached (${message})`, { cause })
}

/** For what happened between a transaction's reading and its writing, where no lock stood: run it again. */
export function collision(message: string): StatementFailed {
  return new StatementFailed(message, '40001', null)
}

const collisions = new Set(['40001', '40P01'])
const attemptLimit = 10

/** Runs `work` again, after a short random wait, while it fails by colliding with another transaction. */
export async function retryCollisions<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StatementFailed) || !collisions.has(error.sqlState) || attempt === attemptLimit)
        throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * attempt))
    }
  }
}

/** Postgres text can't hold NUL; it becomes U+FFFD, as unpaired surrogates do when they are encoded. */
export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text
}

/** An instant as a parameter: epoch milliseconds in RFC 3339. */
export function instant(ms: number): string
export function instant(ms: number | null): string | null
export function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

/** Whether a statement was refused for this constraint. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof StatementFailed && error.constraint === constraint
}
