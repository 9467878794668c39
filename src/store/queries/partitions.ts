import { lowestIdAt } from '../../domain/id.ts'
import { weekOf, type Partitions } from '../../domain/sealed-trail.ts'
import { StatementFailed } from '../database.ts'
import type { Database, Queries } from '../database.ts'

const weekMs = 7 * 86_400_000
/** Whoever waits for a table's lock holds up all that come after: calls too. */
const impatient = `SET LOCAL lock_timeout = '300ms'; SET LOCAL statement_timeout = '3s'`
/** As many rows are moved out of the default partition while calls that go there wait. */
const mostMoved = 10_000

/** The two tables, with the column that their partitions go by. */
export const trailTables = [
  { table: 'trail_calls', id: 'id' },
  { table: 'trail_ends', id: 'call_id' },
] as const

type TrailTable = (typeof trailTables)[number]

interface Partition {
  name: string
  from: number
  to: number
}

/** What there is of partitions, and whether this role may change them. */
export async function readPartitions(database: Database, now: number): Promise<Partitions> {
  const [row] = await database.query<{ can_change: boolean; has_strays: boolean }>(
    `SELECT pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE') AS can_change,
       EXISTS (SELECT FROM postern.trail_calls_default) OR EXISTS (SELECT FROM postern.trail_ends_default)
         AS has_strays
     FROM pg_class WHERE oid = 'postern.trail_calls'::regclass`,
  )
  const ranges = (await Promise.all(trailTables.map(({ table }) => rangesOf(database, table)))).map((all) =>
    endOf(all, now),
  )
  const until = ranges.includes(null) ? null : Math.min(...ranges.map((end) => end ?? 0))
  return { canChange: row?.can_change === true, until, hasStrays: row?.has_strays === true }
}

/** Makes the partitions of these weeks that are missing; answers how many. */
export async function createPartitions(database: Database, now: number, weeks: number): Promise<number> {
  let made = 0
  for (const kind of trailTables) {
    // One after the other, each with as little under lock as can be.
    /* oxlint-disable no-await-in-loop */
    const ranges = await rangesOf(database, kind.table)
    for (let from = weekOf(now); from < now + weeks * weekMs; from += weekMs)
      if (!ranges.some((range) => range.from < from + weekMs && from < range.to))
        made += Number(await createPartition(database, kind, from))
    /* oxlint-enable no-await-in-loop */
  }
  return made
}

/** Takes partitions that end at or before an instant out of the trail, and then drops them; answers their names. */
export async function dropPartitions(database: Database, before: number): Promise<string[]> {
  for (const { table } of trailTables) {
    // oxlint-disable-next-line no-await-in-loop
    const over = (await rangesOf(database, table)).filter(({ to }) => to <= before)
    for (const { name } of over)
      // Only this is under the lock that calls wait for; the files are removed after it.
      // oxlint-disable-next-line no-await-in-loop
      await database.transaction((queries) =>
        queries.script(`${impatient}; ALTER TABLE postern.${table} DETACH PARTITION postern.${name}`),
      )
  }
  // Those of a run that was cut off in between, too: none is ever made without being attached at once.
  const detached = await database.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c
     WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'postern.trail_calls'::regclass)
       AND c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ '^trail_(calls|ends)_([0-9]{8}|first)$'`,
  )
  // oxlint-disable-next-line no-await-in-loop
  for (const { name } of detached) await database.script(`DROP TABLE IF EXISTS postern.${name}`)
  return detached.map(({ name }) => name)
}

/** False where it is there already, its lock can't be had, or its rows in the default partition are too many to be moved. */
async function createPartition(
  database: Database,
  { table, id }: TrailTable,
  from: number,
): Promise<boolean> {
  const name = `${table}_${new Date(from).toISOString().slice(0, 10).replaceAll('-', '')}`
  const [first, end] = [lowestIdAt(from), lowestIdAt(from + weekMs)]
  const within = `${id} >= '${first}' AND ${id} < '${end}'`
  try {
    return await database.transaction(async (queries) => {
      const strays = await straysOf(queries, table, within)
      if (strays > mostMoved) return false
      await queries.script(`${impatient};
        CREATE TABLE postern.${name} (LIKE postern.${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`)
      if (strays > 0)
        await queries.script(`LOCK TABLE postern.${table}_default IN ACCESS EXCLUSIVE MODE;
          WITH moved AS (DELETE FROM postern.${table}_default WHERE ${within} RETURNING *)
          INSERT INTO postern.${name} SELECT * FROM moved`)
      await queries.script(
        `ALTER TABLE postern.${table} ATTACH PARTITION postern.${name} FOR VALUES FROM ('${first}') TO ('${end}')`,
      )
      return true
    })
  } catch (error) {
    if (error instanceof StatementFailed && isTakenOrBusy.has(error.sqlState)) return false
    throw error
  }
}

/** Another node made it (42P07), or the trail is too busy for the lock just now (55P03): the next tidy-up looks again. */
const isTakenOrBusy: ReadonlySet<string> = new Set(['42P07', '55P03'])

async function straysOf(queries: Queries, table: string, within: string): Promise<number> {
  const [row] = await queries.query<{ count: number }>(
    `SELECT count(*) AS count FROM (
       SELECT FROM postern.${table}_default WHERE ${within} LIMIT ${mostMoved + 1}
     ) strays`,
  )
  return row?.count ?? 0
}

/** All partitions but the default one, by their bounds: names say nothing. */
async function rangesOf(database: Database, table: string): Promise<Partition[]> {
  const rows = await database.query<{ name: string; bound: string }>(
    `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'postern.${table}'::regclass`,
  )
  const ranges: Partition[] = []
  for (const { name, bound } of rows) {
    const [, from, to] = /^FOR VALUES FROM \((.*)\) TO \((.*)\)$/.exec(bound) ?? []
    if (from !== undefined && to !== undefined) ranges.push({ name, from: timeOf(from), to: timeOf(to) })
  }
  return ranges.sort((a, b) => a.from - b.from)
}

/** The time in the first 48 bits of an id. */
function timeOf(bound: string): number {
  const hex = /^'([0-9a-f]{8})-([0-9a-f]{4})-/.exec(bound)
  if (hex === null) return bound === 'MINVALUE' ? -Infinity : Infinity
  return Number.parseInt(`${hex[1]}${hex[2]}`, 16)
}

/** The end of the ranges that hold `now` and follow on each other. */
function endOf(ranges: readonly Partition[], now: number): number | null {
  let end: number | null = null
  for (const { from, to } of ranges) {
    const isNext: boolean = end === null ? from <= now && now < to : from === end
    if (isNext) end = to
  }
  return end
}
