import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientModes } from '../e2e/clients.ts'
import { openGateway } from '../e2e/gateway.ts'
import type { TestGateway, TestKey } from '../e2e/gateway.ts'
import { openBridged, packBridge, startBackend } from './stage.ts'
import type { Backend, BridgedClient, PackedBridge } from './stage.ts'

let bridge: PackedBridge
let backend: Backend
let gateway: TestGateway
let key: TestKey

beforeAll(async () => {
  ;[bridge, backend] = await Promise.all([packBridge(), startBackend()])
  const route = { path: '/mcp', mcp: true, accepts: ['service-key' as const], upstream: backend.url }
  gateway = await openGateway({ routes: [route] })
  key = await gateway.issueKey()
}, 120_000)
afterAll(async () => {
  await gateway.close()
  await backend.close()
  await bridge.remove()
})

test('the package is at most 300 kB, and holds the program and its papers alone', () => {
  expect(bridge.tarballBytes).toBeLessThanOrEqual(300_000)
  expect(bridge.files.toSorted()).toEqual([
    'LICENSE',
    'README.md',
    'dist/THIRD-PARTY.txt',
    'dist/connect.js',
    'package.json',
  ])
})

describe.each(clientModes)('a %s client that spawns the packed bridge', (mode) => {
  let client: BridgedClient

  beforeAll(async () => {
    const env = { POSTERN_KEY: key.token }
    client = await openBridged(mode, { program: bridge.program, url: `${gateway.url}/mcp`, env })
  })
  afterAll(() => client.close())

  test('speaks the revision that it wants', () => {
    const isModern = mode === 'v2-auto' || mode === 'v2-pinned'
    expect(client.protocolVersion).toBe(isModern ? '2026-07-28' : '2025-11-25')
  })

  test('lists tools and calls them, and each call is one row of the trail', async () => {
    const rows = async () => (await gateway.rows()).filter(({ tool }) => tool === 'add').length
    const before = await rows()
    expect(await client.listTools()).toEqual(['add', 'big', 'regional', 'count', 'slow'])
    expect(await client.callTool('add', { a: 2, b: 3 })).toMatchObject({ isError: false, text: '5' })
    await expect.poll(rows).toBe(before + 1)
  })

  test('hears of progress, in order', async () => {
    const heard: number[] = []
    const onprogress = ({ progress }: { progress: number }) => void heard.push(progress)
    expect((await client.callTool('count', { to: 4 }, { onprogress })).text).toBe('4')
    expect(heard).toEqual([1, 2, 3, 4])
  })

  test('cancels a call, and the backend is told', async () => {
    const cancellations = async () =>
      (await gateway.rows()).filter(({ method }) => method === 'notifications/cancelled').length
    const [stopped, cancelled, runs] = [backend.stopped, await cancellations(), backend.runs.get('slow') ?? 0]
    const controller = new AbortController()
    const call = client.callTool('slow', { ms: 20_000 }, { signal: controller.signal })
    const failed = expect(call).rejects.toThrow()
    await expect.poll(() => backend.runs.get('slow')).toBe(runs + 1)
    controller.abort()
    await failed
    // A server without sessions can't tell whose call an older revision's notification means.
    if (client.protocolVersion === '2026-07-28')
      await expect.poll(() => backend.stopped, { timeout: 5000 }).toBe(stopped + 1)
    else await expect.poll(cancellations).toBe(cancelled + 1)
    expect((await client.callTool('add', { a: 1, b: 1 })).text).toBe('2')
  })

  test('calls a tool that wants an argument mirrored, also one that no header can carry as it is', async () => {
    await client.listTools()
    for (const region of ['eu-west', 'Zürich ', '=?base64?eA==?='])
      expect((await client.callTool('regional', { region })).text).toBe(region)
  })

  test('gets a result of 1 MB whole', async () => {
    expect((await client.callTool('big', { bytes: 1_000_000 })).text.length).toBe(1_000_000)
  })

  test('makes 1,000 calls in a row, none of them twice', async () => {
    const before = backend.runs.get('add') ?? 0
    for (let call = 0; call < 1000; call++)
      expect((await client.callTool('add', { a: call, b: 1 })).text).toBe(String(call + 1))
    expect(backend.runs.get('add')).toBe(before + 1000)
    expect(client.stderr()).not.toContain('may have been done')
  }, 180_000)
})

test('a call of a tool whose list nobody asked for gets its mirrors all the same', async () => {
  const env = { POSTERN_KEY: key.token }
  const client = await openBridged('v2-pinned', { program: bridge.program, url: `${gateway.url}/mcp`, env })
  const before = backend.runs.get('regional') ?? 0
  expect((await client.callTool('regional', { region: 'north' })).text).toBe('north')
  expect(backend.runs.get('regional')).toBe(before + 1)
  expect(backend.regions.at(-1)).toBe('north')
  await client.close()
})

test.each(clientModes)('a revoked key ends a %s client in mid-use by an error that says so', async (mode) => {
  const mine = await gateway.issueKey()
  const env = { POSTERN_KEY: mine.token }
  const client = await openBridged(mode, { program: bridge.program, url: `${gateway.url}/mcp`, env })
  expect((await client.callTool('add', { a: 1, b: 2 })).text).toBe('3')
  await gateway.postern.keys.revoke(mine.id, 'test', 'the test')
  const before = backend.runs.get('add')
  await expect
    .poll(
      () =>
        client.callTool('add', { a: 1, b: 2 }).then(
          () => null,
          (error: unknown) => Reflect.get(Object(error), 'code'),
        ),
      { timeout: 5000 },
    )
    .toBe(40101)
  expect(client.stderr()).toContain('refuses the key (HTTP 401)')
  expect(client.stderr()).not.toContain(mine.token)
  expect(backend.runs.get('add')).toBeGreaterThanOrEqual(before ?? 0)
  await client.close()
})
