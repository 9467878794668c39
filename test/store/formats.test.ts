import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { bytesArray, plainArray, textArray } from '../../src/store/array.ts'
import { cursorAfter, readCursor } from '../../src/store/cursor.ts'
import type { Database } from '../../src/store/database.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { startPostgres } from './postgres-server.ts'
import type { PostgresServer } from './postgres-server.ts'

describe('a cursor', () => {
  test('leads back to the id that it was made from', () => {
    fc.assert(
      fc.property(fc.nat(), (ms) => {
        const id = newId(ms)
        expect(readCursor(cursorAfter(id))).toBe(id)
      }),
    )
  })

  test('has one form: any other text is refused', () => {
    const good = cursorAfter(newId(1))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((more) => good + more),
          fc.nat(21).map((length) => good.slice(0, length)),
        ),
        (text) => {
          fc.pre(text !== good)
          expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: 'cursor_invalid' }))
        },
      ),
    )
  })
})

describe('array literals', () => {
  let server: PostgresServer
  let database: Database
  beforeAll(async () => {
    server = await startPostgres()
    database = openPostgresDatabase({ connectionString: await server.createDatabase() })
  })
  afterAll(async () => {
    await database.close()
    await server.stop()
  })

  async function read(type: string, literal: string): Promise<unknown[]> {
    const rows = await database.query<{ item: unknown }>(`SELECT unnest($1::${type}[]) AS item`, [literal])
    return rows.map(({ item }) => item)
  }

  test('are read by Postgres as what they were made from', async () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom('"', '\\', ',', '{', '}', 'NULL', ' '), fc.string({ unit: 'binary' })),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(text.map((item) => item.replaceAll('\0', '')))),
        fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }))),
        fc.array(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
        async (texts, numbers, bytes) => {
          expect(await read('text', textArray(texts))).toEqual(texts)
          // -0 is written as 0.
          expect(await read('float8', plainArray(numbers))).toEqual(numbers.map((n) => (n === 0 ? 0 : n)))
          expect(await read('bytea', bytesArray(bytes))).toEqual(bytes)
        },
      ),
    )
  })
})
