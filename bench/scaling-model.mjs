/**
 * What nodes and calls cost the database they share, from measured constants. Pure; all times in microseconds or
 * milliseconds as named, rates a second.
 *
 * @typedef {object} Constants What `scaling.mjs` measures on one machine.
 * @property {number} pollMicros CPU of Postgres for one poll of one node
 * @property {number} beatMicros CPU of Postgres for a node's own row, written every five seconds
 * @property {number} lookupMicros … for one statement that looks up one key
 * @property {number} batchMicros … for one batch of the trail, whatever it holds
 * @property {number} rowMicros … and for each row in it
 * @property {number} useMicros … for noting a key's last use, along with a batch
 * @property {number} batchWalBytes write-ahead log for one batch
 * @property {number} rowWalBytes … and for each row in it
 * @property {number} rowDiskBytes tables and indexes, for each row
 * @property {number} commitMs from a batch's send to its answer: one row
 * @property {number} rowCommitMs … and for each row more
 */

/** As in `verify/lease.ts`, `verify/key-cache.ts`, `audit/batches.ts` and `store/postgres.ts`. */
export const settings = {
  pollsASecond: 5,
  beatsASecond: 1 / 5,
  keyLifeSeconds: 60,
  maxBatchRows: 512,
  connectionsANode: 6,
}

/**
 * The load on the database of `nodes` nodes that take `calls` calls a second by `keys` different keys, evenly.
 * A node has one batch in flight, so its rows wait for the batch before: the faster they come, the fuller it is.
 */
export function loadOf(constants, { nodes, calls, keys }) {
  const callsANode = calls / nodes
  const rows = rowsABatch(constants, callsANode)
  const batches = nodes * Math.min(callsANode / rows, callsANode)
  const lookups = (nodes * Math.min(keys, callsANode * settings.keyLifeSeconds)) / settings.keyLifeSeconds
  // Of calls that come evenly, so many different keys have one within a second.
  const uses = nodes * keys * (1 - Math.exp(-callsANode / Math.max(1, keys)))
  const idleMicros =
    nodes * (settings.pollsASecond * constants.pollMicros + settings.beatsASecond * constants.beatMicros)
  const micros =
    idleMicros +
    lookups * constants.lookupMicros +
    uses * constants.useMicros +
    batches * constants.batchMicros +
    calls * constants.rowMicros
  return {
    rowsABatch: rows,
    commitsASecond: batches,
    lookupsASecond: lookups,
    usesASecond: uses,
    idleCores: idleMicros / 1e6,
    cores: micros / 1e6,
    walBytesASecond: batches * constants.batchWalBytes + calls * constants.rowWalBytes,
    diskBytesADay: calls * constants.rowDiskBytes * 86_400,
    connections: nodes * settings.connectionsANode,
    /** Whether one batch in flight carries what a node takes. */
    isCarried: callsANode <= mostCallsANode(constants),
  }
}

/** The calls a second at which a node's batches are full and follow each other without a pause. */
export function mostCallsANode({ commitMs, rowCommitMs }) {
  return (1000 * settings.maxBatchRows) / (commitMs + settings.maxBatchRows * rowCommitMs)
}

/** Rows that came while the batch before was under way: r = calls × (commit + r × row), with one row at least. */
function rowsABatch({ commitMs, rowCommitMs }, callsANode) {
  const perMs = callsANode / 1000
  const left = 1 - perMs * rowCommitMs
  const rows = left <= 0 ? settings.maxBatchRows : (perMs * commitMs) / left
  return Math.min(settings.maxBatchRows, Math.max(1, rows))
}

/** The straight line through the points, by least squares: `{ base, slope }`, neither below nothing. */
export function fitLine(points) {
  const count = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = Math.max(0, over / under)
  return { base: Math.max(0, meanY - slope * meanX), slope }
}
