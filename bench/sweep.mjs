import pg from 'pg'
import { judge } from '../dist/domain/notice.js'
import { openPostgres } from '../dist/store/store.js'
import { check, figure } from './measure.mjs'

const keys = 1_000_000
const users = 10_000
const dueEachRound = 1000
const rounds = 7
const quietLookups = 300
const digestsALookup = 8

/** A sweep over a million keys of which a thousand are due, and what verification's lookups meet meanwhile. */
export async function benchSweep({ postgres }) {
  const database = await postgres.createDatabase('sweep')
  const store = openPostgres({ connectionString: database, schema: 'postern' })
  // Another node, as the sweep and the lookups of one node may wait for this process rather than for the database.
  const verifying = openPostgres({ connectionString: database, schema: 'postern' })
  const pool = new pg.Pool({ connectionString: database, max: 2 })
  try {
    await store.migrate()
    await fill(pool)
    const milliseconds = []
    const quiet = []
    const during = []
    const now = Date.now()
    for (let round = 0; round <= rounds; round++) {
      const digests = await makeDue(pool, round, now)
      const before = await lookups(verifying, digests, (made) => made >= quietLookups)
      const sweep = { done: false, ms: 0 }
      const [meanwhile] = await Promise.all([
        lookups(verifying, digests, () => sweep.done),
        swept(store, now).then((ms) => Object.assign(sweep, { done: true, ms })),
      ])
      await checkRound(pool, round)
      if (round === 0) continue
      milliseconds.push(sweep.ms)
      quiet.push(median(before))
      during.push(median(meanwhile))
    }
    const stopped = await besideStopped({ store, verifying, pool, now })
    return [
      figure(`sweep, ${dueEachRound} of ${keys.toLocaleString('en')} keys due`, 'ms', milliseconds, {
        atMost: 1000,
      }),
      figure('lookup beside nothing, median of a round', 'ms', quiet),
      figure('lookup beside a sweep, median of a round', 'ms', during),
      figure('lookup beside a stopped sweep', 'ms', stopped),
    ]
  } finally {
    await Promise.all([store.close(), verifying.close(), pool.end()])
  }
}

/** Digests are those of the numbers, so that lookups can ask for them. */
async function fill(pool) {
  await pool.query(
    `INSERT INTO postern.service_users (id, name, owner, created_by, created_at)
     SELECT md5('user ' || n)::uuid, 'user ' || n, 'team@example.com', 'bench', now()
     FROM generate_series(1, ${users}) n`,
  )
  await pool.query(
    `INSERT INTO postern.service_api_keys (
       id, service_user_id, hashed_token, expires_at, start, name, grants, created_by, created_at, last_used_at)
     SELECT md5('key ' || n)::uuid, md5('user ' || 1 + n % ${users})::uuid, sha256(n::text::bytea),
            now() + interval '180 days', 'pst_ab12', 'bench', '{}', 'bench', now(), now()
     FROM generate_series(1, ${keys}) n`,
  )
  await pool.query(
    `INSERT INTO postern.key_schedule SELECT id, now() + interval '90 days' FROM postern.service_api_keys`,
  )
  await pool.query('VACUUM ANALYZE')
}

/** A quarter has an overlap that ended, a quarter one about to end, a quarter expires, and a quarter is unused. */
async function makeDue(pool, round, now) {
  const instant = (days) => `timestamptz '${new Date(now + days * 86_400_000).toISOString()}'`
  const { rows } = await pool.query(
    `WITH picked AS (
       SELECT md5('key ' || n)::uuid AS id, i % 4 AS part
       FROM generate_series(1, ${dueEachRound}) i, LATERAL (SELECT i * ${Math.floor(keys / dueEachRound)} - ${round} AS n) p
     ), due AS (
       UPDATE postern.key_schedule s SET due_at = ${instant(0)} FROM picked WHERE s.key_id = picked.id
     )
     UPDATE postern.service_api_keys k SET
       retires_at = CASE part WHEN 0 THEN ${instant(-0.01)} WHEN 1 THEN ${instant(0.9)} END,
       expires_at = CASE part WHEN 2 THEN ${instant(6.9)} ELSE k.expires_at END,
       created_at = ${instant(-100)},
       last_used_at = CASE part WHEN 3 THEN NULL ELSE ${instant(-0.01)} END
     FROM picked WHERE k.id = picked.id
     RETURNING k.hashed_token`,
  )
  check(rows.length === dueEachRound, `${rows.length} keys were made due`)
  return rows.map((row) => row.hashed_token)
}

async function swept(store, now) {
  const before = performance.now()
  const count = await store.notices.sweep(now, dueEachRound, judgedAt(now))
  const ms = performance.now() - before
  check(count === dueEachRound, `${count} keys were swept`)
  return ms
}

function judgedAt(now) {
  return (due) => due.map(({ key, user, hasSuccessor }) => judge(key, user, { hasSuccessor }, now))
}

async function checkRound(pool, round) {
  const { rows } = await pool.query(
    `SELECT (SELECT count(*)::integer FROM postern.notices) AS notices,
            (SELECT count(*)::integer FROM postern.changes) AS changes,
            (SELECT count(*)::integer FROM postern.service_api_keys WHERE revoked_at IS NOT NULL) AS retired`,
  )
  const { notices, changes, retired } = rows[0]
  const quarter = (dueEachRound / 4) * (round + 1)
  check(notices === 4 * quarter, `${notices} notices in round ${round}`)
  check(changes === quarter && retired === quarter, `${retired} retired in round ${round}`)
}

/** One after the other; answers the milliseconds that each took. */
async function lookups(store, digests, isOver) {
  const took = []
  for (let made = 0; !isOver(made); made++) {
    const from = (made * digestsALookup) % digests.length
    const before = performance.now()
    const { keys: found } = await store.lookups.lookup(digests.slice(from, from + digestsALookup))
    took.push(performance.now() - before)
    check(found.length === digestsALookup, `a lookup found ${found.length} keys`)
  }
  return took
}

/**
 * Stops a sweep before its last statements, which need the counter, and looks up the keys that it has in hand: a
 * lookup that waited for it would fail by its time-out.
 */
async function besideStopped({ store, verifying, pool, now }) {
  const digests = await makeDue(pool, rounds + 1, now)
  const holder = await pool.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT epoch FROM postern.change_counter FOR UPDATE')
  const sweeping = swept(store, now)
  const stopped = `SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  while ((await pool.query(stopped)).rows.length === 0);
  const took = await lookups(verifying, digests, (made) => made >= quietLookups)
  const { rows } = await pool.query(
    `SELECT DISTINCT mode FROM pg_locks
     WHERE relation IN ('postern.service_api_keys'::regclass, 'postern.service_users'::regclass)
       AND pid IN (${stopped})`,
  )
  await holder.query('COMMIT')
  holder.release()
  await sweeping
  const modes = rows.map(({ mode }) => mode).join(', ')
  check(modes === 'AccessShareLock', `a stopped sweep holds ${modes} on keys or service users`)
  return took
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}
