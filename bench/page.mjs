import pg from 'pg'
import { openPostgresDatabase } from '../dist/store/postgres.js'
import { listKeysQuery } from '../dist/store/queries/list-keys.js'
import { usageQuery } from '../dist/store/queries/usage.js'
import { usageQueries } from '../dist/store/queries/usage-over-time.js'
import { openPostgres } from '../dist/store/store.js'
import { check, figure } from './measure.mjs'

const trailRows = 10_000_000
const fewRows = 100_000
const keys = 10_000
const users = 1_000
const days = 30
const rounds = 30
const dayMs = 86_400_000
const goalMs = 50

/** What the page asks for, over a trail of a month: how long it takes, and whether more rows change the plan. */
export async function benchPage({ postgres }) {
  const connectionString = await postgres.createDatabase('page')
  const store = openPostgres({ connectionString, schema: 'postern' })
  const pool = new pg.Pool({ connectionString, max: 1 })
  const database = openPostgresDatabase({ connectionString })
  try {
    await store.migrate()
    const now = Date.now()
    await addKeys(pool)
    await fillTrail(pool, fewRows, now)
    const plansOfFew = await plans(database, now)
    await fillTrail(pool, trailRows, now)
    const plansOfMany = await plans(database, now)
    for (const [what, plan] of Object.entries(plansOfMany))
      check(
        plan === plansOfFew[what] || !withGoal.has(what),
        `${what} has another plan over ${trailRows} rows:\n${plansOfFew[what]}\n${plan}`,
      )

    const figures = []
    for (const [what, ask] of Object.entries(questions)) {
      const took = []
      for (let round = 0; round <= rounds; round++) {
        const keyId = await someKey(pool, round)
        const before = performance.now()
        const answer = await ask(roomsOf(database), { keyId, now })
        if (round > 0) took.push(performance.now() - before)
        check(answer.length > 0, `${what} is empty`)
      }
      const goal = withGoal.has(what) ? { atMost: goalMs } : undefined
      figures.push(figure(`${what}, ${trailRows / 1e6} M calls`, 'ms', took, goal))
    }
    return figures
  } finally {
    await Promise.all([store.close(), database.close(), pool.end()])
  }
}

const roomsOf = (database) => ({
  keys: listKeysQuery(database),
  usage: usageQueries(database),
  trail: usageQuery(database),
})

const list = async ({ keys: room }, now, filter) =>
  (await room.listKeys({ limit: 50, now, ...filter })).data.filter(({ days: shown }) => shown.length === days)

const questions = {
  'list of keys, newest first': (rooms, { now }) => list(rooms, now, {}),
  'list of keys, most calls first': (rooms, { now }) => list(rooms, now, { sort: 'calls' }),
  'list of keys, by name, active, searched': (rooms, { now }) =>
    list(rooms, now, { sort: 'name', direction: 'asc', states: ['active'], search: 'desk 77' }),
  'list of keys, of one tool, that end soon': (rooms, { now }) =>
    list(rooms, now, {
      sort: 'expires',
      direction: 'asc',
      tool: 'tool 3',
      expiringBefore: now + 200 * dayMs,
    }),
  'one key’s tools over 30 days': ({ usage }, { keyId, now }) => usage.tools(keyId, now - days * dayMs, now),
  'one key’s calls over 30 days, by hour': async ({ usage }, { keyId, now }) =>
    (await usage.overTime(keyId, now - days * dayMs, now, 'hour')).filter(({ calls }) => calls > 0),
  'one key’s last use': async ({ trail }, { keyId, now }) =>
    (await trail.usage([keyId], now - dayMs)).filter(({ lastUsedAt }) => lastUsedAt !== null),
  'tools that are known': ({ usage }) => usage.knownTools(200),
}

const withGoal = new Set([
  'list of keys, newest first',
  'one key’s tools over 30 days',
  'one key’s calls over 30 days, by hour',
  'one key’s last use',
])

/** Each question's plan: by which nodes it reads which indexes and tables. How few rows are sorted or grouped may differ. */
async function plans(database, now) {
  const found = {}
  const [{ id: keyId }] = await database.query('SELECT id FROM postern.service_api_keys ORDER BY id LIMIT 1')
  for (const [what, ask] of Object.entries(questions)) {
    const lines = []
    const watched = {
      ...database,
      query: async (text, values) => {
        const [row] = await database.query(`EXPLAIN (FORMAT JSON) ${text}`, values)
        describe(row['QUERY PLAN'][0].Plan, lines)
        return database.query(text, values)
      },
    }
    await ask(roomsOf(watched), { keyId, now })
    check(
      !lines.some((line) => /Seq Scan.*(?:trail_|usage_hourly)/.test(line)),
      `${what} reads all of it:\n${lines.join('\n')}`,
    )
    found[what] = lines.join('\n')
  }
  return found
}

function describe(node, lines) {
  const read = node['Index Name'] ?? node['Relation Name'] ?? ''
  if (read !== '') lines.push(`${node['Node Type']} ${read}`)
  for (const child of node.Plans ?? []) describe(child, lines)
}

async function someKey(pool, round) {
  const { rows } = await pool.query('SELECT id FROM postern.service_api_keys ORDER BY id OFFSET $1 LIMIT 1', [
    (round * 317) % keys,
  ])
  return rows[0].id
}

async function addKeys(pool) {
  await pool.query(
    `INSERT INTO postern.service_users (id, name, owner, created_by, created_at)
     SELECT md5('user ' || n)::uuid, 'user ' || n, 'team' || n % 50 || '@example.com', 'bench', now()
     FROM generate_series(1, ${users}) n`,
  )
  await pool.query(
    `INSERT INTO postern.service_api_keys (
       id, service_user_id, hashed_token, expires_at, start, name, grants, created_by, created_at, last_used_at)
     SELECT md5('key ' || n)::uuid, md5('user ' || 1 + n % ${users})::uuid, sha256(n::text::bytea),
            now() + interval '180 days', 'pst_ab12', 'desk ' || n, '{}', 'bench', now(), now()
     FROM generate_series(0, ${keys - 1}) n`,
  )
  await pool.query(
    `INSERT INTO postern.changes (epoch, actor, subject_kind, subject_id, what, at)
     SELECT n + 1, 'bench', 'service-key', md5('key ' || n)::uuid, 'created', now()
     FROM generate_series(0, ${keys - 1}) n`,
  )
}

/**
 * Rows of the trail and what the roll-ups say of them. Every key works for one hour a day, with five tools; of eight
 * calls one is refused, of sixteen one ends as a stream does. The indexes are made anew, as each row by itself would take them an hour.
 */
async function fillTrail(pool, count, now) {
  await pool.query(
    'TRUNCATE postern.trail_calls, postern.trail_ends, postern.usage_hourly, postern.usage_daily',
  )
  const { rows: indexes } = await pool.query(
    `SELECT indexdef, indexname FROM pg_indexes
     WHERE schemaname = 'postern' AND tablename = 'trail_calls' AND indexname <> 'trail_calls_pkey'`,
  )
  for (const { indexname } of indexes) await pool.query(`DROP INDEX postern.${indexname}`)
  const keysAnHour = Math.ceil(keys / 24)
  await pool.query(
    `INSERT INTO postern.trail_calls (
       id, writer, boot, sequence, at, request_id, credential_kind, key_id, service_user_id, http_method, path, method,
       tool, outcome, reason, status, duration_ms, client_address, user_agent, count, last_at)
     SELECT
       (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
       'node-1', 'boot-1', n, at, 'request ' || n, 'service-key', md5('key ' || key)::uuid,
       md5('user ' || 1 + key % ${users})::uuid, 'POST', '/mcp', 'tools/call', 'tool ' || tool,
       CASE WHEN n % 8 = 0 THEN 'denied' ELSE 'succeeded' END,
       CASE WHEN n % 8 = 0 THEN 'tool_not_granted' END, 200, 10 + n % 400, '127.0.0.1', 'postern-bench/1.0', 1, at
     FROM (
       SELECT n, at, n / ${keysAnHour} % 5 AS tool,
         (extract(hour FROM at)::bigint * ${keysAnHour} + n % ${keysAnHour}) % ${keys} AS key
       FROM (
         SELECT n::bigint AS n, timestamptz '${new Date(now - days * dayMs).toISOString()}'
           + n * interval '${(days * dayMs) / count} milliseconds' AS at
         FROM generate_series(1, ${count}) n
       ) rows
     ) calls`,
  )
  await pool.query(
    `INSERT INTO postern.trail_ends (call_id, at, outcome, duration_ms)
     SELECT id, at, 'succeeded', 50 FROM postern.trail_calls WHERE sequence % 16 = 1`,
  )
  await pool.query(
    `INSERT INTO postern.usage_hourly
     SELECT key_id, date_bin('1 hour', at, '2000-01-01T00:00:00Z'), tool, outcome, writer, count(*),
       array_fill(1, ARRAY[32]), max(at)
     FROM postern.trail_calls GROUP BY 1, 2, 3, 4, 5`,
  )
  await pool.query(
    `INSERT INTO postern.usage_daily (day, key_id, writer, calls, refused)
     SELECT (hour AT TIME ZONE 'UTC')::date, key_id, writer, sum(calls),
       coalesce(sum(calls) FILTER (WHERE outcome = 'denied'), 0)
     FROM postern.usage_hourly GROUP BY 1, 2, 3`,
  )
  for (const { indexdef } of indexes) await pool.query(indexdef)
  await pool.query('VACUUM ANALYZE')
}
