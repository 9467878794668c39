import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { checkMatcher, readMatcher } from '../../src/cli/doctor/matcher.ts'
import {
  checkBodyLimits,
  checkNextVersion,
  readAppSources,
  readBodyLimit,
} from '../../src/cli/doctor/next.ts'
import { checkClock, checkSigningKey, measureClock } from '../../src/cli/doctor/processes.ts'
import { checkBrowserRoutes, checkPublicRoutes } from '../../src/cli/doctor/routes.ts'
import { filesFor } from '../../src/cli/init/files.ts'
import { readVersion } from '../../src/cli/init/next-app.ts'
import { parseConfig, type Config, type Settings } from '../../src/config.ts'
import { startPostgres } from '../store/postgres-server.ts'
import { run } from './bin.ts'

const repository = join(import.meta.dirname, '../..')

function configOf(settings: Settings): Config {
  return parseConfig({ sessions: () => null, issuers: [issuer], ...settings }, {}, '/')
}

const issuer = {
  issuer: 'https://login.example.com',
  jwksUrl: 'https://login.example.com/jwks',
  audience: 'app',
  algorithms: ['RS256' as const],
}

describe("a browser's route that takes service keys is warned of", () => {
  test.each([
    [[{ path: '/*', accepts: ['session'] }], 'ok'],
    [[{ path: '/api/*', accepts: ['service-key', 'jwt'] }], 'ok'],
    [[{ path: '/api/*', accepts: ['session', 'jwt'] }], 'ok'],
    [[{ path: '/*', accepts: ['session', 'service-key'] }], 'warning'],
    [
      [
        { path: '/api/*', accepts: ['service-key'] },
        { path: '/app/*', accepts: ['service-key', 'session'] },
      ],
      'warning',
    ],
  ] as const)('%j: %s', (routes, level) => {
    const found = checkBrowserRoutes(configOf({ routes: routes as unknown as Settings['routes'] }).routes)
    expect(found?.level).toBe(level)
    if (level === 'warning') expect(found?.message).toContain(routes.at(-1)?.path)
  })
})

describe('a public route in an API is warned of', () => {
  const key = ['service-key'] as const
  test.each([
    [[{ path: '/', public: true }], 'ok'],
    [[{ path: '/apiary/*', public: true }], 'ok'],
    [
      [
        { path: '/sign-in/*', public: true },
        { path: '/*', accepts: ['session'] },
      ],
      'ok',
    ],
    [
      [
        { path: '/healthz', public: true },
        { path: '/*', accepts: key },
      ],
      'ok',
    ],
    [
      [
        { path: '/api/*', accepts: key },
        { path: '/*', public: true },
      ],
      'ok',
    ],
    [[{ path: '/api', public: true }], 'warning'],
    [[{ path: '/api/health', public: true }], 'warning'],
    [[{ path: '/API/health', public: true }], 'warning'],
    [[{ path: '/api/*', public: true }], 'warning'],
    [[{ path: '/*', public: true }], 'warning'],
    [
      [
        { path: '/api/agents/*', accepts: key },
        { path: '/*', public: true },
      ],
      'warning',
    ],
    [
      [
        { path: '/v1/health', public: true },
        { path: '/v1/*', accepts: ['jwt'] },
      ],
      'warning',
    ],
    [
      [
        { path: '/v1/health', public: true },
        { path: '/v1/*', accepts: ['session'] },
      ],
      'ok',
    ],
  ] as const)('%j: %s', (routes, level) => {
    const config = configOf({ routes: routes as unknown as Settings['routes'] })
    expect(checkPublicRoutes(config.routes)?.level).toBe(level)
  })
})

describe('any matcher but a catch-all is warned of', () => {
  const everything = 'everything'
  const unreadable = 'unreadable'
  test.each([
    ["export const config = { matcher: '/:path*' }", everything],
    ['export const config = {\n  matcher: ["/(.*)"],\n}', everything],
    ["export const config: X = { matcher: ['/dashboard', '/:all(.*)'] as const }", everything],
    ["export const config = { 'matcher': [{ source: '/:path*', locale: false }] }", everything],
    ['export const proxy = postern.proxy()', everything],
    ["export const config = { runtime: 'nodejs' }", everything],
    ["export const config = { matcher: '/api/:path*' }", { narrow: ['/api/:path*'] }],
    ["export const config = { matcher: ['/a', '/b'] }", { narrow: ['/a', '/b'] }],
    ["export const config = { matcher: '/((?!_next).*)' }", { narrow: ['/((?!_next).*)'] }],
    ["export const config = { matcher: '/:path' }", { narrow: ['/:path'] }],
    ["export const config = { matcher: '/:path+' }", { narrow: ['/:path+'] }],
    ['export const config = { matcher: [] }', { narrow: [] }],
    [
      "export const config = { matcher: [{ source: '/:path*', has: [{ type: 'header', key: 'x' }] }] }",
      { narrow: ['/:path*'] },
    ],
    [
      "export const config = { matcher: { source: '/:path*', missing: [{ type: 'cookie', key: '}' }] } }",
      { narrow: ['/:path*'] },
    ],
    ["// matcher: '/:path*'\nexport const config = { matcher: '/api' }", { narrow: ['/api'] }],
    ["export const config = { /* matcher: '/:path*', */ matcher: '/api' }", { narrow: ['/api'] }],
    ["export const config = { other: { source: '/:path*' }, matcher: '/a//b' }", { narrow: ['/a//b'] }],
    ['export const config = { matcher }', unreadable],
    ['export const config = { matcher: paths }', unreadable],
    ["export const config = { matcher: '/' + rest }", unreadable],
    ["export const config = { matcher: ['/:path*', ...more] }", unreadable],
    ["export const config = { matcher: ['/a' + b] }", unreadable],
    ['export const config = { matcher: `/${path}` }', unreadable],
    ["const config = { matcher: '/:path*' }\nexport { config }", unreadable],
    ["export const config = { matcher: [{ ...base, source: '/:path*' }] }", unreadable],
    ["export const config = { matcher: '/:path*", unreadable],
  ] as const)('%s', (source, expected) => {
    expect(readMatcher(source)).toEqual(expected)
    const level = expected === everything ? 'ok' : 'warning'
    expect(checkMatcher({ path: 'proxy.ts', text: source })?.level).toBe(level)
  })

  test('what init writes, and the example, take everything', () => {
    for (const clerk of [false, true]) {
      const file = filesFor({ base: '' }, { clerk, cron: false }).find(({ path }) => path === 'proxy.ts')
      expect(readMatcher(file?.content ?? '')).toBe(everything)
    }
    const example = readAppSources(join(repository, 'examples/mmm-wizard'))
    expect(checkMatcher(example?.proxy ?? null)?.level).toBe('ok')
  })
})

test.each([
  ['15.5.9', 'error'],
  ['16.2.10', 'warning'],
  ['^16', 'warning'],
  ['16.2.11', 'ok'],
  ['16.4.6', 'ok'],
  ['latest', undefined],
])('next %s: %s', (text, level) => {
  const found = checkNextVersion({ next: readVersion(text), proxy: null, nextConfig: null })
  expect(found?.level).toBe(level)
})

describe('bodies are refused before Next cuts them off', () => {
  test.each([
    ['export default {}', 'unset'],
    ["export default { experimental: { proxyClientMaxBodySize: '2mb' } }", 2 * 1024 * 1024],
    ['export default { experimental: { "proxyClientMaxBodySize": 1_000 * 3, } }', 3000],
    ["export default { experimental: { middlewareClientMaxBodySize: '1.5 KB' } }", 1536],
    ["export default { // proxyClientMaxBodySize: '2mb'\n}", 'unset'],
    ['export default { experimental: { proxyClientMaxBodySize: limit } }', 'unreadable'],
    ['export default { experimental: { proxyClientMaxBodySize } }', 'unreadable'],
    ["export default { experimental: { proxyClientMaxBodySize: 'much' } }", 'unreadable'],
    ['export default { experimental: { proxyClientMaxBodySize: 10 + x } }', 'unreadable'],
  ] as const)('%s: %s', (source, expected) => {
    expect(readBodyLimit(source)).toBe(expected)
  })

  const miB = 1024 * 1024
  test.each([
    [miB, null, 'ok'],
    [10 * miB, null, 'ok'],
    [10 * miB + 1, null, 'error'],
    [10 * miB + 1, "proxyClientMaxBodySize: '20mb' }", 'error'],
    [miB, "proxyClientMaxBodySize: '1mb' }", 'ok'],
    [miB + 1, "proxyClientMaxBodySize: '1mb' }", 'warning'],
    [miB, 'proxyClientMaxBodySize: limit }', 'warning'],
  ] as const)('a route of %d bytes, next.config with %s: %s', (bodyLimitBytes, text, level) => {
    const { routes } = configOf({ routes: [{ path: '/x', accepts: ['jwt'], bodyLimitBytes }] })
    const nextConfig = text === null ? null : { path: 'next.config.ts', text }
    expect(checkBodyLimits({ next: null, proxy: null, nextConfig }, routes)?.level).toBe(level)
  })
})

describe('what processes share', () => {
  const database = 'postgres://127.0.0.1:1/app'
  const signingKeys = [] as const
  test.each([
    [{ database: null, signingKeys: null }, undefined],
    [{ database, signingKeys }, 'ok'],
    [{ database, signingKeys: null }, 'warning'],
  ])('a signing key: %j', (settings, level) => {
    expect(checkSigningKey(settings)?.level).toBe(level)
  })

  test.each([
    [0, 5, 'ok'],
    [5000, 0, 'ok'],
    [-5001, 0, 'warning'],
    [5001, 0, 'warning'],
    [5900, 900, 'ok'],
    [5901, 900, 'warning'],
  ])('a clock %d ms from the database, give or take %d: %s', (aheadMs, uncertaintyMs, level) => {
    expect(checkClock({ aheadMs, uncertaintyMs }).level).toBe(level)
  })

  test('the database behind is our clock ahead', () => {
    expect(checkClock({ aheadMs: -60_000, uncertaintyMs: 0 }).message).toContain('60.0 s ahead of')
    expect(checkClock({ aheadMs: 60_000, uncertaintyMs: 0 }).message).toContain('60.0 s behind')
  })

  test('a database that does not answer says nothing about clocks', async () => {
    expect(await measureClock({ database })).toBeNull()
    expect(await measureClock({ database: null })).toBeNull()
  })

  test('a database on this machine has its clock', async () => {
    const server = await startPostgres()
    try {
      const distance = await measureClock({ database: await server.createDatabase() })
      expect(distance === null ? null : checkClock(distance).level).toBe('ok')
    } finally {
      await server.stop()
    }
  })
})

describe('the command', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'postern-doctor-'))
    put('package.json', '{"type":"module","dependencies":{"next":"16.4.6"}}')
    put('app/page.tsx', '')
    mkdirSync(join(root, 'node_modules'))
    symlinkSync(repository, join(root, 'node_modules/postern'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  function put(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }

  async function findings(): Promise<Record<string, Finding>> {
    const { stdout } = await run(['doctor', '--json'], { cwd: root })
    const { data } = JSON.parse(stdout) as { data: Finding[] }
    return Object.fromEntries(data.map((found) => [found.check, found]))
  }

  test('finds nothing against what init has just written', async () => {
    expect((await run(['init', '--cron', '--yes'], { cwd: root })).code).toBe(0)
    const found = await findings()
    for (const check of ['routes', 'public', 'next', 'matcher', 'body'])
      expect(found[check], check).toMatchObject({ level: 'ok' })
    expect(found['signing']).toBeUndefined()
  })

  test('names what goes against which-path.md, and what is unsafe, even where the database is away', async () => {
    put('package.json', '{"dependencies":{"next":"16.1.0"}}')
    put('proxy.ts', "export const config = { matcher: '/api/:path*' }")
    put(
      'postern.config.json',
      JSON.stringify({ database: 'postgres://127.0.0.1:1/app', routes: [{ path: '/api/*', public: true }] }),
    )
    const found = await findings()
    for (const check of ['public', 'next', 'matcher', 'signing'])
      expect(found[check], check).toMatchObject({ level: 'warning' })
    expect(found['database']).toMatchObject({ level: 'error' })
  })
})
