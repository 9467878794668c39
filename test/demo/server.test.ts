import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDemo, type Demo } from '../../src/demo/server.ts'
import { clientModes, openClient, type OpenClient } from '../e2e/clients.ts'

let demo: Demo
beforeAll(async () => {
  demo = await startDemo()
})
afterAll(() => demo.close())

const tools = [
  'list_channels',
  'forecast_revenue',
  'slow_report',
  'count_with_progress',
  'always_fails',
  'whoami',
]

describe.each(clientModes)('the demo, to the %s client', (mode) => {
  let client: OpenClient
  beforeAll(async () => {
    client = await openClient(mode, demo.url, {
      'x-postern-service-user': '0192-abc',
      'x-postern-principal': 'service:0192-abc',
    })
  })
  afterAll(() => client.close())

  test('speaks the revision that the client asks for', () => {
    const modern = mode === 'v2-auto' || mode === 'v2-pinned'
    expect(client.protocolVersion).toBe(modern ? '2026-07-28' : '2025-11-25')
  })

  test('lists its tools', async () => {
    expect((await client.listTools()).sort()).toEqual([...tools].sort())
  })

  test('list_channels names channels with their spend', async () => {
    const { structured } = await client.callTool('list_channels')
    expect(structured).toMatchObject({ channels: [{ name: 'search', weeklySpend: 12_000 }, {}, {}, {}] })
  })

  test('forecast_revenue computes, and more spend brings more', async () => {
    const { structured } = await client.callTool('forecast_revenue', { weeks: 1 })
    expect(structured).toEqual({ weeks: 1, revenue: 134_667 })
    const more = await client.callTool('forecast_revenue', {
      weeks: 2,
      channel: 'video',
      weeklySpend: 30_000,
    })
    expect(more.structured).toEqual({ weeks: 2, revenue: 296_000 })
  })

  test('inputs out of bounds are refused', async () => {
    for (const [name, args] of [
      ['forecast_revenue', { weeks: 1000 }],
      ['forecast_revenue', { channel: 'search' }],
      ['forecast_revenue', { channel: '__proto__', weeklySpend: 1 }],
      ['slow_report', { seconds: 3600 }],
      ['count_with_progress', { to: 1_000_000 }],
    ] as const) {
      const outcome = await client.callTool(name, args).then(
        ({ isError }) => (isError ? 'refused' : 'done'),
        () => 'refused',
      )
      expect([name, args, outcome]).toEqual([name, args, 'refused'])
    }
  })

  test('slow_report answers in its own time', async () => {
    const { structured } = await client.callTool('slow_report', { seconds: 0.05 })
    expect(structured).toMatchObject({ seconds: 0.05, weeklySpend: 35_900 })
  })

  test('slow_report can be given up', async () => {
    const abort = new AbortController()
    const call = client.callTool('slow_report', { seconds: 30 }, { signal: abort.signal })
    abort.abort()
    await expect(call).rejects.toThrow()
  })

  test('count_with_progress streams each step', async () => {
    const seen: number[] = []
    const { structured } = await client.callTool(
      'count_with_progress',
      { to: 4, delayMs: 10 },
      { onprogress: ({ progress }) => void seen.push(progress) },
    )
    expect(structured).toEqual({ counted: 4 })
    expect(seen).toEqual([1, 2, 3, 4])
  })

  test('count_with_progress counts for a client that wants no progress', async () => {
    const { structured } = await client.callTool('count_with_progress', { to: 2, delayMs: 0 })
    expect(structured).toEqual({ counted: 2 })
  })

  test('always_fails fails as a tool does', async () => {
    expect(await client.callTool('always_fails')).toMatchObject({
      isError: true,
      text: 'This tool always fails.',
    })
  })

  test('whoami tells what the backend was told', async () => {
    const { structured } = await client.callTool('whoami')
    expect(structured).toEqual({ serviceUser: '0192-abc', principal: 'service:0192-abc' })
  })
})

describe('the demo server', () => {
  test('whoami without a gateway in front names nobody', async () => {
    const client = await openClient('v2-pinned', demo.url)
    expect((await client.callTool('whoami')).structured).toEqual({ serviceUser: null, principal: null })
    await client.close()
  })

  test('answers nowhere but at its endpoint', async () => {
    expect(await statusOf('/', {})).toBe(404)
    expect(await statusOf('/mcp/x', {})).toBe(404)
    expect(await statusOf('/mcp', {})).toBe(405)
    expect(await statusOf('/mcp', {}, 'DELETE')).toBe(405)
  })

  test('refuses a page that rebinds its name to loopback', async () => {
    expect(await statusOf('/mcp', { host: 'evil.example' }, 'POST')).toBe(403)
  })

  test('a port that is taken is an error, not a silence', async () => {
    await expect(startDemo({ port: Number(new URL(demo.url).port) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  test('closes while a call runs', async () => {
    const other = await startDemo()
    const client = await openClient('v2-pinned', other.url)
    const call = client.callTool('slow_report', { seconds: 30 })
    const failed = expect(call).rejects.toThrow()
    await other.close()
    await failed
    await client.close()
  })
})

function statusOf(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(new URL(path, demo.url), { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
