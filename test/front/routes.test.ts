import express from 'express'
import * as fc from 'fast-check'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { createRouteTable } from '../../src/front/routes.ts'
import { readTarget } from '../../src/front/target.ts'

const paths = (...list: string[]) => list.map((path) => ({ path }))
const found = (routes: { path: string }[], path: string) => {
  const match = createRouteTable(routes).match(path)
  return match === null || match === 'ambiguous' ? match : match.path
}

const table: [routes: string[], path: string, expected: string | null][] = [
  [['/mcp'], '/mcp', '/mcp'],
  [['/mcp'], '/mcp/x', null],
  [['/mcp'], '/', null],
  [['/mcp'], '/mcpx', null],
  [['/mcp'], '/MCP', 'ambiguous'],
  [['/mcp'], '/mcp/', 'ambiguous'],
  [['/mcp', '/*'], '/Mcp', 'ambiguous'],
  [['/mcp', '/*'], '/mcp/', 'ambiguous'],
  [['/mcp', '/*'], '/mcpx', '/*'],
  [['/mcp/'], '/mcp/', '/mcp/'],
  [['/mcp/'], '/mcp', 'ambiguous'],
  [['/api/*'], '/api/x', '/api/*'],
  [['/api/*'], '/api/X/y/', '/api/*'],
  [['/api/*'], '/api/', '/api/*'],
  [['/api/*'], '/api', 'ambiguous'],
  [['/api/*'], '/apix', null],
  [['/api/*'], '/API/x', 'ambiguous'],
  [['/api/*', '/*'], '/api', 'ambiguous'],
  [['/api', '/api/*', '/*'], '/api', '/api'],
  [['/api/*', '/api', '/*'], '/api', '/api'],
  [['/api/*', '/api', '/*'], '/api/', 'ambiguous'],
  [['/api/*', '/api', '/*'], '/API', 'ambiguous'],
  [['/api/admin', '/api/*'], '/api/admin', '/api/admin'],
  [['/api/admin', '/api/*'], '/api/admin/', 'ambiguous'],
  [['/api/admin', '/api/*'], '/api/Admin', 'ambiguous'],
  [['/api/admin', '/api/*'], '/api/Admins', '/api/*'],
  [['/*'], '/', '/*'],
  [['/*'], '/ANY/thing/', '/*'],
  [['/', '/*'], '/', '/'],
  [['/*', '/mcp'], '/mcp', '/*'],
  [['/keys', '/*'], '/%E2%84%AAeys', 'ambiguous'],
  [['/keys', '/*'], '/key%C5%BF', 'ambiguous'],
  [['/@me', '/*'], '/%40me', 'ambiguous'],
  [['/caf%C3%A9', '/*'], '/caf%c3%a9', 'ambiguous'],
  [['/caf%C3%A9', '/*'], '/caf%C3%A9', '/caf%C3%A9'],
  [['/MCP', '/mcp'], '/mcp', 'ambiguous'],
  [[], '/mcp', null],
]

describe('createRouteTable', () => {
  test.each(table)('of %j, %s leads to %s', (routes, path, expected) => {
    expect(found(paths(...routes), path)).toBe(expected)
  })

  test.each([
    'mcp',
    '',
    '*',
    '/a*',
    '/*/b',
    '/a/**',
    '/a b',
    '/a//*',
    '/a?b',
    '/a?',
    '/../*',
    '/%6dcp',
    '/a#',
  ])('a pattern that no path could match is refused: %j', (path) => {
    expect(() => createRouteTable(paths('/ok', path))).toThrow(TypeError)
  })

  test('a path that the target reader refuses is never a route', () => {
    expect(found(paths('/*'), '/%')).toBe('ambiguous')
  })
})

const routes = ['/mcp', '/api/admin', '/api/*', '/keys/*', '/*']

/** Which of the routes a backend's own router picks for a path; null for none. */
type Backend = (path: string) => string | null | Promise<string | null>

function expressBackend(options: express.RouterOptions, prefixStyle: 'mount' | 'wildcard'): Backend {
  const router = express.Router(options)
  const picked: { route: string | null } = { route: null }
  for (const route of routes) {
    const answer: express.RequestHandler = () => {
      picked.route = route
    }
    const mount = route.slice(0, -2)
    if (!route.endsWith('/*')) router.all(route, answer)
    else if (prefixStyle === 'mount') router.use(mount === '' ? '/' : mount, answer)
    else router.all(`${mount}/{*splat}`, answer)
  }
  return (path) => {
    picked.route = null
    const request: express.Request = Object.create(express.request, {
      url: { value: path, writable: true },
      method: { value: 'GET' },
    })
    const response: express.Response = Object.create(express.response)
    let failure: unknown
    router(request, response, (error?: unknown) => {
      failure = error
    })
    expect(failure).toBeUndefined()
    return picked.route
  }
}

function honoBackend(strict: boolean): Backend {
  const app = new Hono({ strict })
  for (const route of routes) app.all(route, (context) => context.text(route))
  return async (path) => {
    const response = await app.request(`http://h${path}`)
    return response.status === 200 ? await response.text() : null
  }
}

const backends: [name: string, Backend][] = [
  ['Express 5', expressBackend({}, 'wildcard')],
  ['Express 5 with mounts', expressBackend({}, 'mount')],
  ['Express 5, strict and case-sensitive', expressBackend({ strict: true, caseSensitive: true }, 'wildcard')],
  ['Hono', honoBackend(true)],
  ['Hono, not strict', honoBackend(false)],
]

const nastyPath = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '/mcp', '/MCP', '/api', '/Api', '/admin', '/ADMIN', '/keys', '/x', '/api/x'),
      fc.constantFrom(
        '%2e',
        '%2f',
        '%61pi',
        '%2561',
        '..',
        '.',
        ';',
        ';x',
        '//',
        '\\',
        '#',
        '%20',
        '%',
        '?x',
      ),
      fc.constantFrom('%E2%84%AA', '%C5%BF', '%EF%BC%8F', '%40', '%C3%A9', 'k', 'eys', 'm', 'cp', 'a'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((pieces) => (pieces[0]!.startsWith('/') ? '' : '/') + pieces.join(''))

describe.each(backends)('T5, against %s', (_name, backend) => {
  const routeTable = createRouteTable(paths(...routes))

  test('the route that we pick is the one that the backend picks, or we refuse', async () => {
    let picked = 0
    await fc.assert(
      fc.asyncProperty(nastyPath, async (raw) => {
        const target = readTarget(raw)
        if (!target.ok) return
        const route = routeTable.match(target.path)
        if (route === null || route === 'ambiguous') return
        picked++
        expect([raw, await backend(target.path)]).toEqual([raw, route.path])
      }),
      { numRuns: 2000 },
    )
    expect(picked).toBeGreaterThan(100)
  })

  test('the harness sees the backend pick each route', async () => {
    for (const path of ['/mcp', '/api/admin', '/api/x', '/keys/1', '/x']) {
      expect([path, await backend(path)]).toEqual([path, found(paths(...routes), path)])
    }
  })
})
