import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createVerifier } from '../../src/audit/verify/verify-trail.ts'
import { newId } from '../../src/domain/id.ts'
import type { Clock, Store } from '../../src/domain/ports.ts'
import { weekOf, type CheckpointStore } from '../../src/domain/sealed-trail.ts'
import type { Database } from '../../src/store/database.ts'
import { openPgliteDatabase } from '../../src/store/pglite.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations.gen.ts'
import { checkpointQueries } from '../../src/store/queries/checkpoints.ts'
import { listTrailQuery } from '../../src/store/queries/list-trail.ts'
import { sealedTrailQueries } from '../../src/store/queries/sealed-trail.ts'
import { upkeepQueries } from '../../src/store/queries/upkeep.ts'
import { inSchema } from '../../src/store/schema.ts'
import { createCheckpoints } from '../../src/upkeep/checkpoints.ts'
import { exportSealed } from '../../src/upkeep/export-sealed.ts'
import { createTidy } from '../../src/upkeep/tidy.ts'
import { call, end } from '../store/records.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { sealedWriter } from '../store/sealed-batches.ts'

const dayMs = 86_400_000
const weekMs = 7 * dayMs
const { privateKey } = generateKeyPairSync('ed25519')

let server: PostgresServer
let directory: string
beforeAll(async () => {
  server = await startPostgres()
  directory = await mkdtemp(join(tmpdir(), 'postern-retention-'))
})
afterAll(async () => {
  await server.stop()
  await rm(directory, { recursive: true, force: true })
})

let directories = 0
const engines: [string, () => Promise<Database>][] = [
  ['Postgres', async () => openPostgresDatabase({ connectionString: await server.createDatabase() })],
  ['PGlite', async () => openPgliteDatabase({ directory: join(directory, String(++directories)) })],
]

/** A store whose clocks say what the test wants. */
function at(store: CheckpointStore, clock: Pick<Clock, 'now'>): CheckpointStore {
  return { ...store, moment: async () => ({ epoch: 3, restoredEpoch: 0, now: clock.now() }) }
}

async function linesOf(parts: Pick<Store, 'sealedTrail' | 'checkpoints'>): Promise<string[]> {
  let text = ''
  for await (const piece of exportSealed(parts, { after: null })) text += piece
  return text.split('\n').slice(0, -1)
}

function faultOf(lines: readonly string[]) {
  const verifier = createVerifier({ keys: [], isPartial: false })
  for (const line of lines) if (!verifier.read(line)) break
  return verifier.end()
}

describe.each(engines)('on %s', (_, open) => {
  test('what retention takes is told from what somebody deletes', async () => {
    const raw = await open()
    const database = inSchema(raw, 'postern')
    await migrate(database, 'postern', migrations)
    // Monday of a week in the future, so that nothing of this is in the first partition.
    const monday = weekOf(Date.now()) + 4 * weekMs
    let now = monday - 3 * dayMs
    const clock = { now: () => now }
    const store = {
      upkeep: upkeepQueries(database),
      sealedTrail: sealedTrailQueries(database),
      checkpoints: at(checkpointQueries(database), clock),
    }
    const signer = createCheckpoints({
      ...{ trail: store.sealedTrail, store: store.checkpoints, clock, keepMs: 2 * weekMs },
      key: () => privateKey,
    })
    const tidy = createTidy(store)
    const writers = [sealedWriter(database, 'node-a'), sealedWriter(database, 'node-b')]
    await tidy.pass(() => false)

    const open3: string[] = []
    const stepMs = 40_000
    async function live(until: number, step = stepMs): Promise<void> {
      for (; now < until; now += step)
        for (const [index, write] of writers.entries()) {
          const calls = [0, 1, 2]
            .map((n) => {
              const id = newId(now - 5000 + n)
              return call({
                id,
                at: now - 5000 + n,
                lastAt: now,
                outcome: n === 2 ? null : 'succeeded',
                writer: `node-${index}`,
              })
            })
            .sort((a, b) => (a.id < b.id ? -1 : 1))
          const waiting = calls.find(({ outcome }) => outcome === null)
          if (waiting !== undefined) open3.push(waiting.id)
          // Ends come in other batches, some of them much later.
          const ended = open3.length > 12 ? open3.splice(0, 4).sort() : []
          await write(
            calls,
            ended.map((id) => end(id)),
            now,
          )
          if (index === 1) await signer.sign()
        }
    }
    await live(monday - 3 * dayMs + 3 * stepMs)
    now = monday - 200_000
    await live(monday + 200_000)
    now = monday + dayMs
    await live(now + 4 * stepMs)

    const whole = await linesOf(store)
    expect(faultOf(whole)).toMatchObject({ fault: null, goneRows: 0, writers: 2, uncoveredBatches: 0 })
    const rowsBefore = faultOf(whole).calls

    now = monday + 2 * weekMs + 3600_000
    await signer.sign()
    const tidied = await tidy.pass(() => false)
    expect(tidied.isOver).toBe(true)
    expect(tidied.tables.length > 0 || tidied.rows > 0).toBe(true)
    const { data } = await listTrailQuery(database).list({ limit: 1000 })
    expect(data.length).toBeLessThan(rowsBefore)
    expect(data.length).toBeGreaterThan(0)
    expect(data.every(({ at: called }) => called >= monday - 5)).toBe(true)

    const left = await linesOf(store)
    const verdict = faultOf(left)
    expect(verdict.fault).toBeNull()
    expect(verdict.goneRows).toBeGreaterThan(0)
    // Batches that lost some of their rows only are still held against their roots.
    expect(left.some((line) => line.startsWith('{"gone"'))).toBe(true)

    // A row that retention may not have taken yet.
    const victim = data.at(-1)?.id ?? ''
    await database.query('DELETE FROM postern.trail_ends WHERE call_id = $1', [victim])
    await database.query('DELETE FROM postern.trail_calls WHERE id = $1', [victim])
    expect(faultOf(await linesOf(store)).fault?.code).toBe('row_missing')
    await raw.close()
  })

  test('a row that somebody put there is found, whatever it says of itself', async () => {
    const raw = await open()
    const database = inSchema(raw, 'postern')
    await migrate(database, 'postern', migrations)
    let now = Date.now() - dayMs
    const clock = { now: () => now }
    const store = {
      sealedTrail: sealedTrailQueries(database),
      checkpoints: at(checkpointQueries(database), clock),
    }
    const parts = { trail: store.sealedTrail, store: store.checkpoints, clock, keepMs: weekMs }
    const signer = createCheckpoints({ ...parts, key: () => privateKey })
    const write = sealedWriter(database, 'node-a')
    for (let n = 0; n < 4; n++) {
      await write([call({ id: newId(now), at: now })], [], now)
      now += 60_000
      await signer.sign()
    }
    expect(faultOf(await linesOf(store)).fault).toBeNull()
    const within = now - 100_000
    for (const [writer, batch, recordedAt] of [
      ['node-a', null, within],
      ['node-a', 3, within],
      ['node-a', 99, within],
      ['node-x', 1, within],
      ['node-a', 3, now - 120_000],
    ] as const) {
      const id = newId(within)
      await database.query(
        `INSERT INTO postern.trail_calls (id, writer, boot, sequence, at, request_id, count, last_at, batch, recorded_at)
         VALUES ($1, $2, 'boot', 9, now(), 'r', 1, now(), $3, $4)`,
        [id, writer, batch, new Date(recordedAt).toISOString()],
      )
      expect(faultOf(await linesOf(store)).fault?.code, `${writer} ${batch}`).toMatch(
        /row_unsealed|row_added/,
      )
      await database.query('DELETE FROM postern.trail_calls WHERE id = $1', [id])
    }
    expect(faultOf(await linesOf(store)).fault).toBeNull()
    await raw.close()
  })

  test('a clock that jumps ahead takes nothing away', async () => {
    const raw = await open()
    const database = inSchema(raw, 'postern')
    await migrate(database, 'postern', migrations)
    const store = {
      upkeep: upkeepQueries(database),
      sealedTrail: sealedTrailQueries(database),
      checkpoints: checkpointQueries(database),
    }
    const write = sealedWriter(database, 'node-a')
    await write([call({ id: newId(Date.now()), at: Date.now() })], [], Date.now())
    const signer = createCheckpoints({
      ...{ trail: store.sealedTrail, store: store.checkpoints, keepMs: weekMs, key: () => privateKey },
      clock: { now: () => Date.now() + 4000 * dayMs },
    })
    await signer.sign()
    await createTidy(store).pass(() => false)
    expect((await listTrailQuery(database).list({ limit: 9 })).data).toHaveLength(1)
    await raw.close()
  })

  test('after a restore signing goes on once that is acknowledged, and not before', async () => {
    const raw = await open()
    const database = inSchema(raw, 'postern')
    await migrate(database, 'postern', migrations)
    const [trail, store] = [sealedTrailQueries(database), checkpointQueries(database)]
    const signer = createCheckpoints({ trail, store, clock: Date, keepMs: weekMs, key: () => privateKey })
    const write = sealedWriter(database, 'node-a')
    for (const number of [1, 2]) {
      await write([call()], [], Date.now())
      expect(await signer.sign()).toMatchObject({ number })
    }
    // What a backup from before the second batch brings back.
    await database.script(`DELETE FROM postern.trail_checkpoints WHERE number = 2;
      DELETE FROM postern.trail_seals WHERE number = 2; DELETE FROM postern.trail_calls WHERE batch = 2`)
    await expect(signer.sign()).rejects.toMatchObject({ code: 'trail_tampered' })
    await database.script('UPDATE postern.change_counter SET restored_epoch = restored_epoch + 1')
    await sealedWriter(database, 'node-b')([call()], [], Date.now())
    expect(await signer.sign()).toMatchObject({ number: 2 })
    await raw.close()
  })

  test('nothing is signed on top of seals that were made anew', async () => {
    const raw = await open()
    const database = inSchema(raw, 'postern')
    await migrate(database, 'postern', migrations)
    const store = { sealedTrail: sealedTrailQueries(database), checkpoints: checkpointQueries(database) }
    const write = sealedWriter(database, 'node-a')
    const parts = {
      trail: store.sealedTrail,
      store: store.checkpoints,
      clock: Date,
      keepMs: weekMs,
      key: () => privateKey,
    }
    expect(await createCheckpoints(parts).sign()).toBeNull()
    await write([call()], [], Date.now())
    expect(await createCheckpoints(parts).sign()).toMatchObject({ number: 1, full: true })
    expect(await createCheckpoints(parts).sign()).toBeNull()
    await write([call()], [], Date.now())
    expect(await createCheckpoints(parts).sign()).toMatchObject({ number: 2, full: false })
    await database.query(
      `UPDATE postern.trail_seals SET seal = encode(sha256('other'), 'hex') WHERE number = 2`,
    )
    await expect(createCheckpoints(parts).sign()).rejects.toMatchObject({ code: 'trail_tampered' })
    await write([call()], [], Date.now())
    await expect(createCheckpoints(parts).sign()).rejects.toMatchObject({ code: 'trail_tampered' })
    await database.query('DELETE FROM postern.trail_seals')
    await expect(createCheckpoints(parts).sign()).rejects.toMatchObject({ code: 'trail_tampered' })
    await raw.close()
  })
})
