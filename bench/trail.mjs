import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { newId } from '../dist/domain/id.js'
import { startInstance } from './instance.mjs'
import { check, cpuMicros, figure, ratio } from './measure.mjs'

const rounds = 7
const roundMs = 1500
const warmUpMs = 1000
const callers = 64
const tunedConnections = 16

/** Rows a second into the trail, each caller waiting for its row's durable commit, against one INSERT a call. */
export async function benchTrail({ postgres, directory }) {
  const database = await postgres.createDatabase('trail')
  const batched = await recorderOn({ database, directory, name: 'trail' })
  const embedded = await recorderOn({ database: null, directory, name: 'trail-embedded' })
  const plain = await insertOn(database, { prepared: false })
  const tuned = await insertOn(database, { prepared: true, max: tunedConnections })
  const contenders = { batched, plain, tuned, embedded }
  const results = { batched: [], plain: [], tuned: [], embedded: [] }
  const rowsBefore = await plain.count()
  let rows = 0
  try {
    await plain.checkDurability()
    for (let round = 0; round <= rounds; round++) {
      for (const [name, contender] of Object.entries(contenders)) {
        const measured = await rowsASecond(contender.write, round === 0 ? warmUpMs : roundMs)
        if (name !== 'embedded') rows += measured.rows
        if (round > 0) results[name].push(measured)
      }
    }
    const counted = (await plain.count()) - rowsBefore
    check(counted === rows, `${counted} rows for ${rows} calls`)
  } finally {
    await plain.close()
    await tuned.close()
    await batched.close()
    await embedded.close()
  }

  const rates = (name) => results[name].map((each) => each.perSecond)
  const micros = (name) => results[name].map((each) => each.cpuMicros)
  const waits = (name) => results[name].map((each) => each.waitMs)
  return [
    figure(`trail, ${callers} callers, Postgres`, 'rows/s', rates('batched')),
    figure('one INSERT a call, the driver’s defaults', 'rows/s', rates('plain')),
    figure(`one INSERT a call, prepared, ${tunedConnections} connections`, 'rows/s', rates('tuned')),
    ratio('trail : one INSERT a call', rates('batched'), rates('plain'), { atLeast: 7 }),
    ratio('trail : one INSERT a call, prepared', rates('batched'), rates('tuned')),
    figure('trail, wait for the commit, p99', 'ms', waits('batched')),
    figure('one INSERT a call, p99', 'ms', waits('plain')),
    figure('one INSERT a call, prepared, p99', 'ms', waits('tuned')),
    figure('trail, Postgres', 'CPU-µs', micros('batched')),
    figure('one INSERT a call', 'CPU-µs', micros('plain')),
    figure('one INSERT a call, prepared', 'CPU-µs', micros('tuned')),
    figure(`trail, ${callers} callers, embedded (no power loss)`, 'rows/s', rates('embedded')),
  ]
}

async function rowsASecond(write, ms) {
  let rows = 0
  let unsafe = 0
  const waits = []
  const cpuBefore = cpuMicros()
  const before = performance.now()
  const until = before + ms
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) {
        const asked = performance.now()
        if (!(await write())) unsafe++
        waits.push(performance.now() - asked)
        rows++
      }
    }),
  )
  check(unsafe === 0, `${unsafe} rows were not safe in time`)
  const seconds = (performance.now() - before) / 1000
  const cpu = cpuMicros() - cpuBefore
  waits.sort((a, b) => a - b)
  return {
    rows,
    perSecond: rows / seconds,
    cpuMicros: cpu / rows,
    waitMs: waits[Math.floor(rows * 0.99)],
  }
}

const finish = { outcome: 'succeeded', reason: null, status: 200, durationMs: 12.345 }

function draft(keyId, serviceUserId) {
  const at = Date.now()
  return {
    at,
    requestId: newId(at),
    credentialKind: 'service-key',
    keyId,
    serviceUserId,
    principal: null,
    grantsDigest: null,
    traceId: null,
    argumentsHmac: null,
    httpMethod: 'POST',
    path: '/mcp',
    method: 'tools/call',
    tool: 'list_channels',
    clientAddress: '127.0.0.1',
    userAgent: 'postern-bench/1.0',
  }
}

async function recorderOn(where) {
  const { postern, recorder, user } = await startInstance(where)
  const { key } = await postern.keys.issue({ serviceUser: user.id }, 'bench')
  return {
    async write() {
      const begun = await recorder.begin([draft(key.key.id, user.id)], 'strict')
      return begun.finish(finish)
    },
    close: () => postern.close(),
  }
}

const columns = [
  ...['id', 'writer', 'boot', 'sequence', 'at', 'request_id', 'credential_kind', 'key_id', 'service_user_id'],
  ...['http_method', 'path', 'method', 'tool', 'outcome', 'reason', 'status', 'duration_ms'],
  ...['client_address', 'user_agent', 'count', 'last_at'],
]

/** The same row into the same table, as it is done by hand: an INSERT from a pool, awaited. */
async function insertOn(database, { prepared, ...options }) {
  const pool = new pg.Pool({ connectionString: database, ...options })
  const writer = randomUUID()
  const boot = randomUUID()
  const keyId = randomUUID()
  const serviceUserId = randomUUID()
  const parameters = columns.map((_, index) => `$${index + 1}`)
  const text = `INSERT INTO postern.trail_calls (${columns.join(', ')}) VALUES (${parameters.join(', ')})`
  let sequence = 0
  return {
    async write() {
      const call = draft(keyId, serviceUserId)
      const at = new Date(call.at)
      const values = [
        ...[newId(call.at), writer, boot, ++sequence, at, call.requestId, call.credentialKind, keyId],
        ...[serviceUserId, call.httpMethod, call.path, call.method, call.tool, finish.outcome, finish.reason],
        ...[finish.status, finish.durationMs, call.clientAddress, call.userAgent, 1, at],
      ]
      const { rowCount } = await pool.query(prepared ? { name: 'one-row', text, values } : { text, values })
      return rowCount === 1
    },
    async count() {
      const { rows } = await pool.query('SELECT count(*)::integer AS count FROM postern.trail_calls')
      return rows[0].count
    },
    async checkDurability() {
      const { rows } = await pool.query(
        `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
      )
      check(rows[0].fsync === 'on' && rows[0].commit === 'on', 'commits are not durable here')
    },
    close: () => pool.end(),
  }
}
