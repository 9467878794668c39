import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { afterAll, describe, expect, it } from 'vitest'
import { checkRoute } from '../../src/cli/routes-check/check.ts'
import { parseConfig } from '../../src/config.ts'
import { startDemo } from '../../src/demo/server.ts'

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

async function check(upstream: string | undefined, mcp: boolean, path = '/x') {
  const route = {
    path,
    mcp,
    accepts: ['service-key' as const],
    ...(upstream === undefined ? {} : { upstream }),
  }
  const { routes } = parseConfig({ routes: [route] }, {}, '/')
  const { tookMs, ...found } = await checkRoute(routes[0]!)
  expect(tookMs === null || tookMs >= 0).toBe(true)
  return found
}

describe('a route is tried', () => {
  it('and found to speak MCP, of 2026-07-28', async () => {
    const demo = await startDemo()
    closing.push(() => demo.close())
    expect(await check(demo.url, true)).toMatchObject({ ok: true, upstream: demo.url })
    expect((await check(demo.url, true)).message).toMatch(/^speaks MCP .*2026-07-28/)
  })

  it('and found to speak MCP of an older revision, as JSON or as events', async () => {
    const reply = '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}'
    for (const isOfEvents of [false, true]) {
      const origin = await serve((request, response) => {
        let body = ''
        request.on('data', (data: Buffer) => (body += data.toString()))
        request.on('end', () => {
          if (!body.includes('"initialize"')) return response.writeHead(400).end('{"error":{}}')
          response.writeHead(200, { 'content-type': isOfEvents ? 'text/event-stream' : 'application/json' })
          // A stream that stays open is not waited for.
          return isOfEvents ? response.write(`event: message\ndata: ${reply}\n\n`) : response.end(reply)
        })
      })
      expect(await check(origin, true)).toMatchObject({ ok: true, message: 'speaks MCP 2025-06-18' })
    }
  })

  it('and found to speak HTTP+SSE', async () => {
    const origin = await serve((request, response) => {
      if (request.method !== 'GET') return response.writeHead(405).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return response.write('event: endpoint\ndata: /messages?sessionId=1\n\n')
    })
    expect(await check(origin, true)).toMatchObject({ ok: true, message: 'speaks MCP 2024-11-05 (HTTP+SSE)' })
  })

  it('and found to speak no MCP', async () => {
    const origin = await serve((_request, response) => void response.writeHead(200).end('<html>'))
    expect(await check(origin, true)).toMatchObject({ ok: false, message: expect.stringContaining('no MCP') })
  })

  it('and found to be away', async () => {
    const found = await check('http://127.0.0.1:1', true)
    expect(found).toMatchObject({ ok: false, message: 'cannot be reached: ECONNREFUSED' })
  })

  it('as plain HTTP, where it is no MCP route', async () => {
    const fine = await serve((_request, response) => void response.writeHead(401).end())
    expect(await check(fine, false, '/api/*')).toMatchObject({
      ok: true,
      upstream: `${fine}/api/`,
      message: 'answers 401',
    })
    const broken = await serve((_request, response) => void response.writeHead(500).end())
    expect(await check(broken, false)).toMatchObject({ ok: false, message: 'answers 500' })
  })

  it('but for one that another sends on', async () => {
    expect(await check(undefined, true)).toMatchObject({ ok: true, upstream: null })
  })
})
