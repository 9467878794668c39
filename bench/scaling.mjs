import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { createChains } from '../dist/audit/chain.js'
import { newId } from '../dist/domain/id.js'
import { openPostgres } from '../dist/store/store.js'
import { check, machine } from './measure.mjs'
import { fitLine, loadOf, mostCallsANode } from './scaling-model.mjs'
import { plot } from './scaling-plot.mjs'

const batchSizes = [1, 4, 16, 64, 256, 512]
const measuredRows = 40_000
const mostBatches = 4_000
const statements = 8_000
const usesABatch = 64
const useBatches = 400
const node = {
  id: randomUUID(),
  boot: randomUUID(),
  host: 'bench',
  version: '0.0.0',
  appliedEpoch: 0,
  leaseAgeMs: 100,
  clockOffsetMs: 0,
  refusing: null,
}
const calls = [100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6]
const nodeCounts = [1, 10, 100, 1000]
const keys = 10_000
const page = fileURLToPath(new URL('../docs/scaling.md', import.meta.url))
const picture = fileURLToPath(new URL('../docs/scaling.svg', import.meta.url))

/** Measures what a poll, a lookup and a batch cost a real Postgres, and writes the figures of `docs/scaling.md`. */
export async function benchScaling({ postgres }) {
  check(
    process.platform === 'linux',
    'the CPU time of Postgres is read from /proc, which is there on Linux only',
  )
  const constants = await measured(await postgres.createDatabase('scaling'))
  const text = await readFile(page, 'utf8')
  await writeFile(page, replaced(text, report(constants)))
  await writeFile(picture, drawn(constants))
  console.log(report(constants))
  return []
}

async function measured(connectionString) {
  const store = openPostgres({ connectionString, schema: 'postern' })
  const client = new pg.Client({ connectionString })
  try {
    await store.migrate()
    await client.connect()
    const own = await backendOf(client)
    const cpu = () => cpuMicrosOfOthers(own)
    const costOf = async (count, work) => {
      for (let warm = 0; warm < 50; warm++) await work()
      const before = cpu()
      for (let done = 0; done < count; done++) await work()
      return (cpu() - before) / count
    }
    const pollMicros = await costOf(statements, () => store.lookups.poll(Number.MAX_SAFE_INTEGER))
    const digest = Buffer.alloc(32, 7)
    const lookupMicros = await costOf(statements, () => store.lookups.lookup([digest]))
    const beatMicros = await costOf(statements, () => store.nodes.report(node))
    return { pollMicros, lookupMicros, beatMicros, ...(await measuredTrail({ store, client, cpu })) }
  } finally {
    await Promise.all([store.close(), client.end()])
  }
}

/** Batches of several sizes, one after another as one node sends them, and the lines through what they took. */
async function measuredTrail({ store, client, cpu }) {
  const write = trailWriter(store)
  await write(64)
  const micros = []
  const walBytes = []
  const tookMs = []
  const { rows: before } = await sizes(client)
  let rows = 0
  for (const size of batchSizes) {
    const count = Math.min(mostBatches, Math.ceil(measuredRows / size))
    const cpuBefore = cpu()
    const walBefore = await walPosition(client)
    const startedAt = performance.now()
    for (let done = 0; done < count; done++) await write(size)
    tookMs.push([size, (performance.now() - startedAt) / count])
    micros.push([size, (cpu() - cpuBefore) / count])
    walBytes.push([size, ((await walPosition(client)) - walBefore) / count])
    rows += count * size
  }
  const { rows: after } = await sizes(client)
  const useMicros = await measuredUses({ client, cpu, write })
  const cost = fitLine(micros)
  const wal = fitLine(walBytes)
  const commit = fitLine(tookMs)
  return {
    batchMicros: cost.base,
    rowMicros: cost.slope,
    useMicros,
    batchWalBytes: wal.base,
    rowWalBytes: wal.slope,
    rowDiskBytes: (Number(after[0].bytes) - Number(before[0].bytes)) / rows,
    commitMs: commit.base,
    rowCommitMs: commit.slope,
  }
}

/** What it costs to note the last use of a key, by batches of 64 rows with and without 64 of them. */
async function measuredUses({ client, cpu, write }) {
  const { rows } = await client.query(
    `WITH owner AS (
       INSERT INTO postern.service_users (id, name, owner, created_by, created_at)
       VALUES (gen_random_uuid(), 'bench', 'bench@example.com', 'bench', now()) RETURNING id
     )
     INSERT INTO postern.service_api_keys (
       id, service_user_id, hashed_token, expires_at, start, name, grants, created_by, created_at)
     SELECT gen_random_uuid(), owner.id, sha256(n::text::bytea), now() + interval '180 days', 'pst_ab12', 'bench',
            '{}', 'bench', now()
     FROM owner, generate_series(1, ${usesABatch}) n RETURNING id`,
  )
  const costOf = async (usesAt) => {
    const before = cpu()
    for (let done = 0; done < useBatches; done++)
      await write(usesABatch, usesAt && new Map(rows.map(({ id }) => [id, usesAt + done])))
    return (cpu() - before) / useBatches
  }
  const without = await costOf(null)
  const withUses = await costOf(Date.now())
  return Math.max(0, (withUses - without) / usesABatch)
}

/** Answers a function that writes a batch of so many calls, of one key and five tools, as the recorder does. */
function trailWriter(store) {
  const [writer, boot, keyId, serviceUserId] = [
    randomUUID(),
    randomUUID(),
    newId(Date.now()),
    newId(Date.now()),
  ]
  const chain = createChains(boot)(writer)
  let sequence = 0
  const call = () => {
    const at = Date.now()
    return {
      id: newId(at),
      writer,
      boot,
      sequence: ++sequence,
      at,
      requestId: newId(at),
      credentialKind: 'service-key',
      keyId,
      serviceUserId,
      principal: null,
      grantsDigest: 'A'.repeat(43),
      traceId: randomUUID().replaceAll('-', ''),
      argumentsHmac: null,
      httpMethod: 'POST',
      path: '/mcp',
      method: 'tools/call',
      tool: `tool_${sequence % 5}`,
      outcome: 'succeeded',
      reason: null,
      status: 200,
      durationMs: 12.345,
      rpcCode: null,
      isToolError: false,
      clientAddress: '192.0.2.1',
      userAgent: 'postern-bench/1.0',
      count: 1,
      lastAt: at,
    }
  }
  return (size, lastUsed = null) =>
    store.trail.append({
      calls: Array.from({ length: size }, call),
      ends: [],
      lastUsed: lastUsed ?? new Map(),
      chain,
    })
}

function sizes(client) {
  return client.query(
    `SELECT sum(pg_total_relation_size(c.oid)) AS bytes FROM pg_class c
     WHERE c.relnamespace = 'postern'::regnamespace AND c.relkind IN ('r', 'm') AND c.relname LIKE 'trail%'`,
  )
}

async function walPosition(client) {
  const { rows } = await client.query(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes`)
  return Number(rows[0].bytes)
}

/** The process of this connection, which only measures, and its parent: the server's first process. */
async function backendOf(client) {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  return { pid: rows[0].pid, parent: statOf(rows[0].pid).parent }
}

/** CPU time, in microseconds, of all the server's processes but the one that measures: backends, writers, checkpointer. */
function cpuMicrosOfOthers(own) {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name) || Number(name) === own.pid) continue
    const stat = statOf(name)
    if (stat !== null && stat.parent === own.parent) ticks += stat.ticks
  }
  return ticks * 10_000
}

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null
  }
}

/** The part of the page between its two marks. */
function replaced(text, figures) {
  const [start, end] = ['<!-- figures: npm run bench -- scaling -->', '<!-- end of figures -->']
  const from = text.indexOf(start)
  const to = text.indexOf(end)
  check(from >= 0 && to > from, 'docs/scaling.md has no place for the figures')
  return `${text.slice(0, from + start.length)}\n\n${figures}\n${text.slice(to)}`
}

function report(constants) {
  const { pollMicros, beatMicros, lookupMicros, batchMicros, rowMicros, useMicros } = constants
  const idle = loadOf(constants, { nodes: 1, calls: 1, keys: 0 }).idleCores
  const rate = (value) => Math.round(value).toLocaleString('en')
  const loads = nodeCounts.flatMap((nodes) =>
    [1e3, 1e4, 1e5, 1e6].flatMap((each) => {
      const load = loadOf(constants, { nodes, calls: each, keys })
      const cells = [
        ...[rate(nodes), rate(each), load.rowsABatch.toFixed(load.rowsABatch < 10 ? 1 : 0)],
        ...[rate(load.commitsASecond), load.cores.toFixed(load.cores < 10 ? 2 : 0)],
        ...[(load.walBytesASecond / 2 ** 20).toFixed(1), rate(load.diskBytesADay / 2 ** 30)],
        rate(load.connections),
      ]
      return load.isCarried ? [`| ${cells.join(' | ')} |`] : []
    }),
  )
  return `Measured on ${machine()}; CPU of all of Postgres's processes.

| what | costs the database |
|---|---:|
| a poll (5 a second and node) | ${pollMicros.toFixed(0)} CPU-µs |
| a node's own row (each 5 s) | ${beatMicros.toFixed(0)} CPU-µs |
| a node that does nothing else | ${(idle * 1e6).toFixed(0)} CPU-µs a second: ${(idle * 100).toFixed(2)} % of a core |
| looking up a key (once a minute, key and node) | ${lookupMicros.toFixed(0)} CPU-µs |
| a batch of the trail, its seal and roll-ups | ${batchMicros.toFixed(0)} CPU-µs, and ${rowMicros.toFixed(1)} for each row |
| noting a key's last use (once a second, key and node) | ${useMicros.toFixed(0)} CPU-µs |
| write-ahead log | ${rate(constants.batchWalBytes)} bytes a batch, and ${rate(constants.rowWalBytes)} a row |
| disk | ${rate(constants.rowDiskBytes)} bytes a row, with all indexes |
| a commit, from send to answer | ${constants.commitMs.toFixed(2)} ms, and ${(constants.rowCommitMs * 1000).toFixed(1)} µs for each row |
| the most that one node's batches carry | ${rate(mostCallsANode(constants))} calls a second |

A thousand calls more a second, by what the node's batches hold: ${[1, 16, 64, 512]
    .map(
      (rows) =>
        `${((1000 / rows) * (batchMicros / 1e6) + (1000 * rowMicros) / 1e6).toFixed(3)} cores at ${rows}`,
    )
    .join(', ')} rows a batch.

| nodes | calls a second | rows a batch | commits a second | database cores | WAL, MiB/s | disk, GiB a day | connections |
|---:|---:|---:|---:|---:|---:|---:|---:|
${loads.join('\n')}

With ${rate(keys)} keys in use, spread evenly over nodes and time, and one commit as fast as on this machine; rows that one
node's batches can't carry are left out.
`
}

const colors = ['#0969da', '#1a7f37', '#bf8700', '#cf222e']

function drawn(constants) {
  const series = nodeCounts.map((nodes, at) => ({
    name: nodes === 1 ? '1 node' : `${nodes.toLocaleString('en')} nodes`,
    color: colors[at],
    points: calls.flatMap((each) => {
      const load = loadOf(constants, { nodes, calls: each, keys })
      return load.isCarried ? [[each, load.cores]] : []
    }),
  }))
  return plot({
    title: 'What the trail, the polls and the lookups cost the database',
    subtitle: `Computed from what one poll, lookup, batch and row cost on the machine named in the text; ${keys.toLocaleString('en')} keys in use`,
    x: { name: 'calls a second, all nodes together', from: 100, to: 1e6 },
    y: { name: 'cores of the database', from: 0.01, to: 1000 },
    series,
    limits: [
      { name: '4 cores', y: 4 },
      { name: '64 cores: about as large as one Postgres gets by itself', y: 64 },
    ],
  })
}
