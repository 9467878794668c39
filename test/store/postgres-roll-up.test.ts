import { expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { KeyFilter } from '../../src/domain/key-store.ts'
import { keySorts } from '../../src/domain/key-store.ts'
import type { Database, Value } from '../../src/store/database.ts'
import { listKeysQuery } from '../../src/store/queries/list-keys.ts'
import { usageQueries } from '../../src/store/queries/usage-over-time.ts'
import { useNodes } from './nodes.ts'
import { at, batchOf, call, createUserWithKey, end } from './records.ts'

const nodes = useNodes()
const dayMs = 86_400_000

/** How often each outcome is in the trail, and in the roll-ups. */
async function bothCounts() {
  const inTrail = await nodes.database.query(
    `SELECT key_id, tool, outcome, sum(count)::bigint AS calls FROM postern.trail
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
  )
  const inRollUps = await nodes.database.query(
    `SELECT key_id, tool, outcome, sum(calls)::bigint AS calls FROM postern.usage_hourly
     GROUP BY 1, 2, 3 HAVING sum(calls) <> 0 ORDER BY 1, 2, 3`,
  )
  const byDay = await nodes.database.query<{ calls: number; refused: number }>(
    `SELECT sum(calls)::bigint AS calls, sum(refused)::bigint AS refused FROM postern.usage_daily`,
  )
  return { inTrail, inRollUps, byDay: byDay[0] }
}

test('batches that nodes write at once, some of them the same, count each call once and never deadlock', async () => {
  const keys = [newId(at), newId(at), newId(at)]
  let total = 0
  for (let round = 0; round < 12; round++) {
    const batches = Array.from({ length: 6 }, (_, lane) => {
      const calls = Array.from({ length: 20 }, (_item, n) =>
        call({
          keyId: keys[n % 3] ?? null,
          tool: ['forecast', 'plan'][n % 2] ?? null,
          writer: `node-${lane % 3}`,
          outcome: n % 4 === 0 ? null : 'succeeded',
        }),
      )
      total += calls.length
      const ends = calls.flatMap(({ id, outcome }, n) =>
        outcome === null && n % 8 === 0 ? [end(id, { outcome: 'failed' })] : [],
      )
      return { plain: calls.filter(({ outcome }) => outcome !== null), all: batchOf(calls, ends) }
    })
    await Promise.all(
      batches.flatMap(({ plain, all }, lane) => [
        nodes.a.trail.append(lane % 2 === 0 ? all : batchOf(plain)),
        nodes.b.trail.append(lane % 2 === 0 ? batchOf(plain) : all),
        nodes.b.trail.append(all),
      ]),
    )
  }
  const { inTrail, inRollUps, byDay } = await bothCounts()
  expect(inRollUps).toEqual(inTrail)
  expect(byDay).toEqual({ calls: total, refused: 0 })
  const [database] = await nodes.database.query(
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  )
  expect(database).toEqual({ deadlocks: 0 })
})

test('nodes add to one hour of one key without waiting for each other', async () => {
  const keyId = newId(at)
  const [one, two] = [call({ keyId, writer: 'node-1' }), call({ keyId, writer: 'node-2' })]
  await nodes.a.trail.append(batchOf([one, two]))
  await nodes.database.transaction(async (queries) => {
    await queries.query("SELECT 1 FROM postern.usage_hourly WHERE writer = 'node-1' FOR UPDATE")
    await queries.query("SELECT 1 FROM postern.usage_daily WHERE writer = 'node-1' FOR UPDATE")
    await nodes.a.trail.append(batchOf([call({ keyId, writer: 'node-2' })]))
  })
  expect(await nodes.a.usage.tools(keyId, at, at + 1)).toMatchObject([{ calls: { succeeded: 3 } }])
})

test('lists of keys and what a key did are read without the trail, and by index where there is much', async () => {
  const { key, user } = await createUserWithKey(nodes.a)
  await nodes.a.trail.append(batchOf([call({ keyId: key.id })]))
  await nodes.database.script(`
    INSERT INTO postern.usage_hourly (key_id, hour, tool, outcome, writer, calls, last_at)
    SELECT gen_random_uuid(), date_trunc('hour', now()), 'forecast', 'succeeded', 'w', 1, now()
    FROM generate_series(1, 20000) n;
    INSERT INTO postern.usage_daily (day, key_id, writer, calls, refused)
    SELECT current_date - n % 400, gen_random_uuid(), 'w', 1, 0 FROM generate_series(1, 20000) n;
    ANALYZE`)
  const plans: string[] = []
  const watched: Database = {
    ...nodes.database,
    async query(text, values: readonly Value[] = []) {
      plans.push(JSON.stringify(await nodes.database.query(`EXPLAIN (FORMAT JSON) ${text}`, values)))
      return nodes.database.query(text, values)
    },
  }
  const explained = async (work: () => Promise<unknown>): Promise<string> => {
    plans.length = 0
    await work()
    return plans.join('\n')
  }
  const filter: KeyFilter = {
    ...{ search: 'desk', owner: user.owner ?? '', customer: 'acme', states: ['active'], unusedSince: at },
    ...{ expiringBefore: at + dayMs, tool: 'forecast', limit: 50, now: at },
  }
  for (const sort of keySorts)
    for (const asked of [filter, { limit: 50, now: at }]) {
      const plan = await explained(() => listKeysQuery(watched).listKeys({ ...asked, sort }))
      expect(plan).not.toContain('trail_')
      expect(plan).not.toMatch(/"Seq Scan"[^{}]*"usage_hourly/)
    }
  const usage = usageQueries(watched)
  for (const [name, work] of Object.entries({
    usage_daily_once: () => usage.days([key.id], '2026-10-25', '2026-11-23'),
    usage_hourly_once: async () => [
      await usage.overTime(key.id, at - dayMs, at, 'hour'),
      await usage.tools(key.id, at - dayMs, at),
      await usage.areUsed(key.id, [['forecast_', '']], at - dayMs, at),
    ],
    usage_hourly_known: () => usage.knownTools(100),
  })) {
    const plan = await explained(work)
    expect(plan).toContain(name)
    expect(plan).not.toMatch(/trail_|"Seq Scan"/)
  }
})
