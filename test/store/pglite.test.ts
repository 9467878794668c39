import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { openPgliteDatabase } from '../../src/store/pglite.ts'
import { openPglite } from '../../src/store/store.ts'
import { startChild } from './child.ts'

const threads = vi.hoisted((): Worker[] => [])
vi.mock('node:worker_threads', async (original) => {
  const actual = await original<typeof import('node:worker_threads')>()
  return {
    ...actual,
    Worker: class extends actual.Worker {
      constructor(...settings: ConstructorParameters<typeof Worker>) {
        super(...settings)
        threads.push(this)
      }
    },
  }
})

let dataDir: string
let opened: Database | null = null
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'postern-pglite-'))
})
afterEach(async () => {
  await opened?.close()
  opened = null
  rmSync(dataDir, { recursive: true, force: true })
})

function open(): Database {
  opened = openPgliteDatabase({ directory: join(dataDir, 'pglite') })
  return opened
}

const unavailable = { code: 'store_unavailable' }

test('rows that were acknowledged are there after kill -9, again and again', async () => {
  const acknowledged: string[] = []
  for (let round = 0; round < 3; round++) {
    const child = startChild('write-rows', [dataDir])
    await child.said(40 + 60 * round)
    child.process.kill('SIGKILL')
    await child.ended
    acknowledged.push(...child.lines)
    expect(child.lines.length).toBeGreaterThan(0)
  }
  const store = openPglite({ directory: join(dataDir, 'pglite'), schema: 'postern' })
  expect(await store.migrate()).toEqual([])
  const { data } = await store.trail.list({ limit: 1_000_000 })
  await store.close()
  const present = new Set(data.map(({ id }) => id))
  expect(acknowledged.filter((id) => !present.has(id))).toEqual([])
})

test('what a killed process had begun to create is thrown away', async () => {
  mkdirSync(join(dataDir, 'pglite.new', 'base'), { recursive: true })
  writeFileSync(join(dataDir, 'pglite.new', 'PG_VERSION'), '1')
  expect(await open().query('SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('a transaction is alone: other statements wait, and are not undone with it', async () => {
  const database = open()
  await database.script('CREATE TABLE t (n integer)')
  const undone = database.transaction(async (queries) => {
    await queries.query('INSERT INTO t VALUES (1)')
    await new Promise((resolve) => setTimeout(resolve, 20))
    throw new Error('undo')
  })
  const outside = database.query('INSERT INTO t VALUES (2)')
  const read = database.read('SELECT n FROM t', [])
  await expect(undone).rejects.toThrow('undo')
  await outside
  expect(await read).toEqual([{ n: 2 }])
})

describe('an engine that ends', () => {
  test('is StoreUnavailable for what waits and for all that follows', async () => {
    const database = open()
    await database.query('SELECT 1')
    const running = database.query('SELECT pg_sleep(20)')
    const waiting = database.read('SELECT 1', [])
    await threads.at(-1)?.terminate()
    await expect(running).rejects.toMatchObject(unavailable)
    await expect(waiting).rejects.toMatchObject(unavailable)
    await expect(database.query('SELECT 1')).rejects.toMatchObject(unavailable)
  })

  test('is StoreUnavailable where its directory holds something else', async () => {
    mkdirSync(join(dataDir, 'pglite'))
    writeFileSync(join(dataDir, 'pglite', 'PG_VERSION'), '9.6')
    await expect(open().query('SELECT 1')).rejects.toMatchObject(unavailable)
    await expect(opened?.query('SELECT 1')).rejects.toMatchObject(unavailable)
  })

  test('is StoreUnavailable after close, and closing twice or before use does no harm', async () => {
    const database = open()
    await database.close()
    await database.close()
    await expect(database.query('SELECT 1')).rejects.toMatchObject(unavailable)
  })
})
