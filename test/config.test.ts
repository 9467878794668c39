import { describe, expect, test } from 'vitest'
import { ConfigInvalid, parseConfig, type Settings } from '../src/config.ts'

const upstream = 'http://127.0.0.1:3000'
const mcp = { path: '/mcp', mcp: true, accepts: ['service-key'], upstream }

function problemsOf(input: unknown, env: Record<string, string> = {}): readonly string[] {
  try {
    parseConfig(input, env, '/srv/app')
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems
    throw error
  }
  return []
}

describe('a wrong setting stops the start, and names itself, its value and what would be right', () => {
  const routeOf = (parts: object) => ({ routes: [{ ...mcp, ...parts }] })
  test.each<[unknown, ...string[]]>([
    [false, 'the settings are false', 'must be an object'],
    [[], 'the settings are a list', 'must be an object'],
    [{ database: 'mysql://h/db' }, 'database is "mysql://h/db"', 'must be a Postgres URL'],
    [{ database: '' }, 'database is', 'must be a Postgres URL'],
    [{ schema: 'Postern' }, 'schema is "Postern"', 'lower-case Postgres name'],
    [{ schema: 'pg_own' }, 'schema is "pg_own"', 'not starting with pg_'],
    [{ schema: 'a"; DROP TABLE x' }, 'schema is', 'lower-case Postgres name'],
    [{ data: '' }, 'data is ""'],
    [{ data: 3 }, 'data is 3', 'must be a directory'],
    [{ listen: '4242' }, 'listen is "4242"', 'must be host:port'],
    [{ listen: '127.0.0.1:70000' }, 'listen is "127.0.0.1:70000"', 'must be host:port'],
    [{ listen: '127.0.0:1' }, 'listen is "127.0.0:1"', 'must be host:port'],
    [{ listen: '[127.0.0.1]:1' }, 'listen is', 'must be host:port'],
    [{ listen: ':4242' }, 'listen is ":4242"', 'must be host:port'],
    [{ admin: { listen: 'x' } }, 'admin.listen is "x"', 'must be host:port'],
    [{ admin: { listen: '127.0.0.1:4242' } }, 'admin.listen is 127.0.0.1:4242', 'must differ from listen'],
    [{ trustedProxies: '10.0.0.0/8' }, 'trustedProxies is "10.0.0.0/8"', 'must be a list of CIDR blocks'],
    [{ trustedProxies: ['10.0.0.0/33'] }, 'trustedProxies[0] is "10.0.0.0/33"', 'CIDR'],
    [{ trustedProxies: ['10.0.0.0/8/8'] }, 'trustedProxies[0] is', 'CIDR'],
    [{ trustedProxies: ['10.0.0/8'] }, 'trustedProxies[0] is "10.0.0/8"', 'CIDR'],
    [{ trustedProxies: ['::/0'] }, 'trustedProxies[0] is "::/0"', 'trusts every address'],
    [{ prefixes: [] }, 'prefixes', 'at least one'],
    [{ prefixes: ['P'] }, 'prefixes[0] is "P"', 'lower-case letter'],
    [{ prefixes: ['pst', 'pst'] }, 'prefixes', 'once'],
    [{ prefixes: ['pst', 'pmk'] }, 'prefixes', 'management keys'],
    [{ headers: { serviceUser: 'x y' } }, 'headers.serviceUser is "x y"', 'must be a header name'],
    [{ headers: { serviceUser: 'x_y' } }, 'headers.serviceUser is "x_y"', 'must be a header name'],
    [{ headers: { serviceUser: 'x-a\r\nb: c' } }, 'headers.serviceUser is "x-a\\r\\nb: c"'],
    ...['Host', 'content-length', 'Authorization', 'connection', 'transfer-encoding', 'cookie'].map(
      (name): [unknown, string] => [{ headers: { serviceUser: name } }, `headers.serviceUser is "${name}"`],
    ),
    ...['x-forwarded-for', 'mcp-name', 'mcp-param-x', 'x-postern-principal', 'sec-fetch-site'].map(
      (name): [unknown, string] => [{ headers: { serviceUser: name } }, `headers.serviceUser is "${name}"`],
    ),
    [{ policy: { defaultLife: '180' } }, 'policy.defaultLife is "180"', 'must be a duration'],
    [{ policy: { defaultLife: 180 } }, 'policy.defaultLife is 180', 'must be a duration'],
    [{ policy: { maxLife: '0d' } }, 'policy.maxLife is "0d"', 'must be a duration'],
    [
      { policy: { defaultLife: '400d' } },
      'policy.defaultLife is 400d',
      'at most policy.maxLife, which is 365d',
    ],
    [{ trail: { mode: 'lax' } }, 'trail.mode is "lax"', '"strict" or "spool"'],
    [{ trail: { spoolQuotaBytes: 1 } }, 'trail.spoolQuotaBytes is 1', 'whole number of bytes'],
    [{ limits: { bodyBytes: 0 } }, 'limits.bodyBytes is 0', 'whole number of bytes'],
    [{ limits: { bodyBytes: 1.5 } }, 'limits.bodyBytes is 1.5', 'whole number of bytes'],
    [{ limits: { headerBytes: '16k' } }, 'limits.headerBytes is "16k"', 'whole number of bytes'],
    [{ limits: { headerTimeout: '10' } }, 'limits.headerTimeout is "10"', 'must be a duration'],
    [{ limits: { upstreamTimeout: '30d' } }, 'limits.upstreamTimeout is "30d"', 'must be a duration'],
    [{ log: { level: 'loud' } }, 'log.level is "loud"', 'must be one of trace'],
    [{ routes: {} }, 'routes is an object', 'must be a list of routes'],
    [{ routes: ['/mcp'] }, 'routes[0] is "/mcp"', 'must be an object'],
    [routeOf({ path: 'mcp' }), 'routes[0].path is "mcp"', 'must be a path'],
    [routeOf({ path: '/a//b' }), 'routes[0].path is "/a//b"', 'must be a path'],
    [routeOf({ path: '/a/../b' }), 'routes[0].path is "/a/../b"', 'must be a path'],
    [routeOf({ path: '/a%2fb' }), 'routes[0].path is "/a%2fb"', 'must be a path'],
    [routeOf({ path: '/a;b' }), 'routes[0].path is "/a;b"', 'must be a path'],
    [routeOf({ path: '/a*' }), 'routes[0].path is "/a*"', 'must be a path'],
    [routeOf({ path: '/*/a' }), 'routes[0].path is "/*/a"', 'must be a path'],
    [routeOf({ upstream: 'ftp://h' }), 'routes[0].upstream is "ftp://h"', 'http or https URL'],
    [
      routeOf({ upstream: 'http://h/a?b=c' }),
      'routes[0].upstream is "http://h/a?***"',
      'without user, query',
    ],
    [routeOf({ upstream: 'http://h/a/../b' }), 'routes[0].upstream is', 'http or https URL'],
    [
      routeOf({ path: '/a/*', upstream: 'http://h/b' }),
      'routes[0].upstream is "http://h/b"',
      'must have no path',
    ],
    [routeOf({ accepts: undefined }), 'routes[0] says neither accepts nor public'],
    [routeOf({ mcp: false, public: true }), 'routes[0] says both accepts and public'],
    [routeOf({ accepts: undefined, public: false }), 'routes[0] says neither accepts nor public'],
    [routeOf({ accepts: undefined, public: true }), 'routes[0] is public with mcp: true', 'no trail'],
    [routeOf({ accepts: [] }), 'routes[0].accepts', 'at least one'],
    [routeOf({ accepts: ['key'] }), 'routes[0].accepts[0] is "key"', 'must be "service-key", "jwt"'],
    [routeOf({ accepts: ['jwt'] }), 'routes[0].accepts names "jwt"', 'issuers must say whose'],
    [routeOf({ accepts: ['session'] }), 'routes[0].accepts names "session"', 'sessions must say how'],
    [routeOf({ accepts: ['service-key', 'jwt'] }), 'names both "service-key" and "jwt"', 'two routes'],
    [routeOf({ forwardCredential: 'yes' }), 'routes[0].forwardCredential is "yes"', 'true or false'],
    [routeOf({ forwardCredential: true }), 'routes[0].forwardCredential is true', 'never go upstream'],
    [
      { routes: [{ path: '/a', public: true, upstream, forwardCredential: true }] },
      'routes[0].forwardCredential is true',
      'public route',
    ],
    [routeOf({ timeout: '0s' }), 'routes[0].timeout is "0s"', 'must be a duration'],
    [routeOf({ bodyLimitBytes: -1 }), 'routes[0].bodyLimitBytes is -1', 'whole number of bytes'],
    [{ routes: [mcp, mcp] }, 'routes[1].path is "/mcp"', 'can never match'],
    [{ routes: [mcp, { ...mcp, path: '/MCP' }] }, 'routes[1].path is "/MCP"', 'can never match'],
    [{ routes: [mcp, { ...mcp, path: '/mcp/' }] }, 'routes[1].path is "/mcp/"', 'can never match'],
    [{ routes: [{ ...mcp, path: '/*' }, mcp] }, 'routes[1].path is "/mcp"', 'the earlier route "/*"'],
    [
      {
        routes: [
          { ...mcp, path: '/a/*' },
          { ...mcp, path: '/a/b/*' },
        ],
      },
      'routes[1].path is "/a/b/*"',
    ],
  ])('%j', (input, ...parts) => {
    const problems = problemsOf(input)
    expect(problems).toHaveLength(1)
    for (const part of parts) expect(problems[0]).toContain(part)
  })

  test('all at once, so that nobody mends one and meets the next', () => {
    const problems = problemsOf({ schema: 'X', listen: 'y', routs: [] }, { POSTERN_PORT: 'z' })
    expect(problems.map((problem) => problem.slice(0, problem.indexOf(' '))).toSorted()).toEqual([
      'POSTERN_PORT',
      'listen',
      'routs',
      'schema',
    ])
  })
})

describe('what nothing enforces yet is refused, never accepted and ignored', () => {
  test.each<[unknown, string]>([
    [{ rotes: [] }, 'rotes is no setting'],
    [{ policy: { max: '1d' } }, 'policy.max is no setting'],
    [{ routes: [{ ...mcp, tool: [] }] }, 'routes[0].tool is no setting'],
    [JSON.parse('{"__proto__": {"public": true}}'), '__proto__ is no setting'],
    [{ constructor: 1 }, 'constructor is no setting'],
  ])('a name that is no setting: %j', (input, start) => {
    const problems = problemsOf(input)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(start)
  })
})

describe('no secret stands in a message', () => {
  const secret = 'CanarySecret7'
  const token = `pst_${'A'.repeat(49)}`
  test.each<[string, unknown, Record<string, string>]>([
    ['the password of a wrong database URL', { database: `mysql://u:${secret}@h/db` }, {}],
    ['one with a slash in the password', { database: `mysql://u:1/${secret}@h/db` }, {}],
    ['a database URL that is none', { database: `u:${secret}@h` }, {}],
    ['the same from the environment', {}, { DATABASE_URL: `postgre://u:${secret}@h/db` }],
    ['the user of an upstream', { routes: [{ ...mcp, upstream: `http://u:${secret}@h` }] }, {}],
    ['the query of an upstream', { routes: [{ ...mcp, upstream: `http://h/?key=${secret}` }] }, {}],
    ['the value of an unknown setting', { smtp: secret, deep: { password: secret } }, {}],
    ['a token in the wrong place', { schema: `${token}${secret}` }, {}],
    ['a token as a name', { [`${token}${secret}`]: 1 }, {}],
  ])('%s', (_, input, env) => {
    const problems = problemsOf(input, env)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.join()).not.toContain(secret)
    expect(problems.join()).not.toContain(token)
  })

  test('and no character that could break the line or turn its direction', () => {
    expect(problemsOf({ schema: 'a\n\u202eb\u001b[2J' })[0]).toContain('"a\\n\\u202eb\\u001b[2J"')
  })
})

describe('environment over file over default', () => {
  test('nothing set: the defaults', () => {
    expect(parseConfig(undefined, {}, '/srv/app')).toEqual({
      database: null,
      schema: 'postern',
      dataDir: '/srv/app/.postern',
      listen: { host: '127.0.0.1', port: 4242 },
      url: null,
      admin: {
        listen: { host: '127.0.0.1', port: 4243 },
        forwardAuth: null,
        url: null,
        secret: null,
        signInMaxAgeMs: 12 * 3_600_000,
        identityProviders: [],
      },
      trustedProxies: [],
      trustedHops: null,
      prefixes: ['pst'],
      headers: { serviceUser: 'x-postern-service-user' },
      signingKeys: null,
      policy: {
        defaultLifeMs: 180 * 86_400_000,
        maxLifeMs: 365 * 86_400_000,
        overlapMs: 7 * 86_400_000,
        maxOverlapMs: 30 * 86_400_000,
        maxFamilyLifeMs: 1095 * 86_400_000,
        keysPerServiceUser: 20,
        requireOwner: true,
        denyToolsByDefault: false,
      },
      notices: { pageUrl: null, email: null, webhooks: [], slack: null, allowAddresses: [] },
      sessions: null,
      issuers: [],
      routes: [],
      trail: {
        ...{ mode: 'strict', argumentsHmac: false, spoolQuotaBytes: 256 * 1024 * 1024 },
        ...{
          keepMs: 400 * 86_400_000,
          checkpointEveryMs: 60_000,
          checkpointKeys: null,
          sinks: [],
          allowAddresses: [],
        },
      },
      mcp: { allowedHosts: null, allowedOrigins: [] },
      limits: {
        headerBytes: 16_384,
        bodyBytes: 1_048_576,
        headerTimeoutMs: 10_000,
        bodyTimeoutMs: 30_000,
        upstreamTimeoutMs: 60_000,
        redis: null,
        whenAway: 'refuse',
        perKey: {},
        perAddress: null,
        selfRotation: { points: 10, perSeconds: 3600 },
        badKeys: { perPeer: { points: 60, perSeconds: 60 }, perNode: { points: 200, perSeconds: 1 } },
      },
      log: { level: 'info' },
    })
  })

  test('each variable wins over the file', () => {
    const input: Settings = {
      database: 'postgres://f/f',
      data: 'f',
      listen: '1.1.1.1:1',
      admin: { listen: '[::1]:2' },
    }
    const config = parseConfig(
      input,
      {
        DATABASE_URL: 'postgres://e/e',
        POSTERN_DATA: '/e',
        POSTERN_LISTEN: '2.2.2.2:3',
        POSTERN_ADMIN_PORT: '0',
      },
      '/srv/app',
    )
    expect(config).toMatchObject({
      database: 'postgres://e/e',
      dataDir: '/e',
      listen: { host: '2.2.2.2', port: 3 },
    })
    expect(config.admin.listen).toEqual({ host: '::1', port: 0 })
    expect(parseConfig(input, { POSTERN_PORT: '9' }, '/').listen).toEqual({ host: '1.1.1.1', port: 9 })
  })

  test('an empty variable counts as not set', () => {
    const env = {
      DATABASE_URL: '',
      POSTERN_DATA: '',
      POSTERN_PORT: '',
      POSTERN_LISTEN: '',
      POSTERN_ADMIN_PORT: '',
    }
    expect(parseConfig({}, env, '/w')).toEqual(parseConfig({}, {}, '/w'))
  })

  test('a wrong variable is named as the variable', () => {
    expect(problemsOf({}, { POSTERN_LISTEN: 'x' })[0]).toMatch(/^POSTERN_LISTEN is "x": must be host:port/)
    expect(problemsOf({}, { POSTERN_PORT: '65536' })[0]).toMatch(/^POSTERN_PORT is "65536": must be a port/)
    expect(problemsOf({}, { DATABASE_URL: 'x' })[0]).toMatch(/^DATABASE_URL is .*: must be a Postgres URL/)
  })
})

describe('routes', () => {
  const routeFrom = (parts: object) => parseConfig({ routes: [{ ...mcp, ...parts }] }, {}, '/').routes[0]

  test('an exact route calls the path of its upstream, or its own where that has none', () => {
    expect(routeFrom({})?.upstream).toEqual({ origin: upstream, path: null })
    expect(routeFrom({ upstream: `${upstream}/` })?.upstream?.path).toBe('/')
    expect(routeFrom({ upstream: `${upstream}/api/mcp` })?.upstream).toEqual({
      origin: upstream,
      path: '/api/mcp',
    })
  })

  test('a prefix route forwards the path as it came', () => {
    expect(routeFrom({ path: '/api/*', upstream: `${upstream}/` })).toMatchObject({
      match: { kind: 'prefix', value: '/api/' },
      upstream: { path: null },
    })
    expect(routeFrom({ path: '/*' })?.match).toEqual({ kind: 'prefix', value: '/' })
  })

  test('limits of their own win over the general ones', () => {
    expect(routeFrom({ bodyLimitBytes: 10, timeout: '2s' })).toMatchObject({
      bodyLimitBytes: 10,
      timeoutMs: 2000,
    })
    const general = parseConfig({ routes: [mcp], limits: { bodyBytes: 5, upstreamTimeout: '1m' } }, {}, '/')
    expect(general.routes[0]).toMatchObject({ bodyLimitBytes: 5, timeoutMs: 60_000 })
  })

  test('a trail mode of its own wins over the general one, and a public route has none', () => {
    const settings = { routes: [mcp, { ...mcp, path: '/x', trail: 'strict' }], trail: { mode: 'spool' } }
    expect(parseConfig(settings, {}, '/').routes.map((route) => route.trailMode)).toEqual(['spool', 'strict'])
    const { accepts: _, ...open } = { ...mcp, mcp: false, public: true, trail: 'spool' }
    expect(problemsOf({ routes: [open] })[0]).toMatch(/trail.*a public route leaves no trail/)
  })

  test('narrow before wide is right', () => {
    const routes = ['/mcp', '/api/v1/*', '/api/*', '/*'].map((path) => ({ ...mcp, path }))
    expect(parseConfig({ routes }, {}, '/').routes.map(({ path }) => path)).toEqual(
      routes.map(({ path }) => path),
    )
  })

  test('a public route accepts nothing', () => {
    expect(routeFrom({ mcp: false, accepts: undefined, public: true })).toMatchObject({
      public: true,
      accepts: [],
    })
  })
})
