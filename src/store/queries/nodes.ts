import type { NodeReport, NodeStore, SeenNode } from '../../domain/node-store.ts'
import { deploymentId, forgottenAfterMs } from '../../domain/node-store.ts'
import { instant, unavailable } from '../database.ts'
import type { Database } from '../database.ts'

const timeoutMs = 2_000

interface NodeRow {
  epoch: number
  boot: string | null
  id: string
  host: string
  version: string
  applied_epoch: number
  lease_age_ms: number | null
  clock_offset_ms: number | null
  refusing: NodeReport['refusing']
  seen_ms_ago: number
}

/** Statements about the nodes, and the one that ends their refusal after a restore. */
export function nodeQueries(database: Database): NodeStore {
  return {
    report: async (node) => {
      const [row] = await database.query<{ epoch: number; at: number }>(
        `WITH written AS (
           INSERT INTO postern.nodes
             (boot, id, host, version, applied_epoch, lease_age_ms, clock_offset_ms, refusing, seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())
           ON CONFLICT (boot) DO UPDATE SET
             applied_epoch = excluded.applied_epoch, lease_age_ms = excluded.lease_age_ms,
             clock_offset_ms = excluded.clock_offset_ms, refusing = excluded.refusing, seen_at = excluded.seen_at
         )
         SELECT epoch, clock_timestamp() AS at FROM postern.change_counter`,
        [
          node.boot,
          node.id,
          node.host,
          node.version,
          node.appliedEpoch,
          node.leaseAgeMs,
          node.clockOffsetMs,
          node.refusing,
        ],
        { timeoutMs },
      )
      if (row === undefined) throw unavailable('the change counter has no row')
      return row
    },

    leave: async (boot) => {
      await database.query('DELETE FROM postern.nodes WHERE boot = $1', [boot], { timeoutMs })
    },

    // In order, and past those that another removes: nodes tidy at the same time.
    forget: async () => {
      await database.query(
        `DELETE FROM postern.nodes WHERE boot IN (
           SELECT boot FROM postern.nodes WHERE seen_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
           ORDER BY boot FOR UPDATE SKIP LOCKED
         )`,
        [forgottenAfterMs],
        { timeoutMs },
      )
    },

    list: async () => {
      const rows = await database.query<NodeRow>(
        `SELECT c.epoch, n.boot, n.id, n.host, n.version, n.applied_epoch, n.lease_age_ms, n.clock_offset_ms,
           n.refusing, extract(epoch FROM clock_timestamp() - n.seen_at)::float8 * 1000 AS seen_ms_ago
         FROM postern.change_counter c LEFT JOIN postern.nodes n ON true
         ORDER BY n.host, n.id, n.boot`,
        [],
        { timeoutMs },
      )
      const epoch = rows[0]?.epoch
      if (epoch === undefined) throw unavailable('the change counter has no row')
      return {
        epoch,
        nodes: rows.flatMap(({ boot, ...row }) => (boot === null ? [] : [seenNode(boot, row)])),
      }
    },

    acknowledgeRestore: ({ actor, reason, at, atLeast }) =>
      database.transaction(async (queries) => {
        // The lock keeps changes out until this one has its number.
        const [found] = await queries.query<{ before: number }>(
          'SELECT epoch AS before FROM postern.change_counter FOR UPDATE',
        )
        const [nodes] = await queries.query<{ highest: number }>(
          'SELECT coalesce(max(applied_epoch), 0) AS highest FROM postern.nodes',
        )
        if (found === undefined || nodes === undefined) throw unavailable('the change counter has no row')
        const { before } = found
        const highestApplied = Math.max(nodes.highest, before)
        const epoch = Math.max(highestApplied, atLeast) + 1
        await queries.query('UPDATE postern.change_counter SET epoch = $1, restored_epoch = $1', [epoch])
        await queries.query(
          `INSERT INTO postern.changes (epoch, actor, subject_kind, subject_id, what, reason, at)
           VALUES ($1, $2, 'deployment', $3, 'restore-acknowledged', $4, $5)`,
          [epoch, actor, deploymentId, reason, instant(at)],
        )
        return { before, epoch, highestApplied }
      }),
  }
}

function seenNode(boot: string, row: Omit<NodeRow, 'boot'>): SeenNode {
  return {
    boot,
    id: row.id,
    host: row.host,
    version: row.version,
    appliedEpoch: row.applied_epoch,
    leaseAgeMs: row.lease_age_ms,
    clockOffsetMs: row.clock_offset_ms,
    refusing: row.refusing,
    seenMsAgo: row.seen_ms_ago,
  }
}
