import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import {
  bigintArray,
  bytesArray,
  doubleArray,
  instantArray,
  integerArray,
  textArray,
  uuidArray,
} from '../../src/store/array.ts'
import { cursorAfter, readCursor } from '../../src/store/cursor.ts'
import type { Database } from '../../src/store/database.ts'
import { openPgliteDatabase } from '../../src/store/pglite.ts'
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

describe('binary arrays', () => {
  let server: PostgresServer
  let directory: string
  let engines: Database[]
  beforeAll(async () => {
    server = await startPostgres()
    directory = await mkdtemp(join(tmpdir(), 'postern-arrays-'))
    engines = [
      openPostgresDatabase({ connectionString: await server.createDatabase() }),
      openPgliteDatabase({ directory: join(directory, 'pglite') }),
    ]
  })
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()))
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  })

  /** What each engine reads from the bytes is what was meant. */
  async function expectRead(type: string, array: Buffer, items: unknown[]): Promise<void> {
    for (const engine of engines) {
      const rows = await engine.query<{ item: unknown }>(`SELECT unnest($1::${type}[]) AS item`, [array])
      expect(rows.map(({ item }) => item)).toEqual(items)
    }
  }

  const instants = { min: Date.UTC(1900, 0), max: Date.UTC(9999, 0) }
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('"', '\\', ',', '{', '}', 'NULL', ' '), fc.string({ unit: 'binary' })),
  })

  test.each<[string, (items: never[]) => Buffer, fc.Arbitrary<unknown>]>([
    ['text', textArray, text.map((item) => item.replaceAll('\0', ''))],
    ['uuid', uuidArray, fc.uuid()],
    ['integer', integerArray, fc.integer()],
    ['bigint', bigintArray, fc.maxSafeInteger()],
    ['float8', doubleArray, fc.double().filter((item) => !Object.is(item, -0))],
    ['timestamptz', instantArray, fc.integer(instants)],
  ])('of %s are read by both engines as what they were made from', async (type, arrayOf, item) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(item)), async (items) => {
        await expectRead(type, arrayOf(items as never[]), items)
      }),
      { numRuns: 50 },
    )
  })

  test('of bytea are read by both engines as what they were made from', async () => {
    const bytes = fc.uint8Array().map((item) => Buffer.from(item))
    await fc.assert(
      fc.asyncProperty(fc.array(bytes), (items) => expectRead('bytea', bytesArray(items), items)),
      { numRuns: 50 },
    )
  })

  test('hold text of every length, and U+FFFD for NUL and unpaired surrogates', async () => {
    const texts = [
      '',
      '\0',
      'a\0b',
      '\ud800',
      'x\udc00y',
      'é',
      'a'.repeat(64),
      'a'.repeat(65),
      'é\0'.repeat(99),
    ]
    const stored = texts.map((item) => Buffer.from(item).toString().replaceAll('\0', '\uFFFD'))
    await expectRead('text', textArray(texts), stored)
  })

  test.each<[string, () => Buffer]>([
    ['an id that is none', () => uuidArray(['0198c0de-0000-7000-8000-00000000000g'])],
    ['an id in another form', () => uuidArray(['0198c0de000070008000000000000000'])],
    ['an id with a letter of another script', () => uuidArray(['0198c0de-0000-7000-8000-00000000000\u0131'])],
    ['an id without its dashes', () => uuidArray(['0198c0de00000-7000-8000-000000000000'])],
    ['an integer of 33 bits', () => integerArray([2 ** 31])],
    ['a fraction', () => integerArray([0.5])],
    ['a number that is not safe', () => bigintArray([2 ** 53])],
    ['an instant that is none', () => instantArray([Number.NaN])],
    ['an instant out of range', () => instantArray([8.64e18])],
  ])('refuse %s instead of sending another', (_, make) => {
    expect(make).toThrow(RangeError)
  })
})
