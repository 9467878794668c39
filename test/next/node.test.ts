import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { socketPathFor } from '../../src/admin/socket.ts'
import { parseConfig } from '../../src/config.ts'
import { createCron } from '../../src/next/cron.ts'
import { useNode } from '../../src/next/node.ts'
import { processWide } from '../../src/next/process-wide.ts'
import { acquireLock, readLock } from '../../src/store/lock.ts'

const newConfig = () => {
  const data = join(mkdtempSync(join(tmpdir(), 'postern-node-')), 'data')
  return parseConfig({ data, log: { level: 'silent' } }, {}, '/')
}
const config = newConfig()
const text = JSON.stringify(config)
const shared = processWide<{ slot?: { opening: Promise<{ held: { close(): Promise<void> } }> } }>(
  'node',
  () => ({}),
)

afterAll(async () => {
  const opened = await shared.slot?.opening.catch(() => null)
  await opened?.held.close()
})

it('is one for all module instances of the process, and holds the data directory with its socket', async () => {
  const node = await useNode(config, text)
  vi.resetModules()
  const another = await import('../../src/next/node.ts')
  expect(another.useNode).not.toBe(useNode)
  expect(await another.useNode(config, text)).toBe(node)
  expect(readLock(config.dataDir)).toMatchObject({ alive: true, holder: { pid: process.pid } })
  expect(existsSync(socketPathFor(config.dataDir))).toBe(true)
})

it('refuses a second set of settings in production, and takes it up in development', async () => {
  const first = await useNode(config, text)
  const edited = newConfig()
  vi.stubEnv('NODE_ENV', 'production')
  await expect(useNode(edited, JSON.stringify(edited))).rejects.toThrow('two different settings')
  vi.stubEnv('NODE_ENV', 'development')
  const second = await useNode(edited, JSON.stringify(edited))
  vi.unstubAllEnvs()
  expect(second).not.toBe(first)
  // What ran before has given its directory back.
  const lock = await acquireLock(config.dataDir, { socketPath: null })
  lock.release()
  expect(await useNode(config, text)).not.toBe(second)
})

it('lets a scheduler in by its secret only', async () => {
  const use = () => useNode(config, text)
  const ask = (secret: string | undefined, authorization: string) =>
    createCron({ secret, use })(new Request('http://app/api/cron', { headers: { authorization } }))
  const secret = 'a secret of the scheduler'
  expect((await ask(undefined, 'Bearer undefined')).status).toBe(503)
  expect((await ask('short', 'Bearer short')).status).toBe(503)
  expect((await ask(secret, 'Bearer another')).status).toBe(401)
  const done = await ask(secret, `Bearer ${secret}`)
  expect(done.status).toBe(200)
  expect(await done.json()).toMatchObject({ code: 'done', swept: 0 })
})
