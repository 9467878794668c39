import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startPostgres } from '../store/postgres-server.ts'
import type { PostgresServer } from '../store/postgres-server.ts'
import { callOf, mcpHeaders } from './gateway.ts'
import { cli, makePlace, startServer, trailOf } from './server.ts'
import type { ServerProcess } from './server.ts'
import { startUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'

const callers = 8
const callsARound = 150

let upstream: Upstream
let postgres: PostgresServer

beforeAll(async () => {
  ;[upstream, postgres] = await Promise.all([startUpstream(), startPostgres()])
})
afterAll(async () => {
  await Promise.all([upstream.close(), postgres.stop()])
})

describe('R3: kill -9 under load', () => {
  test.each([
    ['PGlite', 3],
    ['Postgres', 2],
  ])(
    'leaves no call without its row, none with two, and a sound database (%s, %d times)',
    async (engine, rounds) => {
      const database = engine === 'Postgres' ? await postgres.createDatabase() : undefined
      const { cwd, dataDir } = await makePlace({
        log: { level: 'warn' },
        ...(database === undefined ? {} : { database }),
        routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${upstream.origin}/mcp` }],
      })
      const received: string[] = []
      upstream.answer(async (got, response, request) => {
        await got.whole
        const { params } = JSON.parse(got.body.toString()) as { params: { name: string } }
        received.push(params.name)
        // Some stay open for a while, so that there are calls of every stage when the end comes.
        setTimeout(
          () => {
            const type = received.length % 5 === 0 ? 'text/event-stream' : 'application/json'
            response.writeHead(200, { 'content-type': type }).end('{"jsonrpc":"2.0","id":1,"result":{}}')
          },
          (received.length % 7) * 3,
        )
        request.resume()
      })

      let isOver = false
      let server: ServerProcess | null = null
      onTestFinished(async () => {
        isOver = true
        await server?.end('SIGKILL')
        await rm(cwd, { recursive: true, force: true })
      })
      server = await startServer(cwd)
      await cli(cwd, 'service-users', 'create', 'agent', '--owner', 'team@example.com')
      const { token } = await cli<{ token: string }>(cwd, 'keys', 'create', '--service-user', 'agent')

      const answered: string[] = []
      let count = 0
      async function callUntilOver(): Promise<void> {
        while (!isOver) {
          if (server === null) {
            await new Promise((resolve) => setTimeout(resolve, 10))
            continue
          }
          const name = `call-${++count}`
          try {
            const response = await fetch(server.ready.mcpUrl ?? '', {
              method: 'POST',
              headers: { ...mcpHeaders, authorization: `Bearer ${token}` },
              body: callOf(name),
            })
            // The head alone: its row has to be there from then on.
            if (response.status === 200) answered.push(name)
            await response.arrayBuffer()
          } catch {
            // Killed under way.
          }
        }
      }
      const load = Array.from({ length: callers }, callUntilOver)
      for (let round = 1; round <= rounds; round++) {
        await expect.poll(() => answered.length, { timeout: 30_000 }).toBeGreaterThan(round * callsARound)
        const killed: ServerProcess = server
        server = null
        await killed.end('SIGKILL')
        server = await startServer(cwd)
      }
      await expect
        .poll(() => answered.length, { timeout: 30_000 })
        .toBeGreaterThan((rounds + 1) * callsARound)
      isOver = true
      await Promise.all(load)
      expect(await server.end('SIGTERM')).toBe(0)
      expect(server.stderr()).not.toContain('corrupt')

      const rows = await trailOf(dataDir, database)
      const times = new Map<string, number>()
      for (const { tool } of rows) times.set(tool ?? '', (times.get(tool ?? '') ?? 0) + 1)
      expect(received.filter((name) => times.get(name) !== 1)).toEqual([])
      expect(answered.filter((name) => times.get(name) !== 1)).toEqual([])
      expect([...times].filter(([, count]) => count !== 1)).toEqual([])
      // What was answered by the last run, which ended in order, has its outcome.
      const last = rows.filter(({ boot }) => boot === rows.at(-1)?.boot)
      expect(last.filter(({ outcome }) => outcome !== 'succeeded')).toEqual([])
      // Each run numbered its rows from 1, and none of them is missing.
      const runs = groupByBoot(rows)
      expect(runs.size).toBe(rounds + 1)
      for (const run of runs.values()) {
        const numbers = run.map(({ sequence }) => sequence).sort((a, b) => a - b)
        expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1))
      }
      expect(new Set(rows.map(({ writer }) => writer)).size).toBe(1)
    },
    120_000,
  )
})

test('T35: a call that ran while the database was away is in the trail once, with its end, after a kill -9 too', async () => {
  const { cwd, dataDir } = await makePlace({
    log: { level: 'fatal' },
    database: await postgres.createDatabase(),
    routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${upstream.origin}/mcp` }],
  })
  const server = await startServer(cwd)
  onTestFinished(async () => {
    await server.end('SIGKILL')
    await rm(cwd, { recursive: true, force: true })
  })
  await cli(cwd, 'service-users', 'create', 'agent', '--owner', 'team@example.com')
  const { token } = await cli<{ token: string }>(cwd, 'keys', 'create', '--service-user', 'agent')
  upstream.answer(async (received, response) => {
    await received.whole
    await postgres.kill()
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const response = await fetch(server.ready.mcpUrl ?? '', {
    method: 'POST',
    headers: { ...mcpHeaders, authorization: `Bearer ${token}` },
    body: callOf('once'),
  })
  expect(response.status).toBe(500)
  await response.arrayBuffer()
  await server.end('SIGKILL')
  await postgres.restart()
  const again = await startServer(cwd)
  onTestFinished(async () => void (await again.end('SIGKILL')))
  expect(await again.end('SIGTERM')).toBe(0)
  const settings = JSON.parse(await readFile(join(cwd, 'postern.config.json'), 'utf8')) as {
    database: string
  }
  const rows = (await trailOf(dataDir, settings.database)).filter(({ outcome }) => outcome !== 'denied')
  expect(rows).toMatchObject([
    { tool: 'once', outcome: 'succeeded', reason: 'executed_unrecorded', status: 500 },
  ])
}, 60_000)

function groupByBoot<R extends { boot: string }>(rows: readonly R[]): Map<string, R[]> {
  const groups = new Map<string, R[]>()
  for (const row of rows) groups.set(row.boot, [...(groups.get(row.boot) ?? []), row])
  return groups
}
