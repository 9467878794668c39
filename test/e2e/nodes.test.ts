import { rm } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { AcknowledgementJson, RestoreAcknowledgedJson } from '../../src/admin/schemas-nodes.ts'
import { parseConfig } from '../../src/config.ts'
import type { Keys } from '../../src/keys/keys.ts'
import { createPostern } from '../../src/postern.ts'
import { openPostgresDatabase } from '../../src/store/postgres.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { run } from '../cli/bin.ts'
import { makePlace, startServer, type ServerProcess } from './server.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** Several gateways, each a process, on one real Postgres. */

vi.setConfig({ testTimeout: 60_000 })

let postgres: PostgresServer
let upstream: Upstream
beforeAll(async () => {
  postgres = await startPostgres()
  upstream = await startUpstream()
})
afterAll(async () => {
  await postgres.stop()
  await upstream.close()
})

const servers: ServerProcess[] = []
const places: string[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end('SIGKILL')))
  await Promise.all(places.splice(0).map((place) => rm(place, { recursive: true, force: true })))
})

async function place(): Promise<string> {
  const { cwd } = await makePlace({
    routes: [{ path: '/x', accepts: ['service-key'], upstream: upstream.origin }],
    log: { level: 'warn' },
  })
  places.push(cwd)
  return cwd
}

async function node(database: string, cwd?: string): Promise<ServerProcess & { cwd: string }> {
  const at = cwd ?? (await place())
  const server = await startServer(at, [], { DATABASE_URL: database })
  servers.push(server)
  return { ...server, cwd: at }
}

async function command<T>(cwd: string, database: string, ...args: string[]): Promise<T> {
  const ran = await run([...args, '--json', '--data', `${cwd}/data`], {
    cwd,
    env: { DATABASE_URL: database },
  })
  if (ran.code !== 0) throw new Error(`${args.join(' ')}: ${ran.stderr}`)
  return JSON.parse(ran.stdout) as T
}

async function status(server: ServerProcess, token: string): Promise<number> {
  const answer = await fetch(`${server.ready.url}/x`, { headers: { authorization: `Bearer ${token}` } })
  await answer.body?.cancel()
  return answer.status
}

interface Key {
  id: string
  token: string
}

/** An administrator in this process: commands of their own take a second each. */
async function administering<T>(database: string, work: (keys: Keys) => Promise<T>): Promise<T> {
  const postern = createPostern(parseConfig({ database, log: { level: 'silent' } }, {}, '/nowhere'))
  try {
    return await work(postern.keys)
  } finally {
    await postern.close()
  }
}

function issue(database: string, name: string): Promise<Key> {
  return administering(database, async (keys) => {
    await keys.createServiceUser({ name, owner: 'ada@example.com' }, 'test')
    const { key, token } = await keys.issue({ serviceUser: name }, 'test')
    return { id: key.key.id, token }
  })
}

/** Until every node has applied the last change: a lookup may tell of one before. */
async function allApplied(database: string): Promise<void> {
  const queries = openPostgresDatabase({ connectionString: database })
  const behind = () =>
    queries.query(
      'SELECT n.boot FROM postern.nodes n, postern.change_counter c WHERE n.applied_epoch < c.epoch',
    )
  await expect.poll(behind, { timeout: 5_000 }).toEqual([])
  await queries.close()
}

type Revoked = Key & { acknowledgement: AcknowledgementJson }
const live = async (cwd: string, database: string) =>
  (await command<{ data: { check: string; level: string; message: string }[] }>(cwd, database, 'doctor')).data

describe('keys revoke --wait', () => {
  test('returns when every node refuses the key, and says who has applied it', async () => {
    const database = await postgres.createDatabase()
    const nodes = [await node(database), await node(database), await node(database)]
    const [{ cwd }] = nodes as [ServerProcess & { cwd: string }]
    for (let round = 0; round < 3; round++) {
      const key = await issue(database, `user-${round}`)
      for (const each of nodes) await expect.poll(() => status(each, key.token)).toBe(200)
      const { acknowledgement } = await command<Revoked>(cwd, database, 'keys', 'revoke', key.id, '--wait')
      // Whoever asks after the command has returned is refused, wherever.
      expect(await Promise.all(nodes.map((each) => status(each, key.token)))).toEqual([401, 401, 401])
      expect(acknowledgement.nodes.map(({ standing }) => standing)).toEqual(Array(3).fill('acknowledged'))
      expect(acknowledgement.tookMs).toBeLessThan(1000)
    }
    expect((await live(cwd, database)).filter(({ check }) => check === 'node')).toHaveLength(3)
  })

  test('waits for the lease of a node that was stopped in its tracks, and no longer', async () => {
    const database = await postgres.createDatabase()
    const [runs, stalls] = [await node(database), await node(database)]
    const key = await issue(database, 'user')
    for (const each of [runs, stalls]) await expect.poll(() => status(each, key.token)).toBe(200)
    stalls.child.kill('SIGSTOP')
    const { acknowledgement } = await command<Revoked>(runs.cwd, database, 'keys', 'revoke', key.id, '--wait')
    expect(acknowledgement.nodes.map(({ standing }) => standing).sort()).toEqual([
      'acknowledged',
      'lease-ended',
    ])
    expect(acknowledgement.tookMs).toBeGreaterThanOrEqual(900)
    const asked = status(stalls, key.token)
    stalls.child.kill('SIGCONT')
    // Not fresh, or fresh again and revoked; never let through.
    expect([401, 503]).toContain(await asked)
  })

  test('does not wait for a node that left', async () => {
    const database = await postgres.createDatabase()
    const [stays, leaves] = [await node(database), await node(database)]
    const key = await issue(database, 'user')
    expect(await leaves.end('SIGTERM')).toBe(0)
    const { acknowledgement } = await command<Revoked>(
      stays.cwd,
      database,
      'keys',
      'revoke',
      key.id,
      '--wait',
    )
    expect(acknowledgement.nodes).toHaveLength(1)
  })

  test('is there for the end of a service user, too', async () => {
    const database = await postgres.createDatabase()
    const [a, b] = [await node(database), await node(database)]
    const key = await issue(database, 'user')
    for (const each of [a, b]) await expect.poll(() => status(each, key.token)).toBe(200)
    const args = ['service-users', 'disable', 'user', '--wait']
    const { acknowledgement } = await command<Revoked>(a.cwd, database, ...args)
    expect(await Promise.all([a, b].map((each) => status(each, key.token)))).toEqual([401, 401])
    expect(acknowledgement.nodes).toHaveLength(2)
  })
})

describe('a database that was restored from a backup', () => {
  /** The counter and the keys as they were: what a backup from before the last changes brings back. */
  async function backUp(database: string): Promise<() => Promise<void>> {
    const queries = openPostgresDatabase({ connectionString: database })
    await queries.script(`
      CREATE SCHEMA backup;
      CREATE TABLE backup.keys AS SELECT * FROM postern.service_api_keys;
      CREATE TABLE backup.counter AS SELECT * FROM postern.change_counter`)
    await queries.close()
    return async () => {
      const restoring = openPostgresDatabase({ connectionString: database })
      await restoring.script(`
        BEGIN;
        DELETE FROM postern.changes WHERE epoch > (SELECT epoch FROM backup.counter);
        UPDATE postern.change_counter SET epoch = (SELECT epoch FROM backup.counter);
        UPDATE postern.service_api_keys k SET revoked_at = b.revoked_at, revoked_reason = b.revoked_reason
          FROM backup.keys b WHERE b.id = k.id;
        COMMIT`)
      await restoring.close()
    }
  }

  test('is refused by every node, over their restarts, until it is acknowledged', async () => {
    const database = await postgres.createDatabase()
    const [a, b] = [await node(database), await node(database)]
    const key = await issue(database, 'user')
    const restore = await backUp(database)
    await administering(database, (keys) => keys.revoke(key.id, 'leaked', 'test'))
    await allApplied(database)
    await restore()
    // Here is the key again, not revoked: nobody may take it.
    for (const each of [a, b]) await expect.poll(() => status(each, key.token)).toBe(503)
    expect(await b.end('SIGKILL')).not.toBe(0)
    const restarted = await node(database, b.cwd)
    expect(await status(restarted, key.token)).toBe(503)

    // More changes than were lost do not hide it.
    await issue(database, 'another')
    await issue(database, 'a third')
    for (const each of [a, restarted]) expect(await status(each, key.token)).toBe(503)
    const doctor = await run(['doctor', '--json', '--data', `${a.cwd}/data`], {
      cwd: a.cwd,
      env: { DATABASE_URL: database },
    })
    expect(doctor.stdout).toMatch(/refuses every key \((?:epoch_went_back|history_differs)\)/)

    const done = await command<RestoreAcknowledgedJson>(
      ...([a.cwd, database, 'restore-ack', '--reason', 'restored in a test'] as const),
    )
    expect(done.epoch).toBeGreaterThan(done.highestApplied)
    for (const each of [a, restarted]) await expect.poll(() => status(each, key.token)).toBe(200)
    const revoked = await command<Revoked>(a.cwd, database, 'keys', 'revoke', key.id, '--wait')
    expect(revoked.acknowledgement.epoch).toBe(done.epoch + 1)
    expect(await Promise.all([a, restarted].map((each) => status(each, key.token)))).toEqual([401, 401])
  })

  test('is found out by a node that was not running then', async () => {
    const database = await postgres.createDatabase()
    const a = await node(database)
    const key = await issue(database, 'user')
    expect(await a.end('SIGTERM')).toBe(0)
    await copyDatabase(database, { to: 'backup', from: nameOf(database) })
    const again = await node(database, a.cwd)
    await administering(database, (keys) => keys.revoke(key.id, 'leaked', 'test'))
    await allApplied(database)
    expect(await again.end('SIGTERM')).toBe(0)
    await copyDatabase(database, { to: nameOf(database), from: 'backup' })
    const restarted = await node(database, a.cwd)
    expect(await status(restarted, key.token)).toBe(503)
    const done = await command<RestoreAcknowledgedJson>(
      ...([a.cwd, database, 'restore-ack', '--reason', 'played back'] as const),
    )
    expect(done).toMatchObject({ lostChanges: 1, checkpoint: null })
    await expect.poll(() => status(restarted, key.token)).toBe(200)
    // And what is known now is known after a restart.
    expect(await restarted.end('SIGTERM')).toBe(0)
    const last = await node(database, a.cwd)
    await expect.poll(() => status(last, key.token)).toBe(200)
  })
})

function nameOf(database: string): string {
  return new URL(database).pathname.slice(1)
}

/** One database in place of another, file by file: nothing may be connected to either. */
async function copyDatabase(database: string, { from, to }: { from: string; to: string }): Promise<void> {
  const url = new URL(database)
  url.pathname = '/postgres'
  const queries = openPostgresDatabase({ connectionString: url.href })
  try {
    await queries.script(`DROP DATABASE IF EXISTS ${to}`)
    await queries.script(`CREATE DATABASE ${to} TEMPLATE ${from}`)
  } finally {
    await queries.close()
  }
}
