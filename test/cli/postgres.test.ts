import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { serverPassword, startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { run, type Ran } from './bin.ts'

// Each command is a process of its own, and most open a database.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let cwd: string
let server: PostgresServer
let database: string
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'postern-cli-'))
  server = await startPostgres()
  database = await server.createDatabase()
})
afterAll(async () => {
  await server.stop()
  rmSync(cwd, { recursive: true, force: true })
})

test('on Postgres with no server, the CLI needs no data directory, and makes none', async () => {
  const postern = async (...args: string[]): Promise<Ran> => {
    const ran = await run(args, { cwd, env: { DATABASE_URL: database } })
    expect(ran.stdout + ran.stderr).not.toContain(serverPassword)
    return ran
  }
  const early = await postern('keys', 'list')
  expect([early.code, early.stderr]).toEqual([
    1,
    expect.stringMatching(/^postern: [^\n]*postern migrate[^\n]*\n$/),
  ])
  expect((await postern('migrate')).stdout).toContain('Applied: 1')
  await postern('service-users', 'create', 'bot', '--owner', 'team@example.com')
  expect(await postern('keys', 'create', '--service-user', 'bot', '--json')).toMatchObject({ code: 0 })
  // Into a pipe there is nowhere to put a secret: refused before there is one.
  expect(await postern('keys', 'create', '--service-user', 'bot')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('use --json') as string,
  })
  const { stdout } = await postern('keys', 'list', '--json')
  expect((JSON.parse(stdout) as { data: unknown[] }).data).toHaveLength(1)
  expect(existsSync(join(cwd, '.postern'))).toBe(false)
})
