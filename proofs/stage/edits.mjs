import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { signCheckpoint } from '../../dist/domain/checkpoint.js'
import { rootOfRows, sealOf } from '../../dist/domain/seal.js'

/** Columns of calls that a forger might change, each with what it becomes. */
const callColumns = {
  writer: `writer || 'x'`,
  boot: `boot || 'x'`,
  batch: 'batch + 1',
  sequence: 'sequence + 100000',
  at: `at + interval '1 millisecond'`,
  request_id: `request_id || 'x'`,
  credential_kind: `CASE credential_kind WHEN 'jwt' THEN 'session' ELSE 'jwt' END`,
  key_id: 'gen_random_uuid()',
  service_user_id: 'gen_random_uuid()',
  principal: `coalesce(principal, '') || 'x'`,
  grants_digest: `coalesce(grants_digest, '') || 'x'`,
  trace_id: `CASE WHEN trace_id IS NULL THEN 'x' END`,
  arguments_hmac: `coalesce(arguments_hmac, '') || 'x'`,
  http_method: `coalesce(http_method, '') || 'x'`,
  path: `coalesce(path, '') || 'x'`,
  method: `coalesce(method, '') || 'x'`,
  tool: `coalesce(tool, '') || 'x'`,
  outcome: `CASE outcome WHEN 'failed' THEN 'succeeded' ELSE 'failed' END`,
  reason: `coalesce(reason, '') || 'x'`,
  status: 'coalesce(status, 0) + 1',
  duration_ms: 'coalesce(duration_ms, 0) + 0.001',
  rpc_code: 'coalesce(rpc_code, 0) + 1',
  is_tool_error: 'is_tool_error IS NOT TRUE',
  client_address: `'10.9.9.9'`,
  user_agent: `coalesce(user_agent, '') || 'x'`,
  count: 'count + 1',
  last_at: `last_at + interval '1 millisecond'`,
}
const endColumns = {
  writer: `writer || 'x'`,
  batch: 'batch + 1',
  call_id: 'gen_random_uuid()',
  at: `at + interval '1 millisecond'`,
  outcome: `CASE outcome WHEN 'failed' THEN 'succeeded' ELSE 'failed' END`,
  reason: `coalesce(reason, '') || 'x'`,
  status: 'coalesce(status, 0) + 1',
  duration_ms: 'coalesce(duration_ms, 0) + 0.001',
  rpc_code: 'coalesce(rpc_code, 0) + 1',
  is_tool_error: 'is_tool_error IS NOT TRUE',
}
const sealColumns = {
  number: 'number + 100000',
  boot: `boot || 'x'`,
  calls: 'calls + 1',
  ends: 'ends + 1',
  root: `translate(root, '0123456789', '1234567890')`,
  previous: `translate(previous, '0123456789', '1234567890')`,
  seal: `translate(seal, '0123456789', '1234567890')`,
}
const checkpointColumns = {
  text: `replace(text, '"epoch":', '"epoch":1')`,
  signature: `translate(signature, 'abcdefgh', 'bcdefgha')`,
  key: `translate(key, 'abcdefgh', 'bcdefgha')`,
}

const pick = (list) => list[Math.floor(Math.random() * list.length)]
const someCall = `(SELECT id FROM postern.trail_calls ORDER BY random() LIMIT 1)`
const someEnd = `(SELECT call_id FROM postern.trail_ends ORDER BY random() LIMIT 1)`
const someSeal = `(SELECT writer, number FROM postern.trail_seals ORDER BY random() LIMIT 1)`
const someCheckpoint = `(SELECT number FROM postern.trail_checkpoints ORDER BY random() LIMIT 1)`

function changed(table, columns, where) {
  return async (client) => {
    const [column, value] = pick(Object.entries(columns))
    const { rowCount } = await client.query(
      `UPDATE postern.${table} SET ${column} = ${value} WHERE ${where} AND ${column} IS DISTINCT FROM (${value})`,
    )
    return rowCount > 0 ? `${table}.${column} changed` : null
  }
}

async function removed(client, text, what) {
  const { rowCount } = await client.query(text)
  return rowCount > 0 ? what : null
}

const deleteBatch = (where) => `
  WITH gone AS (DELETE FROM postern.trail_seals WHERE ${where} RETURNING writer, number),
    calls AS (DELETE FROM postern.trail_calls c USING gone g WHERE c.writer = g.writer AND c.batch = g.number),
    ends AS (DELETE FROM postern.trail_ends e USING gone g WHERE e.writer = g.writer AND e.batch = g.number)
  SELECT 1 FROM gone`

/**
 * What someone might do to the trail who may write to its database: each takes a client within a transaction and the
 * lines of an honest export, and answers what it did, or null where that wasn't to be done here.
 */
export const edits = [
  changed('trail_calls', callColumns, `id = ${someCall}`),
  changed('trail_calls', callColumns, `id = ${someCall}`),
  changed('trail_ends', endColumns, `call_id = ${someEnd}`),
  changed('trail_seals', sealColumns, `(writer, number) = ${someSeal}`),
  changed('trail_checkpoints', checkpointColumns, `number = ${someCheckpoint}`),
  (client) => removed(client, `DELETE FROM postern.trail_calls WHERE id = ${someCall}`, 'a call deleted'),
  (client) => removed(client, `DELETE FROM postern.trail_ends WHERE call_id = ${someEnd}`, 'an end deleted'),
  (client) =>
    removed(client, `DELETE FROM postern.trail_seals WHERE (writer, number) = ${someSeal}`, 'a seal deleted'),
  (client) => removed(client, deleteBatch(`(writer, number) = ${someSeal}`), 'a batch deleted'),
  (client) =>
    removed(
      client,
      `WITH chosen AS ${someSeal}, ends AS (
         DELETE FROM postern.trail_ends e USING chosen s WHERE e.writer = s.writer AND e.batch = s.number)
       DELETE FROM postern.trail_calls c USING chosen s WHERE c.writer = s.writer AND c.batch = s.number`,
      'the rows of a batch deleted, as retention would',
    ),
  (client) =>
    removed(
      client,
      deleteBatch(
        `(writer, number) IN (SELECT t.writer, t.number FROM postern.trail_seals t, ${someSeal} s
          WHERE t.writer = s.writer AND t.number >= s.number)`,
      ),
      'the end of a chain cut off',
    ),
  (client) =>
    removed(
      client,
      deleteBatch(`writer = (SELECT writer FROM postern.trail_seals ORDER BY random() LIMIT 1)`),
      'a whole writer deleted',
    ),
  (client) =>
    removed(
      client,
      `DELETE FROM postern.trail_checkpoints WHERE number = ${someCheckpoint}`,
      'a checkpoint deleted',
    ),
  repeatedCall,
  swappedCalls,
  sealedAnew,
  signedAnew,
]

async function repeatedCall(client) {
  const { rows } = await client.query(`SELECT * FROM postern.trail_calls WHERE id = ${someCall}`)
  const row = { ...rows[0], id: rows[0].id.slice(0, 24) + randomUUID().slice(24), sequence: 100_000 }
  const names = Object.keys(row)
  await client.query(
    `INSERT INTO postern.trail_calls (${names.join(', ')}) VALUES (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  )
  return 'a call added'
}

async function swappedCalls(client) {
  const { rowCount } = await client.query(
    `WITH two AS (SELECT id, tool, request_id, row_number() OVER () AS place FROM
       (SELECT * FROM postern.trail_calls WHERE tool IS NOT NULL ORDER BY random() LIMIT 2) chosen)
     UPDATE postern.trail_calls c SET tool = o.tool, request_id = o.request_id
     FROM two t JOIN two o ON o.place <> t.place WHERE c.id = t.id AND t.tool <> o.tool`,
  )
  return rowCount > 0 ? 'what two calls did exchanged' : null
}

/** By someone who knows how seals are made, and makes those of the whole chain anew. */
async function sealedAnew(client, lines) {
  const { tool, of } = forgedChain(lines)
  await client.query('UPDATE postern.trail_calls SET tool = $2 WHERE id = $1', [tool.id, tool.tool])
  for (const { writer, number, root, previous, seal } of of)
    await client.query(
      'UPDATE postern.trail_seals SET root = $3, previous = $4, seal = $5 WHERE writer = $1 AND number = $2',
      [writer, number, root, previous, seal],
    )
  return 'a call changed and its chain sealed anew'
}

const foreign = generateKeyPairSync('ed25519').privateKey

/** As before, and then signs all checkpoints with a key of their own. */
async function signedAnew(client, lines) {
  await sealedAnew(client, lines)
  const { rows: seals } = await client.query('SELECT writer, number, seal FROM postern.trail_seals')
  const sealAt = new Map(seals.map(({ writer, number, seal }) => [`${writer} ${number}`, seal]))
  const { rows } = await client.query('SELECT number, text FROM postern.trail_checkpoints ORDER BY number')
  for (const { number, text } of rows) {
    const checkpoint = JSON.parse(text)
    const heads = checkpoint.heads.map((head) => ({
      ...head,
      seal: sealAt.get(`${head.writer} ${head.number}`),
    }))
    const signed = signCheckpoint({ ...checkpoint, heads }, foreign)
    await client.query(
      'UPDATE postern.trail_checkpoints SET text = $2, signature = $3, key = $4 WHERE number = $1',
      [number, signed.text, signed.signature, signed.key],
    )
  }
  return 'all of it signed anew with another key'
}

/** A call with another tool, and the seals of its chain as they would have to be. */
function forgedChain(lines) {
  const calls = lines.flatMap(({ call }) => (call?.tool == null ? [] : [call]))
  const victim = pick(calls)
  const tool = { id: victim.id, tool: `${victim.tool}-forged` }
  const of = []
  let previous = null
  for (const { seal: honest } of lines.filter(({ seal }) => seal?.writer === victim.writer)) {
    if (honest.number < victim.batch) {
      previous = honest.seal
      continue
    }
    const isOfBatch = (row) => row?.writer === honest.writer && row.batch === honest.number
    const batchCalls = lines.flatMap(({ call }) => (isOfBatch(call) ? [call] : []))
    const batchEnds = lines.flatMap(({ end }) => (isOfBatch(end) ? [end] : []))
    const edited = batchCalls.map((call) => (call.id === victim.id ? { ...call, tool: tool.tool } : call))
    const root = rootOfRows(edited, batchEnds)
    const forged = { ...honest, root, previous: previous ?? honest.previous }
    forged.seal = sealOf(forged)
    of.push(forged)
    previous = forged.seal
  }
  return { tool, of }
}
