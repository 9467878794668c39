import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { newId } from '../dist/domain/id.js'
import { startInstance } from './instance.mjs'
import { check, cpuMicros, figure, ratio } from './measure.mjs'

const rounds = 7
const roundMs = 1500
const warmUpMs = 1000
const callers = 64
const connections = 16

/** Rows a second into the trail, each caller waiting for its row's durable commit, against one INSERT a call. */
export async function benchTrail({ postgres, directory }) {
  const database = await postgres.createDatabase('trail')
  const batched = await recorderOn({ database, directory, name: 'trail' })
  const embedded = await recorderOn({ database: null, directory, name: 'trail-embedded' })
  const single = await insertOn(database)
  const contenders = { batched, single, embedded }
  const results = { batched: [], single: [], embedded: [] }
  const rowsBefore = await single.count()
  let rows = 0
  try {
    await single.checkDurability()
    for (let round = 0; round <= rounds; round++) {
      for (const [name, contender] of Object.entries(contenders)) {
        const measured = await rowsASecond(contender.write, round === 0 ? warmUpMs : roundMs)
        if (name !== 'embedded') rows += measured.rows
        if (round > 0) results[name].push(measured)
      }
    }
    const counted = (await single.count()) - rowsBefore
    check(counted === rows, `${counted} rows for ${rows} calls`)
  } finally {
    await single.close()
    await batched.close()
    await embedded.close()
  }

  const rates = (name) => results[name].map((each) => each.perSecond)
  const micros = (name) => results[name].map((each) => each.cpuMicros)
  return [
    figure(`trail, ${callers} callers, Postgres`, 'rows/s', rates('batched')),
    figure(`one INSERT a call, ${callers} callers`, 'rows/s', rates('single')),
    ratio('trail : one INSERT a call', rates('batched'), rates('single'), { atLeast: 7 }),
    figure('trail, Postgres', 'CPU-µs', micros('batched')),
    figure('one INSERT a call', 'CPU-µs', micros('single')),
    figure(`trail, ${callers} callers, embedded (no power loss)`, 'rows/s', rates('embedded')),
  ]
}

async function rowsASecond(write, ms) {
  let rows = 0
  let unsafe = 0
  const cpuBefore = cpuMicros()
  const before = performance.now()
  const until = before + ms
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) {
        if (!(await write())) unsafe++
        rows++
      }
    }),
  )
  check(unsafe === 0, `${unsafe} rows were not safe in time`)
  const seconds = (performance.now() - before) / 1000
  return { rows, perSecond: rows / seconds, cpuMicros: (cpuMicros() - cpuBefore) / rows }
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

/** The same row into the same table, as it is done by hand: a prepared INSERT from a pool, awaited. */
async function insertOn(database) {
  const pool = new pg.Pool({ connectionString: database, max: connections })
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
      const { rowCount } = await pool.query({ name: 'one-row', text, values })
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
