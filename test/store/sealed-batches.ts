import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import { noSeal, rootOfRows, sealOf, type SealRecord } from '../../src/domain/seal.ts'
import type { Database } from '../../src/store/database.ts'

/** Writes sealed batches straight into the tables, at any time that a test likes. */
export function sealedWriter(database: Database, writer: string) {
  let previous = noSeal
  let number = 0
  return async (calls: CallRecord[], ends: EndRecord[], recordedAt: number): Promise<SealRecord> => {
    number++
    const mine = calls.map((call) => ({ ...call, writer }))
    const fields = { writer, number, boot: 'boot', calls: calls.length, ends: ends.length }
    const unsealed = { ...fields, root: rootOfRows(mine, ends), previous }
    const seal = { ...unsealed, seal: sealOf(unsealed) }
    previous = seal.seal
    const at = new Date(recordedAt).toISOString()
    const instants = ['at', 'last_at']
    const columns = (row: object) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]: [string, unknown]) => {
          const column = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
          return [column, instants.includes(column) ? new Date(Number(value)).toISOString() : value]
        }),
      )
    const rows = (all: object[]) =>
      JSON.stringify(all.map((row) => ({ ...columns(row), writer, batch: number, recorded_at: at })))
    await database.query(
      `WITH calls AS (
         INSERT INTO postern.trail_calls SELECT * FROM jsonb_populate_recordset(NULL::postern.trail_calls, $1::jsonb)
       ), ends AS (
         INSERT INTO postern.trail_ends SELECT * FROM jsonb_populate_recordset(NULL::postern.trail_ends, $2::jsonb)
       )
       INSERT INTO postern.trail_seals (writer, number, boot, calls, ends, root, previous, seal, recorded_at)
       VALUES ($3, $4, 'boot', $5, $6, $7, $8, $9, $10)`,
      [
        rows(mine),
        rows(ends),
        writer,
        number,
        calls.length,
        ends.length,
        seal.root,
        seal.previous,
        seal.seal,
        at,
      ],
    )
    return seal
  }
}
