import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRaw } from '../e2e/raw.ts'
import { buildApp, filesBesideApp, type Mode, type RunningApp, startApp } from './next-app.ts'
import { type Agent, createAgent, json, raw, runsOf, toolCall, trailOf, unchunked } from './scene.ts'

beforeAll(buildApp, 600_000)

it('opens nothing while Next builds the app', () => {
  expect(filesBesideApp()).not.toContain('.postern')
})

describe.each<Mode>(['next start', 'standalone'])('an app under %s', (mode) => {
  let app: RunningApp
  let agent: Agent

  beforeAll(async () => {
    app = await startApp(mode)
    // The first request opens Postern, and its socket.
    await fetch(`${app.url}/api/health`)
    agent = await createAgent(app)
  })
  afterAll(async () => {
    // Next leaves the sockets of upgrades open that nothing answers, and would wait for them.
    await app?.stop('SIGKILL')
  })

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(app.url + path, { headers, redirect: 'manual' })
  const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(app.url + path, { method: 'POST', headers, body })

  describe('opens each route to what it accepts, and to nothing else', () => {
    const ada = { cookie: 'session=ada' }
    it.each([
      ['a key', '/api/who', () => agent.bearer, 200],
      ['nothing', '/api/who', () => ({}), 401],
      ['another key', '/api/who', () => ({ authorization: `Bearer mmm_${'0'.repeat(49)}` }), 401],
      [
        'a wrong checksum',
        '/api/who',
        () => ({ authorization: `${agent.bearer.authorization.slice(0, -1)}_` }),
        401,
      ],
      ['a session', '/api/who', () => ada, 401],
      ['a key', '/pages/report', () => agent.bearer, 200],
      ['nothing', '/pages/report', () => ({}), 401],
      ['a session', '/people/home', () => ada, 200],
      ['a key', '/people/home', () => agent.bearer, 401],
      ['a session that is none', '/people/home', () => ({ cookie: 'session=nobody' }), 401],
      ['a session that is none', '/api/people', () => ({ cookie: 'session=nobody' }), 401],
      ['a session', '/api/people', () => ada, 200],
      ['a key', '/api/people', () => agent.bearer, 401],
      ['nothing', '/api/people', () => ({}), 401],
      ['a key', '/api/wrapped/plain', () => agent.bearer, 200],
      ['nothing', '/api/wrapped/plain', () => ({}), 401],
      ['a session', '/api/wrapped/plain', () => ada, 401],
      ['nothing', '/api/health', () => ({}), 200],
      ['a key that is none', '/api/health', () => ({ authorization: 'Bearer mmm_x' }), 200],
      ['a key', '/no/such/route', () => agent.bearer, 403],
      ['nothing', '/no/such/route', () => ({}), 403],
    ])('%s on %s', async (_, path, headers, status) => {
      expect((await get(path, headers())).status).toBe(status)
    })
  })

  it('names the service user to handler and page, and keeps the key from both', async () => {
    const { headers } = (await (await get('/api/echo', agent.bearer)).json()) as {
      headers: [string, string][]
    }
    const told = new Map(headers)
    expect(told.get('x-mmm-service-user')).toBe(agent.id)
    expect(told.get('x-postern-principal')).toBe(`service:${agent.id}`)
    expect(told.get('x-postern-assertion')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(told.has('authorization')).toBe(false)
    expect(await (await get('/api/who', agent.bearer)).json()).toMatchObject({
      kind: 'service',
      id: agent.id,
    })
    expect(await (await get('/pages/report', agent.bearer)).text()).toContain(agent.id)
    expect(JSON.stringify(headers)).not.toContain(agent.token)
  })

  it('keeps a key from public routes, too, and refuses one in the URL', async () => {
    const shown = await (await get('/api/health', agent.bearer)).text()
    expect(shown).not.toContain(agent.token)
    expect((await get(`/api/health?key=${agent.token}`)).status).toBe(400)
  })

  it('lets Next serve its own files to anyone', async () => {
    const page = await (await get('/')).text()
    const file = /\/_next\/static\/[^"]+\.js/.exec(page)?.[0] ?? ''
    expect(file).not.toBe('')
    expect((await get(file)).status).toBe(200)
  })

  it('composes with another proxy: its headers arrive, its redirects are answers, and ours are not its to set', async () => {
    const away = await get('/people/home')
    expect(away.status).toBe(307)
    expect(away.headers.get('location')).toContain('/login')
    const page = await get('/people/home', { cookie: 'session=ada', 'x-mmm-service-user': 'evil' })
    expect(page.headers.get('x-other-answer')).toBe('yes')
    expect(await page.text()).toMatch(/user.*ada.*was here/)
    const { headers } = (await (await get('/api/health')).json()) as { headers: Record<string, string> }
    expect(headers['x-other-proxy']).toBe('was here')
    expect(JSON.stringify(headers)).not.toContain('evil')
  })

  it('never lets a caller name itself, however the header is written (T1)', async () => {
    const names = [
      'x-mmm-service-user',
      'x-postern-principal',
      'x-postern-assertion',
      'x-postern-service-user',
    ]
    const spelled = fc.constantFrom(...names).chain((name) =>
      fc
        .array(fc.constantFrom('asis', 'upper', '_', '.', '~'), {
          minLength: name.length,
          maxLength: name.length,
        })
        .map((ways) =>
          name
            .split('')
            .map((character, at) => {
              const way = ways[at] ?? 'asis'
              if (character !== '-') return way === 'upper' ? character.toUpperCase() : character
              return way === 'asis' || way === 'upper' ? '-' : way
            })
            .join(''),
        ),
    )
    const paths = fc.constantFrom('/api/echo', '/api/health', '/api/wrapped/plain')
    await fc.assert(
      fc.asyncProperty(
        fc.array(spelled, { minLength: 1, maxLength: 4 }),
        paths,
        fc.boolean(),
        async (spoofed, path, isNamedByConnection) => {
          const connection = isNamedByConnection ? `close, ${names[0]}` : 'close'
          const head = [
            `GET ${path} HTTP/1.1`,
            `Host: 127.0.0.1:${app.port}`,
            ...(path === '/api/health' ? [] : [`Authorization: ${agent.bearer.authorization}`]),
            ...spoofed.map((name) => `${name}: evil`),
            `Connection: ${connection}`,
          ]
          const answer = await raw(app, `${head.join('\r\n')}\r\n\r\n`)
          expect(answer.status).toBe(200)
          const { headers } = JSON.parse(unchunked(answer)) as { headers: object }
          const told = (Array.isArray(headers) ? headers : Object.entries(headers)) as [string, string][]
          expect(unchunked(answer)).not.toContain('evil')
          const ours = told.filter(([name]) => name.replace(/[^a-z0-9]/g, '-') === 'x-mmm-service-user')
          expect(ours).toEqual(path === '/api/health' ? [] : [['x-mmm-service-user', agent.id]])
        },
      ),
      { numRuns: 60 },
    )
  })

  it('never runs what a route protects for who has no credential, whatever the path and the head (T4)', async () => {
    const before = await runsOf(app)
    const paths = [
      ...[
        '/api/who',
        '/API/WHO',
        '/api/who/',
        '/api/who;x',
        '/api/who;.js',
        '//api/who',
        '/./api/who',
        '/api//who',
      ],
      ...[
        '/api/%77ho',
        '/api/%2577ho',
        '/api%2fwho',
        '/api%5cwho',
        '/api\\who',
        '/x/../api/who',
        '/x/%2e%2e/api/who',
      ],
      ...[
        '/api/who.rsc',
        '/api/who.json',
        '/api/who.txt',
        '/api/who%00',
        '/api/who%20',
        '/api/who?_rsc=1',
        '/api/who#x',
      ],
      ...[
        '/_next/data/x/api/who.json',
        '/_next/static/../../api/who',
        '/_next/image?url=%2Fapi%2Fwho&w=64&q=75',
      ],
      ...['/en/api/who', '/de/api/who', '/default/api/who', '/api/health/../who', '/api/health%2f..%2fwho'],
      ...[
        '/pages/report',
        '/pages/report.rsc',
        '/pages/report.segments/_tree.segment.rsc',
        '/PAGES/report',
        '/pages/report/',
      ],
      ...[
        '/_next/data/x/pages/report.json',
        '/people/home',
        '/people/home.rsc',
        '/people/home/',
        '/people/home?_rsc=x',
      ],
      ...[
        '/api/mcp',
        '/api/MCP',
        '/api/mcp;x',
        '/api/mcp/',
        '/api/upload',
        '/api/people',
        '/api/events?name=x',
      ],
      ...[
        '/api/wrapped/plain',
        '/api/wrapped/plain/',
        '/api/wrapped/mcp',
        '/api/wrapped/bare',
        '/API/wrapped/bare',
      ],
      ...['http://127.0.0.1/api/who', 'http://other/api/who', '*'],
    ]
    const heads = [
      [],
      ['x-middleware-subrequest: proxy:proxy:proxy:proxy:proxy', 'x-middleware-subrequest-id: 1'],
      ['x-middleware-subrequest: src/proxy:src/proxy:src/proxy:src/proxy:src/proxy'],
      ['x-middleware-rewrite: /api/who', 'x-middleware-next: 1', 'x-middleware-skip: 1'],
      ['x-middleware-override-headers: x-mmm-service-user', 'x-middleware-request-x-mmm-service-user: evil'],
      ['x-middleware-prefetch: 1', 'x-nextjs-data: 1', 'purpose: prefetch'],
      ['rsc: 1', 'next-router-prefetch: 1', 'next-router-state-tree: []', 'next-url: /api/who'],
      [
        'x-matched-path: /api/who',
        'x-now-route-matches: 1=who',
        'x-invoke-path: /api/who',
        'x-invoke-status: 200',
      ],
      ['x-original-url: /api/health', 'x-rewrite-url: /api/health', 'x-forwarded-host: 127.0.0.1'],
      ['x-mmm-service-user: evil', 'x-postern-principal: service:evil', `x-postern-assertion: ${forged}`],
      [
        'connection: Upgrade',
        'upgrade: websocket',
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version: 13',
      ],
      ['x-prerender-revalidate: 1', 'x-prerender-revalidate-if-generated: 1', 'next-resume: 1'],
    ]
    const wrong: string[] = []
    const asked = paths.flatMap((path) =>
      heads.map((head, at) => ({ path, head, method: methods[at % methods.length] ?? 'GET' })),
    )
    await inTurns(asked, 8, async ({ path, head, method }) => {
      const isUpgrade = head.some((line) => line.startsWith('upgrade'))
      const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${app.port}`, ...head]
      if (!isUpgrade) lines.push('Connection: close')
      const connection = await openRaw(app.port)
      connection.send(`${lines.join('\r\n')}\r\n\r\n`)
      // An upgrade that nobody answers is left open.
      const text = await (isUpgrade
        ? Promise.race([connection.closed, connection.until('\r\n\r\n'), later(2000)])
        : connection.closed)
      connection.end()
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)
      if (
        status === 200 &&
        !/"(headers|status)"|home|image|x-middleware-skip: 1/.test(text) &&
        method !== 'HEAD' &&
        method !== 'OPTIONS'
      )
        wrong.push(`${method} ${path} ${head.join(', ')}: ${text.slice(0, 400)}`)
    })
    expect(wrong).toEqual([])
    expect(await runsOf(app)).toEqual(before)
  }, 240_000)

  it('refuses with a good key what Next does not show: a second Authorization or Host, a path that it rewrote', async () => {
    const authorization = `Authorization: ${agent.bearer.authorization}`
    const ask = async (target: string, ...lines: string[]) =>
      (await raw(app, `${[`GET ${target} HTTP/1.1`, ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`))
        .status
    for (const path of ['/api/who', '/api/wrapped/plain']) {
      expect(await ask(path, 'Host: a', authorization)).toBe(200)
      expect(await ask(path, 'Host: a', authorization, 'authorization: Bearer other')).toBe(400)
      expect(await ask(path, 'Host: a', 'Host: b', authorization)).toBe(400)
      expect(await ask(`/x/%2e%2e${path}`, 'Host: a', authorization)).toBe(400)
      expect(await ask(`/.${path}`, 'Host: a', authorization)).toBe(400)
    }
  })

  it('opens nothing behind a bypassed proxy to headers alone', async () => {
    const before = (await runsOf(app))['bare'] ?? 0
    const spoofed = { 'x-mmm-service-user': agent.id, 'x-postern-principal': `service:${agent.id}` }
    expect((await get('/api/wrapped/bare', spoofed)).status).toBe(401)
    expect((await get('/api/wrapped/bare', { ...spoofed, 'x-postern-assertion': forged })).status).toBe(401)
    const told = await post('/api/wrapped/bare', '', spoofed)
    expect(told.status).toBe(401)
    expect(await told.json()).toMatchObject({ status: 401, code: 'missing' })
    // A good assertion, for another route.
    const { headers } = (await (await get('/api/wrapped/plain', agent.bearer)).json()) as {
      headers: [string, string][]
    }
    const assertion = { 'x-postern-assertion': new Map(headers).get('x-postern-assertion') ?? '' }
    expect((await get('/api/wrapped/bare?route=/pages/*', assertion)).status).toBe(401)
    expect((await runsOf(app))['bare'] ?? 0).toBe(before)
    // And the control: for its own route it opens.
    expect((await get('/api/wrapped/bare', assertion)).status).toBe(200)
  })

  it('refuses a body over the limit, which Next would cut off, and one of unsaid length', async () => {
    const before = await runsOf(app)
    const big = await post('/api/upload', Buffer.alloc(15_000_000), agent.bearer)
    expect(big.status).toBe(413)
    expect(await big.json()).toMatchObject({ code: 'body_too_large' })
    const bigCall = await post('/api/mcp', `{"x":"${'x'.repeat(2_000_000)}"}`, { ...agent.bearer, ...json })
    expect(bigCall.status).toBe(413)
    const chunked = await raw(
      app,
      `POST /api/upload HTTP/1.1\r\nHost: a\r\nAuthorization: ${agent.bearer.authorization}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    )
    expect(chunked.status).toBe(411)
    expect(await runsOf(app)).toEqual(before)
    expect(await (await post('/api/upload', Buffer.alloc(900_000), agent.bearer)).json()).toEqual({
      bytes: 900_000,
    })
  })

  it('reads the calls of an MCP body strictly, and hands the handler the same bytes', async () => {
    for (const path of ['/api/mcp', '/api/wrapped/mcp']) {
      const answer = await post(path, toolCall.body, { ...agent.bearer, ...json })
      expect(await answer.json()).toMatchObject({
        id: 7,
        result: { caller: agent.id, tool: 'list_channels' },
      })
      const twice = await post(path, '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}', {
        ...agent.bearer,
        ...json,
      })
      expect(twice.status).toBe(400)
      expect(await twice.json()).toMatchObject({ error: { code: -32600 } })
      const stranger = await post(path, toolCall.body, json)
      expect(stranger.status).toBe(401)
      expect(await stranger.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: 40100 } })
    }
  })

  it.each(['/api/events', '/api/wrapped/events'])(
    'passes the first event of %s on before the second exists',
    async (path) => {
      const name = `${mode}${path}`
      const response = await get(`${path}?name=${encodeURIComponent(name)}`, agent.bearer)
      const reader = response.body?.getReader()
      const first = await reader?.read()
      expect(Buffer.from(first?.value ?? []).toString()).toBe('data: first\n\n')
      const released = await post(`/api/release?name=${encodeURIComponent(name)}`, '', agent.bearer)
      expect(await released.json()).toEqual({ released: true })
      const second = await reader?.read()
      expect(Buffer.from(second?.value ?? []).toString()).toBe('data: second\n\n')
      expect((await reader?.read())?.done).toBe(true)
    },
  )

  it('has each call of a key in the trail, with its tool and what became of it', async () => {
    const own = await createAgent(app)
    await post('/api/mcp', toolCall.body, { ...own.bearer, ...json })
    await post('/api/wrapped/mcp', toolCall.body, { ...own.bearer, ...json })
    await get('/api/wrapped/fails', own.bearer)
    await get('/api/wrapped/fails?how=not-found', own.bearer)
    await get('/people/home', own.bearer)
    const rows = (await trailOf(app)).filter((row) => row.serviceUserId === own.id)
    expect(rows.map(({ path, tool, outcome, status }) => [path, tool, outcome, status])).toEqual([
      ['/api/wrapped/fails', null, 'failed', 404],
      ['/api/wrapped/fails', null, 'failed', 500],
      ['/api/wrapped/mcp', 'list_channels', 'succeeded', 200],
      ['/api/mcp', 'list_channels', 'passed', null],
    ])
    expect(rows.every((row) => row.keyId === own.keyId && row.clientAddress === '127.0.0.1')).toBe(true)
  })

  it('refuses a key soon after the CLI revoked it over the socket of the running app', async () => {
    const own = await createAgent(app)
    expect((await get('/api/who', own.bearer)).status).toBe(200)
    await app.cli('keys', 'revoke', own.keyId, '--reason', 'test')
    let status = 200
    for (let attempt = 0; attempt < 200 && status === 200; attempt++) {
      status = (await get('/api/who', own.bearer)).status
      if (status === 200) await later(25)
    }
    expect(status).toBe(401)
  })

  it('leaves no denial out when it is stopped, and gives the data directory back', async () => {
    const own = await startApp(mode)
    const answer = await fetch(`${own.url}/api/who`)
    expect(answer.status).toBe(401)
    await answer.arrayBuffer()
    expect(await own.stop()).toBe(143)
    const [last] = await trailOf(own)
    expect(last).toMatchObject({ path: '/api/who', outcome: 'denied', reason: 'missing_credential' })
  }, 120_000)
})

const methods = ['GET', 'HEAD', 'GET', 'OPTIONS', 'GET', 'POST', 'GET', 'PATCH']
const forged =
  'eyJhbGciOiJub25lIiwidHlwIjoicG9zdGVybi1hc3NlcnRpb24rand0In0.eyJzdWIiOiJldmlsIiwia2luZCI6InNlcnZpY2UiLCJhdWQiOiIvYXBpLyoifQ.'

function later(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(''), ms))
}

async function inTurns<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
    }),
  )
}
