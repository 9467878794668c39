import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { failureFor, retryCollisions, unavailable, withoutNul } from './database.ts'
import type { Database, Queries, Value } from './database.ts'

/** What the thread is asked and answers; `pglite-worker.js` has the other end. */
type Request =
  | { kind: 'query'; text: string; values: Value[] }
  | { kind: 'script'; text: string }
  | { kind: 'close' }
type Failure = { message: string; sqlState: string | null; constraint: string | null }
type Reply = { id: number; rows: object[] } | { id: number; failure: Failure }
type Waiting = { resolve: (rows: object[]) => void; reject: (error: Error) => void }

/**
 * The embedded database in `directory`, which is made where it is missing; its parent must exist, under the
 * lock (`lock.ts`). The thread starts on first use. Time-outs don't apply: there is no connection to lose.
 */
export function openPgliteDatabase(settings: { directory: string }): Database {
  const engine = engineThread(resolve(settings.directory))
  let last: Promise<unknown> = Promise.resolve()

  /** One at a time: PGlite has a single session, so a transaction must be alone in it. */
  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }

  const alone: Queries = {
    query: async <R extends object>(text: string, values: readonly Value[] = []) => {
      const rows = await engine.ask({ kind: 'query', text, values: values.map(storable) })
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SQL decides what a row holds
      return rows.map(normalised) as R[]
    },
    script: async (text) => {
      await engine.ask({ kind: 'script', text })
    },
  }

  async function inTransaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    await alone.script('BEGIN')
    try {
      const result = await work(alone)
      await alone.script('COMMIT')
      return result
    } catch (error) {
      await alone.script('ROLLBACK')
      throw error
    }
  }

  return {
    engine: 'pglite',
    query: (text, values) => exclusively(() => alone.query(text, values)),
    script: (text) => exclusively(() => alone.script(text)),
    read: (text, values) => exclusively(() => alone.query(text, values)),
    transaction: (work) => retryCollisions(() => exclusively(() => inTransaction(work))),
    close: () => exclusively(() => engine.close()),
  }
}

interface EngineThread {
  ask(request: Request): Promise<object[]>
  close(): Promise<void>
}

function engineThread(directory: string): EngineThread {
  const waiting = new Map<number, Waiting>()
  let worker: Worker | null = null
  let ended: string | null = null
  let lastId = 0

  function start(): Worker {
    // Nothing of the process's environment or flags is any business of the thread.
    const started = new Worker(new URL('./pglite-worker.js', import.meta.url), {
      workerData: { directory },
      env: {},
      execArgv: [],
    })
    started.on('message', (reply: Reply) => settle(reply))
    started.on('error', (error) => end(error.message))
    started.on('exit', () => end('the database thread ended'))
    return started
  }

  function settle(reply: Reply): void {
    const asker = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('rows' in reply) asker?.resolve(reply.rows)
    else if (reply.failure.sqlState !== null)
      asker?.reject(failureFor(reply.failure.sqlState, reply.failure.message, reply.failure.constraint))
    else {
      // No SQLSTATE: the engine itself failed, and what it holds in memory can't be trusted any more.
      asker?.reject(unavailable(reply.failure.message))
      end(reply.failure.message)
      void worker?.terminate()
    }
  }

  function end(why: string): void {
    ended ??= why
    for (const asker of waiting.values()) asker.reject(unavailable(ended))
    waiting.clear()
  }

  function ask(request: Request): Promise<object[]> {
    if (ended !== null) return Promise.reject(unavailable(ended))
    const thread = (worker ??= start())
    const id = ++lastId
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.postMessage({ id, ...request })
    })
  }

  return {
    ask,
    close: async () => {
      if (ended === null && worker !== null) await ask({ kind: 'close' }).catch(() => undefined)
      end('the store is closed')
      await worker?.terminate()
    },
  }
}

function storable(value: Value): Value {
  return typeof value === 'string' ? withoutNul(value) : value
}

/** Bytes arrive as a plain `Uint8Array`; everything else has its form already. */
function normalised(row: object): object {
  for (const [column, value] of Object.entries(row))
    if (value instanceof Uint8Array)
      Object.assign(row, { [column]: Buffer.from(value.buffer, value.byteOffset, value.byteLength) })
  return row
}
