import type { SignedCheckpoint } from '../../domain/checkpoint.ts'
import type { CheckpointStore } from '../../domain/sealed-trail.ts'
import { instant } from '../database.ts'
import type { Database } from '../database.ts'

const columns = 'text, signature, key'

/** Statements about checkpoints. */
export function checkpointQueries(database: Database): CheckpointStore {
  return {
    moment: async () => {
      const [row] = await database.query<{ epoch: number; restored_epoch: number; now: number }>(
        'SELECT epoch, restored_epoch, clock_timestamp()::timestamptz(3) AS now FROM postern.change_counter',
      )
      return { epoch: row?.epoch ?? 0, restoredEpoch: row?.restored_epoch ?? 0, now: row?.now ?? 0 }
    },

    newest: async () => {
      const [row] = await database.query<SignedCheckpoint>(
        `SELECT ${columns} FROM postern.trail_checkpoints ORDER BY number DESC LIMIT 1`,
      )
      return row ?? null
    },

    newestAt: async (at) => {
      const [row] = await database.query<SignedCheckpoint>(
        `SELECT ${columns} FROM postern.trail_checkpoints WHERE at <= $1 ORDER BY number DESC LIMIT 1`,
        [instant(at)],
      )
      return row ?? null
    },

    after: (number, limit) =>
      database.query<SignedCheckpoint>(
        `SELECT ${columns} FROM postern.trail_checkpoints WHERE number > $1 ORDER BY number LIMIT $2`,
        [number, limit],
      ),

    fullAt: async (number) => {
      const [row] = await database.query<SignedCheckpoint>(
        `SELECT ${columns} FROM postern.trail_checkpoints WHERE is_full AND number <= $1 ORDER BY number DESC LIMIT 1`,
        [number],
      )
      return row ?? null
    },

    add: async ({ number, at, full }, { text, signature, key }) => {
      const rows = await database.query(
        `INSERT INTO postern.trail_checkpoints (number, at, is_full, ${columns}) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING RETURNING 1`,
        [number, instant(at), full, text, signature, key],
      )
      return rows.length === 1
    },
  }
}
