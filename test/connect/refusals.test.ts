import type { ServerResponse } from 'node:http'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { buildBridge, endAll, call, json, modern, serve, start } from './lines.ts'
import type { Answer, Asked } from './lines.ts'

beforeAll(buildBridge, 60_000)
afterEach(endAll)

describe('what is wrong is said in one line, and the client gets an error', () => {
  const html = (_asked: Asked, response: ServerResponse) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>sign in</html>')
  test.each<[string, Answer, string, RegExp]>([
    ["a captive portal's page", html, 'captive_portal', /A web page came from/],
    [
      'a server that is not MCP',
      (_a, r) => void r.writeHead(200, { 'content-type': 'text/plain' }).end('hi'),
      'not_mcp',
      /not an MCP endpoint/,
    ],
    [
      'a redirect',
      (_a, r) => void r.writeHead(302, { location: 'https://login.example.com/x?secret=1' }).end(),
      'redirected',
      /redirects to https:\/\/login\.example\.com,/,
    ],
    ['a wrong path', (_a, r) => void r.writeHead(404).end(), 'not_mcp', /Check the URL/],
    ['JSON that is not JSON-RPC', (_a, r) => json(r, 200, { hello: 1 }), 'broken_off', /not JSON-RPC/],
    ['403 without JSON-RPC', (_a, r) => void r.writeHead(403).end(), 'refused_403', /HTTP 403/],
  ])('%s', async (_what, answer, reason, line) => {
    const server = await serve(answer)
    const bridge = start([server.url])
    bridge.say(call(3))
    expect((await bridge.next(({ id }) => id === 3)).error?.data).toMatchObject({ reason })
    expect(bridge.stderr()).toMatch(line)
    expect(bridge.stderr()).not.toContain('secret=1')
  })

  test.each<[string, readonly string[], Record<string, string>, string]>([
    ['http to another machine', ['http://example.com/mcp'], {}, 'url_refused'],
    ['no URL', ['gateway'], {}, 'url_refused'],
    ['a user in the URL', ['https://a:b@example.com/mcp'], {}, 'url_refused'],
    ['a key in the query', ['https://example.com/mcp?api_key=1'], {}, 'url_refused'],
    ['nothing', [], {}, 'usage'],
    ['an option that is not there', ['https://example.com', '--verbose'], {}, 'usage'],
    ['a header', ['https://example.com', '--header', 'Authorization: Bearer x'], {}, 'key_in_arguments'],
    ['a key', ['https://example.com', newToken('mmm')], {}, 'key_in_arguments'],
    ['no key', ['https://example.com'], {}, 'no_key'],
    ['--json without check', ['https://example.com', '--json'], {}, 'usage'],
  ])('started with %s', async (_what, args, env, reason) => {
    const bridge = start(args, env)
    bridge.say(modern('a', 'server/discover'))
    expect((await bridge.next(({ id }) => id === 'a')).error?.data).toEqual({ reason })
    bridge.child.stdin.end()
    expect(await bridge.closed()).toBe(2)
    expect(bridge.stderr().split('\n')).toHaveLength(2)
    for (const arg of args.slice(1)) expect(bridge.stderr()).not.toContain(arg)
  })

  test.each<[string, readonly string[]]>([
    ['no URL', ['check']],
    ['an http URL', ['check', 'http://example.com/mcp']],
    ['an option that is not there', ['check', 'https://example.com', '--verbose']],
  ])('check with %s ends at once, though nobody closes its stdin', async (_what, args) => {
    const bridge = start(args)
    expect(await bridge.closed()).toBe(2)
    expect(bridge.stderr().split('\n')).toHaveLength(2)
  })

  test.each<[string, Answer, string, RegExp]>([
    [
      '401',
      (_a, r) => void r.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end(),
      'refused_401',
      /HTTP 401|key/,
    ],
    ['429', (_a, r) => void r.writeHead(429, { 'retry-after': '60' }).end(), 'refused_429', /HTTP 429|60 s/],
  ])('%s is told in one line', async (_what, answer, reason, line) => {
    const server = await serve(answer)
    const bridge = start([server.url])
    bridge.say(call(4))
    expect((await bridge.next(({ id }) => id === 4)).error?.data).toMatchObject({ reason })
    expect(bridge.stderr()).toMatch(line)
  })

  test('a name that nobody knows is told at once, and the error comes when it stays so', async () => {
    const bridge = start(['https://nobody.invalid/mcp'])
    bridge.say(call(1))
    const answer = await bridge.next(({ id }) => id === 1)
    expect(answer.error?.data).toMatchObject({ reason: 'name_not_found', mayHaveRun: false })
    expect(bridge.stderr()).toContain('nobody.invalid')
  })

  test('a proxy that is not there is named without its password', async () => {
    const bridge = start(['https://gateway.example.com/mcp'], {
      POSTERN_KEY: newToken('pst'),
      HTTPS_PROXY: 'http://me:hunter2@127.0.0.1:9',
    })
    bridge.say(call(1))
    expect((await bridge.next(({ id }) => id === 1)).error?.data).toMatchObject({ reason: 'proxy_failed' })
    expect(bridge.stderr()).toContain('127.0.0.1:9')
    expect(bridge.stderr()).not.toContain('hunter2')
  })

  test('TLS to a server that does not speak it', async () => {
    const server = await serve(() => {})
    const bridge = start([server.url.replace('http:', 'https:')])
    bridge.say(call(1))
    expect((await bridge.next(({ id }) => id === 1)).error?.data).toMatchObject({ reason: 'tls_failed' })
  })
})
