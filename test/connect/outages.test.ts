import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildBridge, endAll, call, json, modern, result, rpcError, serve, start } from './lines.ts'

beforeAll(buildBridge, 60_000)
afterEach(endAll)

describe('never twice', () => {
  test('a call whose connection broke off is answered as one that may have run, and is not sent again', async () => {
    const server = await serve((_asked, response) => void response.socket?.destroy())
    const bridge = start([server.url])
    bridge.say(call(7))
    const answer = await bridge.next(({ id }) => id === 7)
    expect(answer.error).toMatchObject({ code: 50200, data: { reason: 'broken_off', mayHaveRun: true } })
    expect(server.asked).toHaveLength(1)
    expect(bridge.stderr()).toContain('broke off')
  })

  test('a call whose answer broke off in the middle is not sent again', async () => {
    const server = await serve((_asked, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n')
      setTimeout(() => response.socket?.destroy(), 50)
    })
    const bridge = start([server.url])
    bridge.say(modern(1, 'tools/call', { name: 'run' }))
    expect((await bridge.next(({ id }) => id === 1)).error).toMatchObject({ data: { reason: 'broken_off' } })
    expect(server.asked).toHaveLength(1)
  })

  test.each([
    ['503 of Postern, with Retry-After', 503, 50300, { 'retry-after': '0' }, 2],
    ['503 of Postern, without', 503, 50300, {}, 1],
    ['503 of a backend', 503, -32603, { 'retry-after': '0' }, 1],
    ['429 of Postern, with Retry-After', 429, 42900, { 'retry-after': '0' }, 2],
    ['429 that is too far off', 429, 42900, { 'retry-after': '3600' }, 1],
    ['500 executed_unrecorded', 500, 50001, { 'retry-after': '0' }, 1],
    ['502', 502, 50200, { 'retry-after': '0' }, 1],
    ['401 with the same key', 401, 40101, {}, 1],
    ['403', 403, 40300, {}, 1],
  ] as const)(
    'after %s a call is sent as often as it may be',
    async (_what, status, code, headers, times) => {
      const server = await serve((asked, response, count) =>
        count === 1
          ? json(response, status, rpcError(asked, code), headers)
          : json(response, 200, result(asked)),
      )
      const bridge = start([server.url])
      bridge.say(call(1))
      const answer = await bridge.next(({ id }) => id === 1)
      expect(answer.error?.code).toBe(times === 1 ? code : undefined)
      expect(server.asked).toHaveLength(times)
    },
  )

  test('a call made while the server is away is sent once it is back', async () => {
    const first = await serve((asked, response) => json(response, 200, result(asked)))
    const bridge = start([first.url])
    bridge.say(call(1))
    await bridge.next(({ id }) => id === 1)
    await first.close()
    bridge.say(call(2))
    await expect.poll(() => bridge.stderr(), { timeout: 5000 }).toContain('Trying again')
    const second = await serve((asked, response) => json(response, 200, result(asked)), first.port)
    expect((await bridge.next(({ id }) => id === 2)).result).toEqual({ ok: true })
    expect(second.asked).toHaveLength(1)
  })
})

describe('a session that the server lost', () => {
  test('is opened anew by the client own words, and the call goes on, once', async () => {
    let session = 'one'
    const runs: string[] = []
    const server = await serve((asked, response) => {
      const { method } = asked.rpc
      const given = asked.headers['mcp-session-id']
      if (asked.method !== 'POST') return void response.writeHead(405).end()
      if (method === 'initialize')
        return json(
          response,
          200,
          result(asked, { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }),
          {
            'mcp-session-id': session,
          },
        )
      if (given !== session) return json(response, 404, rpcError(asked, 40400))
      if (asked.rpc.id === undefined) return void response.writeHead(202).end()
      runs.push(`${session} ${method}`)
      return json(response, 200, result(asked))
    })
    const bridge = start([server.url])
    bridge.say({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', clientInfo: { extra: 1 } },
    })
    await bridge.next(({ id }) => id === 0)
    bridge.say({ jsonrpc: '2.0', method: 'notifications/initialized' })
    bridge.say({ jsonrpc: '2.0', id: 5, method: 'logging/setLevel', params: { level: 'error' } })
    await bridge.next(({ id }) => id === 5)
    session = 'two'
    for (const id of [1, 2, 3]) bridge.say(call(id))
    for (const id of [1, 2, 3])
      expect((await bridge.next((line) => line.id === id)).result).toEqual({ ok: true })
    expect(runs.toSorted()).toEqual([
      'one logging/setLevel',
      'two logging/setLevel',
      ...Array.from({ length: 3 }, () => 'two tools/call'),
    ])
    const opened = server.asked.filter(({ rpc }) => rpc.method === 'initialize')
    expect(opened.map(({ body }) => body)).toEqual([opened[0]?.body, opened[0]?.body])
    expect(bridge.raw.filter((line) => line.includes('protocolVersion'))).toHaveLength(1)
    expect(server.asked.at(-1)?.headers['mcp-protocol-version']).toBe('2025-11-25')
  })
})
