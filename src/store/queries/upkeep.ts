import { setTimeout as pause } from 'node:timers/promises'
import type { Head } from '../../domain/checkpoint.ts'
import { lowestIdAt } from '../../domain/id.ts'
import { leafOfCall, leafOfEnd } from '../../domain/seal.ts'
import type { TrailUpkeep } from '../../domain/sealed-trail.ts'
import { bigintArray, textArray, uuidArray } from '../array.ts'
import { instant } from '../database.ts'
import type { Database } from '../database.ts'
import { createPartitions, dropPartitions, readPartitions, trailTables } from './partitions.ts'
import { callColumns, callOf, endColumns, endOf, type CallColumns, type EndColumns } from './sealed-rows.ts'

/** Rows that one statement deletes, and the time that it leaves to others after it. */
const rowsEach = 500
const pauseMs = 20
/** After so many a pass is over, and the next one goes on. */
const rowsAtOnce = 50_000
const leavesEach = 2_000

/** How the trail's tables are kept in shape. */
export function upkeepQueries(database: Database): TrailUpkeep {
  const isPartitioned = database.engine === 'postgres'

  async function deleteRows(table: string, condition: string, values: string[]): Promise<number> {
    const rows = await database.query(
      `DELETE FROM postern.${table} WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM postern.${table} WHERE ${condition} LIMIT ${rowsEach}
       )) RETURNING 1`,
      values,
    )
    return rows.length
  }

  return {
    partitions: async () => (isPartitioned ? await readPartitions(database, await nowOf(database)) : null),

    createAhead: async (now, weeks) => (isPartitioned ? await createPartitions(database, now, weeks) : 0),

    keepLeaves: async (before, covered, recordedFrom) => {
      // Embedded, the range of ids is the short one, and of the two indexes only one may be used.
      const recorded = isPartitioned ? 'r.recorded_at' : "r.recorded_at + interval '0 s'"
      let kept = 0
      for (const { table, id } of trailTables) {
        let after = lowestIdAt(0)
        for (;;) {
          // In order of ids, as pages of a download are.
          // oxlint-disable-next-line no-await-in-loop
          const rows = await database.query<CallColumns & EndColumns>(
            `WITH late AS MATERIALIZED (
               SELECT * FROM postern.${table} r WHERE r.${id} < $3 AND r.${id} > $4 AND ${recorded} >= $5
             )
             SELECT ${table === 'trail_calls' ? callColumns : endColumns} FROM late r
             LEFT JOIN unnest($1::text[], $2::bigint[]) AS covered (writer, number) ON covered.writer = r.writer
             WHERE r.batch > coalesce(covered.number, 0)
             ORDER BY r.${id} LIMIT ${leavesEach}`,
            [...placesOf(covered), lowestIdAt(before), after, instant(recordedFrom)],
            { timeoutMs: 120_000 },
          )
          // oxlint-disable-next-line no-await-in-loop
          await insertLeaves(database, table === 'trail_calls' ? 'call' : 'end', rows)
          kept += rows.length
          const last = rows.at(-1)
          if (last === undefined || rows.length < leavesEach) break
          after = table === 'trail_calls' ? last.id : last.call_id
        }
      }
      return kept
    },

    drop: async (before, isStopped) => {
      const tables = isPartitioned ? await dropPartitions(database, before) : []
      let rows = 0
      const suffix = isPartitioned ? '_default' : ''
      const steps: [string, string, string][] = [
        // Ends first: one without its call would be counted for nothing.
        ...trailTables
          .toReversed()
          .map(({ table, id }): [string, string, string] => [
            table + suffix,
            `${id} < $1`,
            lowestIdAt(before),
          ]),
        ['usage_hourly', 'hour < $1', instant(before)],
        ['usage_daily', 'day < $1::timestamptz::date', instant(before)],
      ]
      for (const [table, condition, value] of steps)
        for (;;) {
          if (isStopped() || rows >= rowsAtOnce) return { tables, rows, isOver: false }
          // oxlint-disable-next-line no-await-in-loop
          const deleted = await deleteRows(table, condition, [value])
          rows += deleted
          if (deleted < rowsEach) break
          // oxlint-disable-next-line no-await-in-loop
          await pause(pauseMs)
        }
      // Embedded, nothing else gives the room of deleted rows to new ones. 0.2 s for 300,000 rows, once a week.
      if (!isPartitioned && rows > 0)
        for (const [table] of steps) {
          // oxlint-disable-next-line no-await-in-loop
          await database.script(`VACUUM postern.${table}`)
          // oxlint-disable-next-line no-await-in-loop
          await pause(pauseMs)
        }
      return { tables, rows, isOver: true }
    },
  }
}

async function nowOf(database: Database): Promise<number> {
  const [row] = await database.query<{ now: number }>('SELECT now() AS now')
  return row?.now ?? 0
}

function placesOf(heads: readonly Omit<Head, 'seal'>[]) {
  return [textArray(heads.map(({ writer }) => writer)), bigintArray(heads.map(({ number }) => number))]
}

async function insertLeaves(
  database: Database,
  kind: 'call' | 'end',
  rows: readonly (CallColumns & EndColumns)[],
): Promise<void> {
  if (rows.length === 0) return
  const leaves = rows.map((row) =>
    kind === 'call'
      ? { id: row.id, leaf: leafOfCall(callOf(row)) }
      : { id: row.call_id, leaf: leafOfEnd(endOf(row)) },
  )
  await database.query(
    `INSERT INTO postern.trail_leaves (writer, number, kind, id, leaf)
     SELECT writer, number, $5, id, leaf
     FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[]) AS kept (writer, number, id, leaf)
     ON CONFLICT DO NOTHING`,
    [
      textArray(rows.map(({ writer }) => writer)),
      bigintArray(rows.map(({ batch }) => batch)),
      uuidArray(leaves.map(({ id }) => id)),
      textArray(leaves.map(({ leaf }) => leaf)),
      kind,
    ],
  )
}
