import pg from 'pg'
import { newId } from '../dist/domain/id.js'
import { hashToken, newToken } from '../dist/domain/service-key.js'
import { startInstance } from './instance.mjs'
import { check, concurrently, figure, measure, ratio } from './measure.mjs'

const rounds = 7
const keysARound = 7_000
const warmARound = 100_000
const callers = 32
const accepts = ['service-key']

/** Verify in this process over real Postgres: warm, cold, with a wrong key, and against one SELECT a call. */
export async function benchVerify({ postgres, directory }) {
  const database = await postgres.createDatabase('verify')
  const { postern, user } = await startInstance({ database, directory, name: 'verify' })
  const pool = new pg.Pool({ connectionString: database, max: 10 })
  try {
    const { token } = await postern.keys.issue({ serviceUser: user.id }, 'bench')
    // A round more than is measured: the first one warms up.
    const tokens = Array.from({ length: keysARound * (rounds + 1) }, () => newToken('pst'))
    await insertKeys(pool, user.id, tokens)
    const verify = (key) => postern.verify({ authorization: `Bearer ${key}`, query: '' }, accepts)
    const wrong = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')

    const results = { warm: [], wrong: [], cold: [], select: [] }
    for (let round = 0; round <= rounds; round++) {
      const fresh = tokens.slice(round * keysARound, (round + 1) * keysARound)
      const measured = {
        warm: await inTurn(warmARound, () => verify(token), true),
        wrong: await inTurn(warmARound, () => verify(wrong), false),
        cold: await cold(postern, fresh, verify),
        select: await select(pool, fresh),
      }
      if (round > 0) for (const name of Object.keys(results)) results[name].push(measured[name])
    }

    const micros = (name) => results[name].map((each) => each.cpuMicros)
    const rates = (name) => results[name].map((each) => each.perSecond)
    return [
      figure('verify, warm', 'CPU-µs', micros('warm'), { atMost: 5 }),
      figure('verify, wrong checksum', 'CPU-µs', micros('wrong')),
      figure(`verify, cold, ${callers} callers`, 'CPU-µs', micros('cold')),
      figure(`verify, cold, ${callers} callers`, 'a second', rates('cold')),
      figure(`one SELECT a call, ${callers} callers`, 'CPU-µs', micros('select')),
      figure(`one SELECT a call, ${callers} callers`, 'a second', rates('select')),
      ratio('one SELECT a call : verify, cold (CPU)', micros('select'), micros('cold')),
      ratio('one SELECT a call : verify, warm (CPU)', micros('select'), micros('warm')),
    ]
  } finally {
    await pool.end()
    await postern.close()
  }
}

async function inTurn(count, verify, expected) {
  let allowed = 0
  const measured = await measure(count, async () => {
    for (let done = 1; done <= count; done++) {
      const verdict = await verify()
      if (verdict.allowed) allowed++
      // As between requests, so that the lease's poll has its turn.
      if (done % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  })
  check(allowed === (expected ? count : 0), `${allowed} of ${count} were allowed`)
  return measured
}

async function cold(postern, tokens, verify) {
  const cachedBefore = postern.cachedKeys()
  let allowed = 0
  const measured = await measure(tokens.length, () =>
    concurrently(callers, tokens.length, async (at) => {
      const verdict = await verify(tokens[at])
      if (verdict.allowed) allowed++
    }),
  )
  check(allowed === tokens.length, `${allowed} of ${tokens.length} new keys were allowed`)
  check(postern.cachedKeys() - cachedBefore === tokens.length, 'some of the keys were cached before')
  return measured
}

/** What a team writes by hand, at its best: hash, one prepared SELECT from a pool, the end judged. */
async function select(pool, tokens) {
  let allowed = 0
  const measured = await measure(tokens.length, () =>
    concurrently(callers, tokens.length, async (at) => {
      const { rows } = await pool.query({
        name: 'by-token',
        text: `SELECT id, service_user_id, grants, expires_at, retires_at, revoked_at
               FROM postern.service_api_keys WHERE hashed_token = $1`,
        values: [hashToken(tokens[at])],
      })
      const [key] = rows
      if (key !== undefined && key.revoked_at === null && key.expires_at.getTime() > Date.now()) allowed++
    }),
  )
  check(allowed === tokens.length, `${allowed} of ${tokens.length} keys were found`)
  return measured
}

/** Thousands of keys at once, which issuing one by one would take minutes for. */
async function insertKeys(pool, serviceUserId, tokens) {
  const ids = tokens.map(() => newId(Date.now()))
  await pool.query(
    `INSERT INTO postern.service_api_keys
       (id, service_user_id, hashed_token, expires_at, start, name, grants, created_by, created_at)
     SELECT id, $1, digest, now() + interval '1 day', 'pst_', 'bench', '{}', 'bench', now()
     FROM unnest($2::uuid[], $3::bytea[]) AS key (id, digest)`,
    [serviceUserId, ids, tokens.map((token) => hashToken(token))],
  )
  await pool.query('ANALYZE postern.service_api_keys')
}
