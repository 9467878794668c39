import { resolve } from 'node:path'
import { z } from 'zod'
import { problemOf } from './config/problem.ts'
import {
  objectExpected,
  resolveRoute,
  routeSettings,
  shadowOf,
  trailMode,
  type Route,
} from './config/route.ts'
import {
  byteCount,
  cidr,
  databaseUrl,
  duration,
  identityHeader,
  listenAddress,
  parsePort,
  schemaName,
  text,
  type ListenAddress,
} from './config/values.ts'
import { prefixPattern } from './domain/service-key.ts'

export type { ListenAddress, Route }

/** Every setting, checked and resolved: what the code works with. */
export interface Config {
  /** A Postgres URL; null: the embedded database in `dataDir`. */
  database: string | null
  schema: string
  /** Absolute. */
  dataDir: string
  listen: ListenAddress
  admin: { listen: ListenAddress }
  /** CIDR blocks, each with its length. */
  trustedProxies: readonly string[]
  /** The first is issued, all are accepted. */
  prefixes: readonly [string, ...string[]]
  /** Lower case. */
  headers: { serviceUser: string }
  policy: { defaultLifeMs: number; maxLifeMs: number }
  /** The first match decides. Empty where the settings name none. */
  routes: readonly Route[]
  trail: { mode: 'strict' | 'spool'; spoolQuotaBytes: number }
  limits: {
    headerBytes: number
    bodyBytes: number
    headerTimeoutMs: number
    bodyTimeoutMs: number
    upstreamTimeoutMs: number
  }
  log: { level: LogLevel }
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

const kiB = 1024
const miB = 1024 * kiB
const prefixRight = 'must be a lower-case letter and 1 to 11 lower-case letters or digits, such as "pst"'
const levelRight = 'must be one of trace, debug, info, warn, error, fatal, silent'

const settings = z.strictObject(
  {
    database: databaseUrl.optional(),
    schema: schemaName.default('postern'),
    data: text('must be a directory, such as "./.postern"').min(1).default('./.postern'),
    listen: listenAddress('127.0.0.1:4242').prefault('127.0.0.1:4242'),
    admin: section({ listen: listenAddress('127.0.0.1:4243').prefault('127.0.0.1:4243') }),
    trustedProxies: z.array(cidr, { error: 'must be a list of CIDR blocks' }).default([]),
    prefixes: z
      .array(text(prefixRight).regex(prefixPattern, { error: prefixRight }), {
        error: 'must be a list of token prefixes, such as ["pst"]',
      })
      .min(1, { error: 'must have at least one token prefix, such as ["pst"]' })
      .refine((all) => new Set(all).size === all.length, { error: 'must name each prefix once' })
      .default(['pst']),
    headers: section({ serviceUser: identityHeader.prefault('x-postern-service-user') }),
    policy: section({
      defaultLife: duration('1m', '3650d').prefault('180d'),
      maxLife: duration('1m', '3650d').prefault('365d'),
    }),
    routes: z.array(routeSettings, { error: 'must be a list of routes' }).default([]),
    trail: section({
      mode: trailMode.default('strict'),
      spoolQuotaBytes: byteCount(miB, 1024 * 1024 * miB).default(256 * miB),
    }),
    limits: section({
      headerBytes: byteCount(kiB, miB).default(16 * kiB),
      bodyBytes: byteCount(1, 64 * miB).default(miB),
      headerTimeout: duration('1ms', '10m').prefault('10s'),
      bodyTimeout: duration('1ms', '1h').prefault('30s'),
      upstreamTimeout: duration('1ms', '24h').prefault('60s'),
    }),
    log: section({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { error: levelRight })
        .default('info'),
    }),
  },
  { error: objectExpected },
)

/** What a settings file holds. */
export type Settings = z.input<typeof settings>

/** The settings, typed: for `postern.config.ts`. */
export function defineConfig(input: Settings): Settings {
  return input
}

/** Settings that stop the start. `problems` has one sentence for each, without secrets. */
export class ConfigInvalid extends Error {
  override readonly name = 'ConfigInvalid'
  readonly code = 'config_invalid'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Checks the settings of a file or a program (`input`), overridden by the environment, filled up with the
 * defaults. Relative directories are taken from `cwd`. Throws {@link ConfigInvalid} with all problems found.
 */
export function parseConfig(input: unknown, env: Environment, cwd: string): Config {
  const { merged, names, ports, problems } = withEnvironment(input ?? {}, env)
  const parsed = settings.safeParse(merged)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(...problemOf(issue, merged, names))
    throw new ConfigInvalid(problems)
  }
  const config = resolveConfig(parsed.data, ports, cwd)
  problems.push(...contradictions(config))
  if (problems.length > 0) throw new ConfigInvalid(problems)
  return config
}

interface Ports {
  gateway: number | null
  admin: number | null
}

/** Lays the environment over the input; `names` maps a setting to the variable that it came from. */
function withEnvironment(input: unknown, env: Environment) {
  const problems: string[] = []
  const names = new Map<string, string>()
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  const merged: unknown = isObject ? { ...input } : input
  for (const [variable, setting] of [
    ['DATABASE_URL', 'database'],
    ['POSTERN_DATA', 'data'],
    ['POSTERN_LISTEN', 'listen'],
  ] as const) {
    const value = env[variable]
    // An empty variable is how shells and compose files say "not set".
    if (value === undefined || value === '' || !isObject) continue
    names.set(setting, variable)
    Object.assign(merged as object, { [setting]: value })
  }
  const port = (variable: string) => {
    const value = env[variable]
    if (value === undefined || value === '') return null
    const number = parsePort(value)
    if (number === null) problems.push(`${variable} is ${JSON.stringify(value)}: must be a port, 0 to 65535`)
    return number
  }
  const ports: Ports = { gateway: port('POSTERN_PORT'), admin: port('POSTERN_ADMIN_PORT') }
  return { merged, names, ports, problems }
}

function resolveConfig(data: z.output<typeof settings>, ports: Ports, cwd: string): Config {
  const { limits } = data
  const [first = 'pst', ...others] = data.prefixes
  const defaults = {
    bodyLimitBytes: limits.bodyBytes,
    trailMode: data.trail.mode,
    timeoutMs: limits.upstreamTimeout,
  }
  return {
    database: data.database ?? null,
    schema: data.schema,
    dataDir: resolve(cwd, data.data),
    listen: { ...data.listen, port: ports.gateway ?? data.listen.port },
    admin: { listen: { ...data.admin.listen, port: ports.admin ?? data.admin.listen.port } },
    trustedProxies: data.trustedProxies,
    prefixes: [first, ...others],
    headers: data.headers,
    policy: { defaultLifeMs: data.policy.defaultLife, maxLifeMs: data.policy.maxLife },
    routes: data.routes.map((route) => resolveRoute(route, defaults)),
    trail: data.trail,
    limits: {
      headerBytes: limits.headerBytes,
      bodyBytes: limits.bodyBytes,
      headerTimeoutMs: limits.headerTimeout,
      bodyTimeoutMs: limits.bodyTimeout,
      upstreamTimeoutMs: limits.upstreamTimeout,
    },
    log: data.log,
  }
}

/** Settings that are each right and can't all hold. */
function contradictions(config: Config): string[] {
  const found: string[] = []
  const { listen, admin, policy, routes } = config
  if (listen.port !== 0 && listen.port === admin.listen.port && listen.host === admin.listen.host)
    found.push(`admin.listen is ${admin.listen.host}:${admin.listen.port}: must differ from listen`)
  if (policy.defaultLifeMs > policy.maxLifeMs)
    found.push(
      `policy.defaultLife is ${days(policy.defaultLifeMs)}: must be at most policy.maxLife, which is ${days(policy.maxLifeMs)}`,
    )
  const paths = routes.map((route) => route.path)
  for (const [index, path] of paths.entries()) {
    const earlier = shadowOf(path, paths.slice(0, index))
    if (earlier !== null)
      found.push(
        `routes[${index}].path is "${path}": can never match, since the earlier route "${earlier}" takes all its requests; move it up or leave it out`,
      )
  }
  return found
}

function days(ms: number): string {
  return `${Math.round(ms / 8_640_000) / 10}d`
}

/** A group of settings that may be left out whole. */
function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: objectExpected }).prefault({} as never)
}
