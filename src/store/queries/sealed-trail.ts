import type { Head } from '../../domain/checkpoint.ts'
import type { SealRecord } from '../../domain/seal.ts'
import type { GoneRow, SealedBatch, SealedTrail, StrayRow } from '../../domain/sealed-trail.ts'
import { bigintArray, textArray } from '../array.ts'
import { instant } from '../database.ts'
import type { Database, Value } from '../database.ts'
import { callColumns, callOf, endColumns, endOf, type CallColumns, type EndColumns } from './sealed-rows.ts'

/** Writers that are read from at once, and the seals that are read at once. */
const mostWriters = 256
const mostSeals = 512

interface SealRow {
  writer: string
  number: number
  boot: string
  calls: number
  ends: number
  root: string
  previous: string
  seal: string
  recorded_at: number
}

const sealColumns = 's.writer, s.number, s.boot, s.calls, s.ends, s.root, s.previous, s.seal, s.recorded_at'
const headColumns = 's.writer, s.number, s.seal'

/** The trail batch by batch, with its seals. */
export function sealedTrailQueries(database: Database): SealedTrail {
  async function nextSeals(from: ReadonlyMap<string, number>, to: readonly Head[]): Promise<SealRow[]> {
    const pending = to.filter(({ writer, number }) => number > (from.get(writer) ?? 0)).slice(0, mostWriters)
    if (pending.length === 0) return []
    const each = Math.max(1, Math.floor(mostSeals / pending.length))
    const rows = await database.query<SealRow>(
      `SELECT ${sealColumns}
       FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w (writer, after, last), LATERAL (
         SELECT * FROM postern.trail_seals
         WHERE writer = w.writer AND number > w.after AND number <= w.last ORDER BY number LIMIT $4
       ) s ORDER BY s.recorded_at, s.writer, s.number`,
      [
        textArray(pending.map(({ writer }) => writer)),
        bigintArray(pending.map(({ writer }) => from.get(writer) ?? 0)),
        bigintArray(pending.map(({ number }) => number)),
        each,
      ],
    )
    return upToTheSameTime(rows, each)
  }

  return {
    heads: () =>
      database.query<Head>(
        // From one writer to the next over the index, however many seals each of them has.
        `WITH RECURSIVE known (writer) AS (
           SELECT min(writer) FROM postern.trail_seals
           UNION ALL
           SELECT (SELECT min(s.writer) FROM postern.trail_seals s WHERE s.writer > known.writer)
           FROM known WHERE known.writer IS NOT NULL
         )
         SELECT ${headColumns} FROM known, LATERAL (
           SELECT * FROM postern.trail_seals l WHERE l.writer = known.writer ORDER BY l.number DESC LIMIT 1
         ) s ORDER BY s.writer`,
      ),

    sealsAt: (places) =>
      database.query<Head>(
        `SELECT ${headColumns} FROM postern.trail_seals s
         JOIN unnest($1::text[], $2::bigint[]) AS asked (writer, number)
           ON asked.writer = s.writer AND asked.number = s.number`,
        placesOf(places),
      ),

    strays: (from, to, limit) =>
      database.query<StrayRow>(
        `${straysOf('call', 'trail_calls', 'r.id')} UNION ALL ${straysOf('end', 'trail_ends', 'r.call_id')} LIMIT $3`,
        [instant(from), instant(to), limit],
        { timeoutMs: 120_000 },
      ),

    batches: async (from, to, mostRows) => {
      const seals = firstWith(mostRows, await nextSeals(from, to))
      if (seals.length === 0) return []
      const places = placesOf(seals)
      const times = seals.map((seal) => seal.recorded_at)
      const window: Value[] = [...places, instant(Math.min(...times)), instant(Math.max(...times))]
      const [calls, ends, gone] = await Promise.all([
        database.query<CallColumns>(rowsOf('trail_calls', callColumns, 'r.id'), window),
        database.query<EndColumns>(rowsOf('trail_ends', endColumns, 'r.call_id'), window),
        database.query<GoneRow & { writer: string; number: number }>(
          `SELECT l.writer, l.number, l.kind, l.id, l.leaf FROM postern.trail_leaves l
           JOIN unnest($1::text[], $2::bigint[]) AS s (writer, number) ON s.writer = l.writer AND s.number = l.number
           ORDER BY l.kind, l.id`,
          places,
        ),
      ])
      const batches = new Map(seals.map((row) => [nameOf(row.writer, row.number), batchOf(row)]))
      for (const row of calls) batches.get(nameOf(row.writer, row.batch))?.calls.push(callOf(row))
      for (const row of ends) batches.get(nameOf(row.writer, row.batch))?.ends.push(endOf(row))
      for (const { writer, number, ...row } of gone) batches.get(nameOf(writer, number))?.gone.push(row)
      return [...batches.values()]
    },
  }
}

/** By when they were recorded: that has an index, and all rows of a batch have the time of its seal. */
function rowsOf(table: string, columns: string, id: string): string {
  return `SELECT ${columns} FROM postern.${table} r
    JOIN unnest($1::text[], $2::bigint[]) AS s (writer, number) ON s.writer = r.writer AND s.number = r.batch
    WHERE r.recorded_at BETWEEN $3 AND $4 ORDER BY ${id}`
}

function straysOf(kind: string, table: string, id: string): string {
  return `SELECT '${kind}' AS kind, ${id} AS id, r.writer, r.batch FROM postern.${table} r
    WHERE r.recorded_at >= $1 AND r.recorded_at < $2 AND NOT EXISTS (
      SELECT FROM postern.trail_seals s
      WHERE s.writer = r.writer AND s.number = r.batch AND s.recorded_at = r.recorded_at
    )`
}

/**
 * Cut where the first writer's rows break off, so that what is read of the trail next is one stretch of time, and the
 * same for all writers. Each keeps its beginning.
 */
function upToTheSameTime(rows: readonly SealRow[], each: number): SealRow[] {
  const read = new Map<string, number>()
  let end = Infinity
  for (const { writer, recorded_at: at } of rows) {
    const count = (read.get(writer) ?? 0) + 1
    read.set(writer, count)
    if (count === each) end = Math.min(end, at)
  }
  const stopped = new Set<string>()
  return rows.filter(({ writer, recorded_at }) => {
    if (recorded_at > end) stopped.add(writer)
    return !stopped.has(writer)
  })
}

function firstWith(mostRows: number, seals: readonly SealRow[]): SealRow[] {
  let rows = 0
  const end = seals.findIndex(({ calls, ends }, index) => {
    rows += calls + ends
    return index > 0 && rows > mostRows
  })
  return end === -1 ? [...seals] : seals.slice(0, end)
}

function placesOf(places: readonly { writer: string; number: number }[]): [Value, Value] {
  return [textArray(places.map(({ writer }) => writer)), bigintArray(places.map(({ number }) => number))]
}

/** A writer may have any name, so it comes last. */
function nameOf(writer: string, number: number): string {
  return `${number} ${writer}`
}

function batchOf({ recorded_at: recordedAt, ...row }: SealRow): SealedBatch {
  const seal: SealRecord = {
    writer: row.writer,
    number: row.number,
    boot: row.boot,
    calls: row.calls,
    ends: row.ends,
    root: row.root,
    previous: row.previous,
    seal: row.seal,
  }
  return { seal, recordedAt, calls: [], ends: [], gone: [] }
}
