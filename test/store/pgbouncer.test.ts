import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import { openPostgres } from '../../src/store/store.ts'
import { has } from '../programs.ts'
import { conformance } from './conformance.ts'
import { startPgBouncer, type PgBouncer } from './pgbouncer.ts'
import { startPostgres, type PostgresServer } from './postgres-server.ts'
import { at, batchOf, call, createUserWithKey, end, revokeKey } from './records.ts'

describe.skipIf(!has('pgbouncer'))('behind PgBouncer in transaction mode (skipped without pgbouncer)', () => {
  let server: PostgresServer
  let bouncer: PgBouncer
  beforeAll(async () => {
    server = await startPostgres()
    bouncer = await startPgBouncer(await server.createDatabase())
  })
  afterAll(async () => {
    await bouncer.stop()
    await server.stop()
  })

  async function nodes(count: number): Promise<Store[]> {
    const connectionString = bouncer.through(await server.createDatabase())
    return Array.from({ length: count }, () => openPostgres({ connectionString, schema: 'postern' }))
  }

  conformance('Postgres', async () => {
    const [store] = await nodes(1)
    if (store === undefined) throw new Error('no store')
    return { store, end: () => store.close() }
  })

  test('several nodes look up, poll, report and append at once, and none of it fails', async () => {
    const all = await nodes(4)
    await all[0]?.migrate()
    const made = await Promise.all(all.map((store) => createUserWithKey(store)))
    const rounds = 40
    await Promise.all(
      all.flatMap((store, index) => [
        (async () => {
          for (let round = 0; round < rounds; round++) {
            const { keys } = await store.lookups.lookup(made.map(({ digest }) => digest))
            expect(keys).toHaveLength(made.length)
          }
        })(),
        (async () => {
          for (let round = 0; round < rounds; round++) await store.lookups.poll(0)
        })(),
        (async () => {
          for (let round = 0; round < rounds; round++) {
            const started = call({ writer: `node-${index}`, outcome: null })
            await store.trail.append(batchOf([started, call({ writer: `node-${index}` })], [end(started.id)]))
          }
        })(),
        (async () => {
          for (let round = 0; round < rounds / 4; round++) {
            await store.nodes.report({
              ...{ id: `${index}`, boot: `${index}`, host: 'h', version: '1', appliedEpoch: round },
              ...{ leaseAgeMs: 1, clockOffsetMs: null, refusing: null },
            })
            await store.jobs.acquire('job', `${index}`, 10)
          }
        })(),
      ]),
    )
    const rows = await all[0]?.trail.list({ limit: 1000 })
    expect(rows?.data).toHaveLength(all.length * rounds * 2)
    await Promise.all(all.map((store) => store.close()))
  })

  test('many lookups that are on the way at once each have their own answer', async () => {
    const [a, b] = await nodes(2)
    if (a === undefined || b === undefined) throw new Error('no store')
    await a.migrate()
    const made = [await createUserWithKey(a), await createUserWithKey(b), await createUserWithKey(a)]
    const asked = Array.from({ length: 300 }, (_, index) => ({
      store: index % 2 === 0 ? a : b,
      wanted: made[index % made.length],
    }))
    await Promise.all(
      asked.map(async ({ store, wanted }) => {
        const { keys } = await store.lookups.lookup(wanted === undefined ? [] : [wanted.digest])
        expect(keys.map(({ id }) => id)).toEqual([wanted?.key.id])
      }),
    )
    await revokeKey(a, made[0]?.key.id ?? '', { at, actor: 'a', reason: 'b' })
    expect(
      (await b.lookups.lookup(made.map(({ digest }) => digest))).keys.filter((key) => key.revokedAt),
    ).toHaveLength(1)
    await a.close()
    await b.close()
  })
})
