import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { pollLimit } from '../../src/domain/ports.ts'
import type { Store } from '../../src/domain/ports.ts'
import { bytesArray } from '../../src/store/array.ts'
import type { Database, Value } from '../../src/store/database.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { usageQuery } from '../../src/store/queries/usage.ts'
import { openPostgres } from '../../src/store/store.ts'
import { at, batchOf, call, createKey, createUserWithKey, drain, end, finding } from './records.ts'
import { notice, revokeKey, schedule, serviceKey, serviceUser } from './records.ts'
import { startPostgres } from './postgres-server.ts'
import type { PostgresServer } from './postgres-server.ts'

let server: PostgresServer
let connectionString: string
const opened: { close(): Promise<void> }[] = []
beforeAll(async () => {
  server = await startPostgres()
})
beforeEach(async () => {
  connectionString = await server.createDatabase()
  return async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  }
})
afterAll(() => server.stop())

function openNode(): Store {
  const store = openPostgres({ connectionString, schema: 'postern' })
  opened.push(store)
  return store
}

function openDatabase() {
  const database = openPostgresDatabase({ connectionString })
  opened.push(database)
  return database
}

async function createKeys(store: Store, count: number) {
  const user = serviceUser()
  await store.keys.createServiceUser(user)
  const made = Array.from({ length: count }, () => serviceKey(user.id))
  for (const each of made) await createKey(store, each)
  return made
}

/** So many keys that the planner goes by index: copies of one that is there. */
async function addFillers(database: Database): Promise<void> {
  await database.script(`
    INSERT INTO postern.service_api_keys
      (id, service_user_id, hashed_token, expires_at, start, name, grants, created_by, created_at)
    SELECT gen_random_uuid(), k.service_user_id, sha256(n::text::bytea), k.expires_at, k.start, 'filler', k.grants,
           k.created_by, k.created_at
      FROM (SELECT * FROM postern.service_api_keys LIMIT 1) k, generate_series(1, 5000) n;
    ANALYZE postern.service_api_keys`)
}

describe('changes on several nodes at once', () => {
  test('epochs follow the order of commits: a poller never misses a change (T23)', async () => {
    const [a, b, poller] = [openNode(), openNode(), openNode()]
    await a.migrate()
    const total = 384
    const seen: number[] = []
    let epoch = 0
    const changing = { done: false }
    const polling = (async () => {
      while (!changing.done || epoch < total) {
        const poll = await poller.lookups.poll(epoch)
        seen.push(...poll.changes.map((change) => change.epoch))
        expect(seen.at(-1) ?? 0).toBe(poll.epoch)
        epoch = poll.epoch
      }
    })()
    const lanes = [a, b, a, b, a, b, a, b].map(async (store) => {
      for (let n = 0; n < total / 8 / 3; n++) {
        const [made] = await createKeys(store, 1)
        await revokeKey(store, made?.key.id ?? '', {
          at: Date.now(),
          actor: 'admin:bo',
          reason: 'leaked',
        })
      }
    })
    await Promise.all(lanes)
    changing.done = true
    await polling
    expect(seen).toEqual(Array.from({ length: total }, (_, n) => n + 1))
  })

  test('a lookup whose epoch covers a revocation shows it (T29)', async () => {
    const [a, b] = [openNode(), openNode()]
    await a.migrate()
    const keys = await createKeys(a, 60)
    const byDigest = new Map(keys.map(({ key, digest }) => [digest.toString('hex'), key.id]))
    const revokedAt = new Map<string, number>()
    const lookups: Awaited<ReturnType<Store['lookups']['lookup']>>[] = []
    const changing = { done: false }
    const looking = (async () => {
      while (!changing.done) lookups.push(await b.lookups.lookup(keys.map(({ digest }) => digest)))
    })()
    await Promise.all(
      keys.map(({ key }) => revokeKey(a, key.id, { at: Date.now(), actor: 'admin:bo', reason: 'leaked' })),
    )
    changing.done = true
    await looking
    for (const { key } of keys) revokedAt.set(key.id, (await a.keys.history(key.id))[0]?.epoch ?? 0)
    expect(lookups.length).toBeGreaterThan(1)
    for (const { epoch, keys } of lookups)
      for (const found of keys) {
        const id = byDigest.get(found.digest.toString('hex')) ?? ''
        expect(found.revokedAt !== null).toBe(epoch >= (revokedAt.get(id) ?? 0))
      }
  })

  test('of several revocations of one key at once, one is recorded', async () => {
    const [a, b] = [openNode(), openNode()]
    await a.migrate()
    const [made] = await createKeys(a, 1)
    const id = made?.key.id ?? ''
    const results = await Promise.all(
      [a, b, a, b].map((store, n) =>
        revokeKey(store, id, { at: Date.now(), actor: `${n}`, reason: 'leaked' }),
      ),
    )
    expect(results.filter(Boolean)).toHaveLength(1)
    expect(await a.keys.history(id)).toHaveLength(2)
  })

  test('of several service users of one name at once, one is made', async () => {
    const [a, b] = [openNode(), openNode()]
    await a.migrate()
    const results = await Promise.allSettled(
      [a, b, a, b].map((store) => store.keys.createServiceUser(serviceUser({ name: 'same' }))),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(
      results.filter((result) => result.status === 'rejected' && result.reason.code === 'name_taken'),
    ).toHaveLength(3)
    expect((await a.lookups.poll(0)).epoch).toBe(1)
  })

  test('a poll is bounded, and says by its length that there is more', async () => {
    const store = openNode()
    await store.migrate()
    await openDatabase().script(`
      INSERT INTO postern.changes SELECT n, 'a', 'service-key', gen_random_uuid(), 'created', NULL, now()
        FROM generate_series(1, ${pollLimit + 5}) n;
      UPDATE postern.change_counter SET epoch = ${pollLimit + 5}`)
    const first = await store.lookups.poll(0)
    expect(first.changes).toHaveLength(pollLimit)
    expect(first.epoch).toBe(pollLimit + 5)
    expect((await store.lookups.poll(pollLimit)).changes).toHaveLength(5)
  })
})

describe('the trail on several nodes at once', () => {
  test('batches that touch the same keys in opposite orders wait for each other and never deadlock', async () => {
    const nodes = [openNode(), openNode()]
    const [first] = nodes
    await first?.migrate()
    const keys = first === undefined ? [] : await createKeys(first, 40)
    const ids = keys.map(({ key }) => key.id)
    const database = openDatabase()
    await addFillers(database)
    const start = Date.UTC(2027, 0)
    const rounds = 25
    await Promise.all(
      nodes.flatMap((store, node) =>
        [0, 1, 2].map(async (lane) => {
          for (let round = 0; round < rounds; round++) {
            const order = (node + lane + round) % 2 === 0 ? ids : ids.toReversed()
            const lastUsed = order.map((id): [string, number] => [id, start + round * 10 + lane])
            await store.trail.append(batchOf([call({ writer: `${node}` })], [], lastUsed))
          }
        }),
      ),
    )
    for (const id of ids)
      expect((await first?.keys.findKey(id))?.key.lastUsedAt).toBe(start + (rounds - 1) * 10 + 2)
    expect((await first?.trail.list({ limit: 1000 }))?.data).toHaveLength(150)
    await expectNoDeadlock(nodes)
  })

  test('one batch appended by several nodes at once is there once, in whatever order, without a deadlock', async () => {
    const nodes = [openNode(), openNode(), openNode()]
    await nodes[0]?.migrate()
    const ids: string[] = []
    for (let round = 0; round < 12; round++) {
      const calls = Array.from({ length: 512 }, () => call({ outcome: null }))
      ids.push(...calls.map(({ id }) => id))
      const ends = calls.map(({ id }) => end(id))
      await Promise.all(
        nodes.map((store, n) =>
          store.trail.append(
            batchOf(n === 1 ? calls.toReversed() : calls, n === 2 ? ends.toReversed() : ends),
          ),
        ),
      )
    }
    const rows = (await nodes[0]?.trail.list({ limit: 10_000 }))?.data ?? []
    expect(rows.map(({ id }) => id).sort()).toEqual(ids.sort())
    expect(rows.every(({ outcome }) => outcome === 'succeeded')).toBe(true)
    await expectNoDeadlock(nodes)
  })
})

async function expectNoDeadlock(nodes: readonly Store[]): Promise<void> {
  // A session counts its deadlocks at the latest when it ends.
  for (const node of nodes) await node.close()
  expect(
    await openDatabase().query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'),
  ).toEqual([{ deadlocks: 0 }])
}

describe('the tables', () => {
  test('hold no token, nor anything from which one could be made (T15)', async () => {
    const store = openNode()
    await store.migrate()
    const [made] = await createKeys(store, 1)
    if (made === undefined) throw new Error('no key')
    await store.trail.append(batchOf([call({ keyId: made.key.id })], [], [[made.key.id, Date.now()]]))
    await revokeKey(store, made.key.id, { at: Date.now(), actor: 'admin:bo', reason: 'leaked' })
    const { user } = (await store.keys.findKey(made.key.id)) ?? { user: serviceUser() }
    await store.notices.add(notice(made.key, user))
    const database = openDatabase()
    const tables = await database.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'postern'`,
    )
    expect(tables.length).toBeGreaterThanOrEqual(12)
    let dump = ''
    for (const { name } of tables)
      for (const { row } of await database.query<{ row: string }>(
        `SELECT t::text AS row FROM postern.${name} t`,
      ))
        dump += `${row}\n`
    expect(dump).toContain(made.digest.toString('hex'))
    expect(dump).toContain(made.key.start)
    // Beyond its shown start, no run of eight of the token's characters, nor of its bytes in hex.
    const secret = made.token.slice(made.key.start.length)
    for (let from = 0; from + 8 <= secret.length; from++) {
      expect(dump).not.toContain(secret.slice(from, from + 8))
      expect(dump).not.toContain(Buffer.from(secret.slice(from, from + 8)).toString('hex'))
    }
  })

  test('are reached by index: a lookup reads no more however many keys there are', async () => {
    const store = openNode()
    await store.migrate()
    const [made] = await createKeys(store, 1)
    await addFillers(openDatabase())
    for (let n = 0; n < 10; n++) {
      const digests = Array.from({ length: 20 }, () => randomBytes(32))
      expect((await store.lookups.lookup([...digests, made?.digest ?? randomBytes(32)])).keys).toHaveLength(1)
    }
    const [plan] = await openDatabase().query(
      `EXPLAIN (FORMAT JSON) SELECT id FROM postern.service_api_keys WHERE hashed_token = ANY ($1::bytea[])`,
      // Not an empty one: that is false for every row, and any partial index will do.
      [bytesArray([randomBytes(32)])],
    )
    expect(JSON.stringify(plan)).toContain('service_api_keys_hashed_token_unique')
  })
})

test('what a key is used for is read by index, however many calls and ends there are', async () => {
  const store = openNode()
  await store.migrate()
  const [made] = await createKeys(store, 1)
  const id = made?.key.id ?? newId(0)
  await store.trail.append(batchOf([call({ keyId: id, outcome: null })]))
  const database = openDatabase()
  await database.script(`
    INSERT INTO postern.trail_calls (id, writer, boot, sequence, at, request_id, key_id, count, last_at)
    SELECT gen_random_uuid(), 'w', 'b', n, now(), 'r', gen_random_uuid(), 1, now() FROM generate_series(1, 5000) n;
    INSERT INTO postern.trail_ends (call_id, at, outcome, duration_ms)
    SELECT id, at, 'succeeded', 1 FROM postern.trail_calls WHERE writer = 'w';
    ANALYZE`)
  let statement = ''
  let given: readonly Value[] = []
  const watched: Database = {
    ...database,
    query: (text, values = []) => {
      statement = text
      given = values
      return database.query(text, values)
    },
  }
  expect(await usageQuery(watched).usage([id], at)).toMatchObject([{ calls: 1 }])
  const plan = JSON.stringify(await database.query(`EXPLAIN (FORMAT JSON) ${statement}`, given))
  // Of their partition, in which ids without a time all are.
  expect(plan).toMatch(/trail_calls_default_key_id_id_idx/)
  expect(plan).toMatch(/trail_ends_default_pkey/)
  expect(plan).not.toMatch(/"Seq Scan"[^{}]*"trail_(calls|ends)_default/)
})

test('a role that may only read and write needs no more once the tables are there', async () => {
  const owner = openNode()
  await owner.migrate()
  const database = openDatabase()
  await database.script(`
    CREATE ROLE only_rows_${connectionString.slice(-1)} LOGIN PASSWORD 'x1';
    GRANT USAGE ON SCHEMA postern TO only_rows_${connectionString.slice(-1)};
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA postern TO only_rows_${connectionString.slice(-1)};
    GRANT DELETE ON postern.key_schedule, postern.idempotency_keys, postern.sessions, postern.accounts,
      postern.passkeys, postern.verifications TO only_rows_${connectionString.slice(-1)}`)
  const url = new URL(connectionString)
  url.username = `only_rows_${connectionString.slice(-1)}`
  url.password = 'x1'
  const store = openPostgres({ connectionString: url.href, schema: 'postern' })
  opened.push(store)
  expect(await store.migrate()).toEqual([])
  const { key } = await createUserWithKey(store, { retiresAt: at })
  await store.trail.append(batchOf([call()], [], [[key.id, Date.now()]]))
  expect((await store.trail.list({ limit: 5 })).data).toHaveLength(1)
  await schedule(store, key, at)
  const retire = { at, reason: 'the overlap ended' }
  expect(await store.notices.sweep(at, 5, () => [finding(key.id, { retire })])).toBe(1)
  await drain(store)
  await store.notices.forgetIdempotencyKeys(at)
  const people = [newId(at), newId(at + 1)]
  const digest = randomBytes(32)
  await store.people.addSetupLink({ digest, createdAt: at, expiresAt: at + 9 })
  const [id = '', other = ''] = people
  await store.people.useSetupLink(
    digest,
    { id, name: 'Ada', email: 'ada@example.com', passwordHash: 'h' },
    at,
  )
  const invitation = { email: 'bo@example.com', role: 'admin', invitedBy: 'x', createdAt: at } as const
  await store.people.invite({ ...invitation, id: newId(at), expiresAt: at + 9 }, randomBytes(32))
  await store.people.acceptInvitation(invitation, { id: other, name: 'Bo', passwordHash: 'h' }, at)
  await store.people.remove(other, { actor: 'x', at })
  await store.logins.delete('verification', [])
})
