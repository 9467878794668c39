import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { TrailFilter } from '../../src/domain/ports.ts'
import { weekOf } from '../../src/domain/sealed-trail.ts'
import type { Database, Value } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations.gen.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { listTrailQuery } from '../../src/store/queries/list-trail.ts'
import { sealedTrailQueries } from '../../src/store/queries/sealed-trail.ts'
import { upkeepQueries } from '../../src/store/queries/upkeep.ts'
import { usageQuery } from '../../src/store/queries/usage.ts'
import { inSchema } from '../../src/store/schema.ts'
import { startPostgres, type PostgresServer } from './postgres-server.ts'

const weekMs = 7 * 86_400_000
const weeks = 20
const rows = Number(process.env['POSTERN_PLAN_ROWS'] ?? 200_000)
const keyId = '018f0000-0000-7000-8000-0000000000aa'

let server: PostgresServer
let database: Database
const start = weekOf(Date.now()) + weekMs
const end = start + weeks * weekMs
beforeAll(async () => {
  server = await startPostgres()
  database = inSchema(openPostgresDatabase({ connectionString: await server.createDatabase() }), 'postern')
  await migrate(database, 'postern', migrations)
  await upkeepQueries(database).createAhead(Date.now(), weeks + 2)
  const at = `(${start} + (n::float8 / ${rows} * ${weeks * weekMs})::bigint)`
  const id = `(left(lpad(to_hex(${at}), 12, '0'), 8) || '-' || right(lpad(to_hex(${at}), 12, '0'), 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`
  await database.script(`
    INSERT INTO postern.trail_calls (id, writer, boot, sequence, at, request_id, key_id, service_user_id, tool, outcome, count, last_at, recorded_at, batch)
    SELECT ${id}, 'w' || n % 3, 'b', n, to_timestamp(${at} / 1000.0), 'r',
      CASE WHEN n % 500 = 0 THEN '${keyId}'::uuid ELSE gen_random_uuid() END, gen_random_uuid(),
      'tool ' || n % 40, CASE n % 10 WHEN 0 THEN NULL ELSE 'succeeded' END, 1, to_timestamp(${at} / 1000.0),
      to_timestamp(${at} / 1000.0), n / 30
    FROM generate_series(1, ${rows}) n;
    INSERT INTO postern.trail_ends (call_id, at, outcome, duration_ms, recorded_at)
    SELECT id, at, 'succeeded', 5, recorded_at FROM postern.trail_calls WHERE outcome IS NULL;
    ANALYZE`)
}, 600_000)
afterAll(async () => {
  await database.close()
  await server.stop()
})

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Actual Loops'?: number
  'Actual Rows'?: number
  'Rows Removed by Filter'?: number
  Plans?: Node[]
}

/** The partitions that the statement has read of, and the share of all rows that it has read. */
async function touched(work: (watched: Database) => Promise<unknown>) {
  const statements: [string, readonly Value[]][] = []
  const watched: Database = {
    ...database,
    query: (text, values = []) => {
      statements.push([text, values])
      return database.query(text, values)
    },
  }
  await work(watched)
  const found = new Set<string>()
  let read = 0
  let tookMs = 0
  for (const [text, values] of statements) {
    const [row] = await database.query<{
      'QUERY PLAN': { Plan: Node; 'Execution Time': number; 'Planning Time': number }[]
    }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values)
    const [plan] = row?.['QUERY PLAN'] ?? []
    tookMs += (plan?.['Execution Time'] ?? 0) + (plan?.['Planning Time'] ?? 0)
    const walk = (node: Node): void => {
      const name = node['Relation Name'] ?? ''
      if (/^trail_(calls|ends)_/.test(name) && (node['Actual Loops'] ?? 0) > 0) {
        found.add(name)
        read +=
          ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 0)
      }
      for (const inner of node.Plans ?? []) walk(inner)
    }
    if (plan !== undefined) walk(plan.Plan)
  }
  if (process.env['POSTERN_PLAN_ROWS'] !== undefined) console.log({ tookMs, found: [...found], read })
  return { found: [...found].filter((name) => !name.endsWith('_default')), share: read / rows }
}

/** Twenty weeks have a twentieth of the rows each. */
const few = 0.1
const range = { from: start + 10 * weekMs + 1000, to: start + 10 * weekMs + 86_400_000 }

describe('of the partitions of a trail', () => {
  test.each<[string, Partial<TrailFilter>]>([
    ['a time', range],
    ['a time and a key', { ...range, keyId }],
    ['a time and a tool', { ...range, tool: 'tool 3' }],
    ['a time and an outcome', { ...range, outcome: 'denied' }],
    [
      'a time and a place in it',
      {
        ...range,
        cursor: Buffer.from(newId(range.to - 1000).replaceAll('-', ''), 'hex').toString('base64url'),
      },
    ],
  ])('a list by %s reads those of that time alone', async (_, filter) => {
    const { found } = await touched((watched) => listTrailQuery(watched).list({ limit: 50, ...filter }))
    // The margin around a time reaches into the week before.
    expect(found.length).toBeLessThanOrEqual(4)
  })

  test.each<[string, Partial<TrailFilter>]>([
    ['nothing', {}],
    ['a key', { keyId }],
    ['a tool', { tool: 'tool 3' }],
    ['when they were recorded', { recordedFrom: end - 600_000 }],
  ])('a list by %s and no time reads few rows', async (_, filter) => {
    expect(
      (await touched((watched) => listTrailQuery(watched).list({ limit: 50, ...filter }))).share,
    ).toBeLessThan(few)
  })

  test('what keys are used for reads those since then', async () => {
    const { share } = await touched((watched) => usageQuery(watched).usage([keyId], end - weekMs))
    expect(share).toBeLessThan(few)
  })

  test('the rows of batches are found without reading the others', async () => {
    const at = new Date(start + 3 * weekMs).toISOString()
    await database.query(
      `INSERT INTO postern.trail_seals (writer, number, boot, calls, ends, root, previous, seal, recorded_at)
       SELECT 'w1', n, 'b', 10, 0, repeat('0', 64), repeat('0', 64), repeat('0', 64), $1 FROM generate_series(1, 5) n`,
      [at],
    )
    const { share } = await touched((watched) =>
      sealedTrailQueries(watched).batches(new Map(), [{ writer: 'w1', number: 5, seal: '' }], 500),
    )
    expect(share).toBeLessThan(few)
  })
})
