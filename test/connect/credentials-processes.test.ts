import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { rolldown } from 'rolldown'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { selfRotationPath } from '../../src/config.ts'
import { startDemo, type Demo } from '../../src/demo/server.ts'
import { onKeyStage, type KeyStage } from './credentials-stage.ts'

/** The bridge as it is shipped, in processes of its own, with the official client at their other end. */

let stage: KeyStage
let demo: Demo
let folder: string
let program: string
const bridges: Bridge[] = []
onKeyStage(
  (ready) => {
    stage = ready
  },
  async () => (demo = await startDemo()).url,
)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-connect-'))
  program = join(folder, 'connect.mjs')
  const input = join(import.meta.dirname, '../../connect/src/main.ts')
  const bundle = await rolldown({ input, platform: 'node', logLevel: 'silent' })
  await bundle.write({ file: program, format: 'esm', codeSplitting: false })
  await bundle.close()
})
afterEach(async () => {
  for (const bridge of bridges.splice(0)) await bridge.client.close()
})
afterAll(async () => {
  await demo.close()
  rmSync(folder, { recursive: true })
})

interface Bridge {
  client: Client
  pid: number
  /** What it wrote to stderr so far. */
  said(): string
  call(): Promise<unknown>
}

async function startBridge(file: string): Promise<Bridge> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program, stage.url.href, '--key-file', file],
    stderr: 'pipe',
    env: { PATH: process.env['PATH'] ?? '' },
  })
  let said = ''
  transport.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(transport)
  const bridge = {
    client,
    pid: transport.pid ?? 0,
    said: () => said,
    call: () => client.callTool({ name: 'whoami', arguments: {} }),
  }
  bridges.push(bridge)
  return bridge
}

const tokenIn = (file: string) => readFileSync(file, 'utf8').trim()
const within = { timeout: 20_000 }

test('a rotation in mid-use: one call after the other, and none fails', async () => {
  const key = await stage.issue(0, '9s')
  const file = await stage.keyFile(key.token)
  const bridge = await startBridge(file)
  let calls = 0
  for (let after = 0; after < 100; calls++) {
    expect(await bridge.call()).toMatchObject({ content: expect.any(Array) })
    if (tokenIn(file) !== key.token) after++
  }
  // Long enough for the old key to be dead: the bridge is on the new one.
  await expect.poll(() => stage.call(key.token), within).toBe(401)
  expect(await bridge.call()).toMatchObject({ content: expect.any(Array) })
  expect(calls).toBeGreaterThan(100)
  // It is told once the file is safe on the disk, which may take a busy disk seconds.
  await expect.poll(() => bridge.said(), within).toMatch(/the key was renewed/)
  expect(bridge.said().split('\n').filter(Boolean)).toHaveLength(1)
  expect(bridge.said()).not.toContain(tokenIn(file))
})

test('processes that share a file rotate its key once, and all go on with what came of it', async () => {
  const file = await stage.keyFile((await stage.issue()).token)
  const started = await Promise.all(Array.from({ length: 4 }, () => startBridge(file)))
  // Due only once all are connected: the client ends a first process of each when it has asked for the revision.
  const key = await stage.issue(0.75)
  writeFileSync(file, `${key.token}\n`)
  const useAll = async () => {
    for (const bridge of started) await bridge.call()
    return tokenIn(file)
  }
  await expect.poll(useAll, within).not.toBe(key.token)
  await stage.gateway.postern.keys.endOverlap(key.id, 'the test')
  await expect.poll(() => stage.call(key.token), within).toBe(401)
  // Each of them finds the new key in the file, at the latest when the old one is refused.
  for (const bridge of started) expect(await bridge.call()).toMatchObject({ content: expect.any(Array) })
  expect(await stage.successorsOf(key)).toHaveLength(1)
  // Told, and the lock released, once the file is safe on the disk, which may take a busy disk seconds.
  await expect.poll(() => readdirSync(dirname(file)), within).toEqual(['agent.key'])
  const tellers = () => started.filter((bridge) => bridge.said().includes('the key was renewed'))
  await expect.poll(tellers, within).toHaveLength(1)
})

test('a bridge that is killed between the rotation and its answer leaves the next one everything that it needs', async () => {
  const key = await stage.issue(0.75)
  const file = await stage.keyFile(key.token)
  const before = stage.line.cuts
  stage.line.cutAnswersTo(`POST ${selfRotationPath} `, 1000)
  const killed = await startBridge(file)
  await expect.poll(() => stage.line.cuts, within).toBeGreaterThan(before)
  process.kill(killed.pid, 'SIGKILL')
  const successors = await stage.successorsOf(key)
  expect(successors).toHaveLength(1)
  expect(tokenIn(file)).toBe(key.token)

  stage.line.pass()
  const next = await startBridge(file)
  await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
  expect(await next.call()).toMatchObject({ content: expect.any(Array) })
  expect(await stage.successorsOf(key)).toEqual(successors)
  expect(await stage.call(tokenIn(file))).toBe(200)
  await expect.poll(() => readdirSync(dirname(file)), within).toEqual(['agent.key'])
})
