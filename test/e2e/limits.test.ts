import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { startDemo, type Demo } from '../../src/demo/server.ts'
import { selfRotationPath } from '../../src/config.ts'
import { newToken } from '../../src/domain/service-key.ts'
import type { AskedLimits } from '../../src/keys/limits.ts'
import { clientModes, openClient } from './clients.ts'
import { bearer, callOf, mcpHeaders, openGateway, rowsOf, type TestGateway, type TestKey } from './gateway.ts'
import { onStage, type Stage } from './stage.ts'
import { plainAnswer } from './upstream.ts'

let users = 0

async function limitedKey(gateway: TestGateway, limits: AskedLimits, selfRotate?: true): Promise<TestKey> {
  const input = { name: `limited-${++users}`, owner: 'team@example.com' }
  const { id: serviceUserId } = await gateway.postern.keys.createServiceUser(input, 'the test')
  const asked = { serviceUser: serviceUserId, limits, ...(selfRotate === undefined ? {} : { selfRotate }) }
  const { key, token } = await gateway.postern.keys.issue(asked, 'the test')
  return { token, id: key.key.id, serviceUserId }
}

function post(url: string, key: { token: string }, body: string, signal?: AbortSignal) {
  const headers = { ...mcpHeaders, ...bearer(key) }
  return fetch(url, { method: 'POST', headers, body, ...(signal === undefined ? {} : { signal }) })
}

describe('real clients', () => {
  let demo: Demo
  let gateway: TestGateway
  beforeAll(async () => {
    demo = await startDemo()
    const route = { path: '/mcp', mcp: true, accepts: ['service-key' as const], upstream: demo.url }
    gateway = await openGateway({ routes: [route] })
  })
  afterAll(async () => {
    await gateway.close()
    await demo.close()
  })

  test.each(clientModes)(
    'the %s client is refused what is beyond the rate, and goes on with the rest',
    async (mode) => {
      const key = await limitedKey(gateway, { tools: [{ tool: 'forecast_*', rate: '1/h' }] })
      await gateway.mark()
      const client = await openClient(mode, `${gateway.url}/mcp`, bearer(key))
      expect((await client.callTool('forecast_revenue', { weeks: 2 })).isError).toBe(false)
      await expect(client.callTool('forecast_revenue', { weeks: 2 })).rejects.toThrow(
        /429|42900|Too many requests/,
      )
      expect((await client.callTool('whoami')).isError).toBe(false)
      await client.close()
      await expect
        .poll(async () => (await gateway.rows()).filter(({ reason }) => reason === 'rate_limited').length)
        .toBe(1)
    },
  )
})

describe('at the gateway', () => {
  let stage: Stage
  onStage(
    (upstream) => ({
      routes: [
        { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${upstream}/` },
        { path: '/api/*', accepts: ['service-key'], upstream },
      ],
    }),
    (ready) => {
      stage = ready
    },
  )
  const mcp = (key: TestKey, id: number | string = 1, tool = 'a') =>
    post(`${stage.gateway.url}/mcp`, key, callOf(tool, {}, id))
  const api = (key: TestKey, signal?: AbortSignal) =>
    fetch(`${stage.gateway.url}/api/x`, { headers: bearer(key), ...(signal === undefined ? {} : { signal }) })

  it('a call beyond the rate is 429 with when to come again, as JSON-RPC, and reaches nobody', async () => {
    const { gateway, upstream } = stage
    const key = await limitedKey(gateway, { rate: '2/h' })
    await gateway.mark()
    await Promise.all([mcp(key), mcp(key)])
    const refused = await mcp(key, 'third')
    expect(refused.status).toBe(429)
    const retryAfter = Number(refused.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(3500)
    expect(refused.headers.get('ratelimit-policy')).toBe('"key";q=2;w=3600')
    expect(refused.headers.get('ratelimit')).toBe(`"key";r=0;t=${retryAfter}`)
    expect(await refused.json()).toMatchObject({
      id: 'third',
      error: { code: 42900, data: { code: 'rate_limited', limit: 'key', retryAfterSeconds: retryAfter } },
    })
    expect(upstream.received).toHaveLength(2)
    const rows = await rowsOf(gateway, 3)
    expect(rows.map(({ outcome, reason, status }) => [outcome, reason, status])).toContainEqual([
      'denied',
      'rate_limited',
      429,
    ])
  })

  it('of 64 calls at once exactly as many go through as the limit says', async () => {
    const { gateway, upstream } = stage
    const key = await limitedKey(gateway, { daily: 9 })
    await gateway.mark()
    const answers = await Promise.all(Array.from({ length: 64 }, () => api(key)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9)
    expect(upstream.received).toHaveLength(9)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('content-type')).toBe('application/problem+json')
    expect(refused?.headers.get('ratelimit-policy')).toBe('"day";q=9;w=86400')
    expect(await refused?.json()).toMatchObject({ code: 'quota_exhausted', status: 429 })
    // Alike, they become fewer rows, and none is lost.
    const rows = await rowsOf(gateway, 64)
    const denied = rows.filter(({ reason }) => reason === 'quota_exhausted')
    expect(denied.reduce((sum, row) => sum + row.count, 0)).toBe(55)
    expect(denied.length).toBeLessThan(30)
  })

  describe('a place among the calls under way', () => {
    it('is taken until the answer is through, and then free', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { concurrent: 2 })
      let go = () => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      upstream.answer(async (received, response, request) => {
        await gate
        await plainAnswer(received, response, request)
      })
      const first = [mcp(key), mcp(key)]
      await expect.poll(() => upstream.received.length).toBe(2)
      const refused = await mcp(key)
      expect(refused.status).toBe(429)
      expect(refused.headers.get('retry-after')).toBe('1')
      expect(refused.headers.get('ratelimit-policy')).toBe('"concurrent";q=2;qu="concurrent-requests"')
      expect(await refused.json()).toMatchObject({ error: { data: { code: 'too_many_at_once' } } })
      go()
      for (const answer of first) expect((await answer).status).toBe(200)
      await expect.poll(async () => (await mcp(key)).status).toBe(200)
    })

    it('is free again where the client leaves', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { concurrent: 1 })
      upstream.answer(() => {})
      const leaving = new AbortController()
      const call = api(key, leaving.signal)
      await expect.poll(() => upstream.received.length).toBe(1)
      expect((await api(key)).status).toBe(429)
      leaving.abort()
      await expect(call).rejects.toThrow()
      upstream.answer(plainAnswer)
      await expect.poll(async () => (await api(key)).status).toBe(200)
    })

    it('is taken as long as a stream is, and free once it ends or breaks', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { concurrent: 1 })
      for (const end of ['end', 'destroy'] as const) {
        let over = () => {}
        upstream.answer((_, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write(': here\n\n')
          over = () => void response[end]()
        })
        const stream = await mcp(key)
        expect(stream.status).toBe(200)
        expect((await mcp(key)).status).toBe(429)
        over()
        await stream.text().catch(() => '')
        upstream.answer(plainAnswer)
        await expect.poll(async () => (await mcp(key)).status).toBe(200)
      }
    })

    it('is not taken by a stream that waits for the server, nor by notifications', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { concurrent: 1 })
      upstream.answer((received, response, request) => {
        if (received.method !== 'GET') return plainAnswer(received, response, request)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(': here\n\n')
      })
      const leaving = new AbortController()
      const headers = { ...bearer(key), accept: 'text/event-stream' }
      const stream = await fetch(`${gateway.url}/mcp`, { headers, signal: leaving.signal })
      expect(stream.status).toBe(200)
      expect((await mcp(key)).status).toBe(200)
      leaving.abort()
    })

    it('is free again where the backend is not there', async () => {
      const { gateway, upstream } = stage
      const key = await limitedKey(gateway, { concurrent: 1 })
      upstream.answer((_, response) => void response.destroy())
      for (let at = 0; at < 3; at++) expect((await api(key)).status).toBe(502)
    })
  })

  it('a key rotates itself no more often than it may, and that is none of its calls', async () => {
    const { gateway } = stage
    const key = await limitedKey(gateway, { rate: '1/h' }, true)
    const rotate = () =>
      fetch(gateway.url + selfRotationPath, {
        method: 'POST',
        headers: { ...bearer(key), 'idempotency-key': 'again' },
      })
    const statuses: number[] = []
    for (let at = 0; at < 12; at++) statuses.push((await rotate()).status)
    expect(statuses.filter((status) => status === 429)).toHaveLength(2)
    expect((await mcp(key)).status).toBe(200)
  })

  it('the successor of a key goes on with what its predecessor used', async () => {
    const { gateway } = stage
    const key = await limitedKey(gateway, { daily: 3 })
    for (let at = 0; at < 2; at++) expect((await mcp(key)).status).toBe(200)
    const { token } = await gateway.postern.keys.rotate(key.id, {}, 'the test')
    const successor = { ...key, token: token ?? '' }
    expect((await mcp(successor)).status).toBe(200)
    expect([(await mcp(successor)).status, (await mcp(key)).status]).toEqual([429, 429])
  })

  it('an edit of the limits holds from the next call on', async () => {
    const { gateway } = stage
    const key = await limitedKey(gateway, { daily: 1 })
    expect([(await mcp(key)).status, (await mcp(key)).status]).toEqual([200, 429])
    await gateway.postern.keys.edit(key.id, { limits: { daily: 2 } }, 'the test')
    await expect.poll(async () => (await mcp(key)).status).toBe(200)
    expect((await mcp(key)).status).toBe(429)
    await gateway.postern.keys.edit(key.id, { limits: {} }, 'the test')
    await expect.poll(async () => (await mcp(key)).status).toBe(200)
  })

  it('unknown keys are limited for their peer, and known ones from there go on', async () => {
    const { gateway, key } = stage
    expect((await mcp(key)).status).toBe(200)
    await gateway.mark()
    const statuses: number[] = []
    for (let at = 0; at < 4; at++)
      statuses.push(
        ...(await Promise.all(
          Array.from({ length: 100 }, async () => {
            const { status } = await post(`${gateway.url}/mcp`, { token: newToken('pst') }, callOf('a'))
            return status
          }),
        )),
      )
    expect(new Set(statuses)).toEqual(new Set([401, 429]))
    // At most what was under way before the first answers came.
    expect(statuses.slice(200).every((status) => status === 429)).toBe(true)
    expect((await mcp(key)).status).toBe(200)
    const rows = await rowsOf(gateway, 401)
    expect(new Set(rows.map(({ reason }) => reason))).toEqual(new Set(['unknown_key', 'rate_limited', null]))
    const metrics = await (await fetch(`${gateway.adminUrl}/_postern/metrics`)).text()
    expect(metrics).toMatch(/^postern_limited_total\{reason="rate_limited"\} \d{3}/m)
  })
})

describe('for all keys and addresses', () => {
  let stage: Stage
  onStage(
    (upstream) => ({
      routes: [{ path: '/api/*', accepts: ['service-key'], upstream }],
      settings: { limits: { perKey: { rate: '5/h', burst: 2 }, perAddress: { rate: '20/h' } } },
    }),
    (ready) => {
      stage = ready
    },
  )

  it('the deployment’s limits hold where a key has none, and the address’s for all', async () => {
    const { gateway } = stage
    const keys = await Promise.all(Array.from({ length: 4 }, () => limitedKey(gateway, {})))
    const statuses = []
    for (const key of keys)
      statuses.push(
        await Promise.all(
          Array.from(
            { length: 8 },
            async () => (await fetch(`${gateway.url}/api/x`, { headers: bearer(key) })).status,
          ),
        ),
      )
    const passed = statuses.map((each) => each.filter((status) => status === 200).length)
    expect(passed).toEqual([7, 7, 4, 0])
  })
})

describe('by forward-auth', () => {
  let stage: Stage
  onStage(
    () => ({
      routes: [{ path: '/api/*', accepts: ['service-key'] }],
      settings: { admin: { listen: '127.0.0.1:0', forwardAuth: 'traefik' }, trustedProxies: ['127.0.0.1'] },
    }),
    (ready) => {
      stage = ready
    },
  )
  const ask = (key: { token: string }, client = '203.0.113.7') =>
    fetch(`${stage.gateway.adminUrl}/_postern/verify`, {
      headers: {
        ...bearer(key),
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/api/x',
        'x-forwarded-for': client,
      },
    })

  it('of 64 questions at once exactly as many are let through as the limit says', async () => {
    const key = await limitedKey(stage.gateway, { rate: '7/h' })
    const answers = await Promise.all(Array.from({ length: 64 }, () => ask(key)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('ratelimit-policy')).toBe('"key";q=7;w=3600')
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(3500)
  })

  it('a place among the calls under way is free at once, since their end is not seen', async () => {
    const key = await limitedKey(stage.gateway, { concurrent: 1 })
    for (let at = 0; at < 3; at++) expect((await ask(key)).status).toBe(200)
  })

  it('unknown keys are limited for the client behind the proxy, and not for the proxy', async () => {
    for (let at = 0; at < 3; at++)
      await Promise.all(Array.from({ length: 60 }, () => ask({ token: newToken('pst') }, '203.0.113.8')))
    expect((await ask({ token: newToken('pst') }, '203.0.113.8')).status).toBe(429)
    const key = await limitedKey(stage.gateway, {})
    expect((await ask(key, '203.0.113.9')).status).toBe(200)
  })
})
