import type { KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { z } from 'zod'
import { adminSettings, resolveAdmin, type AdminSettings, type ForwardAuthProxy } from './config/admin.ts'
import { noticeSettings, resolveNotices, type NoticeSettings } from './config/notices.ts'
import { issuerContradictions, issuerSettings, resolveIssuer } from './config/issuers.ts'
import { type Environment, type Ports, withEnvironment } from './config/environment.ts'
import { limitSettings, resolveLimits, type LimitSettings } from './config/limits.ts'
import { mcpSettings, resolveMcp, type McpSettings } from './config/mcp.ts'
import { policyContradictions, policySettings, resolvePolicy, type Policy } from './config/policy.ts'
import { problemOf } from './config/problem.ts'
import { section } from './config/section.ts'
import {
  objectExpected,
  resolveRoute,
  routeSettings,
  shadowOf,
  type Route,
  type Upstream,
} from './config/route.ts'
import { resolveTrail, trailSettings, type TrailSettings } from './config/trail.ts'
import { resolveSessions, sessionSettings } from './config/sessions.ts'
import {
  cidr,
  count,
  databaseUrl,
  identityHeader,
  listenAddress,
  schemaName,
  signingKeys,
  text,
  type ListenAddress,
} from './config/values.ts'
import type { JwtIssuer } from './domain/issuer.ts'
import { managementPrefix, prefixPattern } from './domain/service-key.ts'
import type { SessionSystem } from './domain/session.ts'

export type { ForwardAuthProxy, ListenAddress, Policy, Route, Upstream }

/** Every setting, checked and resolved: what the code works with. */
export interface Config {
  /** A Postgres URL; null: the embedded database in `dataDir`. */
  database: string | null
  schema: string
  /** Absolute. */
  dataDir: string
  listen: ListenAddress
  /** The gateway's origin as clients reach it; null: where it listens. */
  url: string | null
  admin: AdminSettings
  /** CIDR blocks, each with its length. */
  trustedProxies: readonly string[]
  /** In a Next app: how many proxies stand in front, each adding to `X-Forwarded-For`; null where nothing says. */
  trustedHops: number | null
  /** The first is issued, all are accepted. */
  prefixes: readonly [string, ...string[]]
  /** Lower case. */
  headers: { serviceUser: string }
  /** What assertions are signed with: the first signs, all are published. Null: those of the data directory. */
  signingKeys: readonly KeyObject[] | null
  policy: Policy
  /** People's sessions; null where there are none. */
  sessions: SessionSystem | null
  /** Whose JWTs are accepted. */
  issuers: readonly JwtIssuer[]
  /** The first match decides. Empty where the settings name none. */
  routes: readonly Route[]
  trail: TrailSettings
  notices: NoticeSettings
  mcp: McpSettings
  limits: LimitSettings
  log: { level: LogLevel }
}

/** Where the gateway publishes the keys that assertions are checked with. No route can stand there. */
export const jwksPath = '/.well-known/postern/jwks.json'

/**
 * Where a key asks for its successor (`POST`, without a body, with an `Idempotency-Key`), and about itself (`GET`). No
 * route can stand there.
 */
export const selfRotationPath = '/.well-known/postern/rotate'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

const prefixRight = 'must be a lower-case letter and 1 to 11 lower-case letters or digits, such as "pst"'
const urlRight = 'must be the origin that clients reach the gateway at, such as "https://mcp.example.com"'
const levelRight = 'must be one of trace, debug, info, warn, error, fatal, silent'

const settings = z.strictObject(
  {
    database: databaseUrl.optional(),
    schema: schemaName.default('postern'),
    data: text('must be a directory, such as "./.postern"').min(1).default('./.postern'),
    listen: listenAddress('127.0.0.1:4242').prefault('127.0.0.1:4242'),
    url: text(urlRight)
      .refine((value) => /^https?:\/\/[^\s/?#@\\]+\/?$/.test(value) && URL.canParse(value), {
        error: urlRight,
      })
      .optional(),
    admin: adminSettings,
    trustedProxies: z.array(cidr, { error: 'must be a list of CIDR blocks' }).default([]),
    trustedHops: count(1, 10).optional(),
    prefixes: z
      .array(text(prefixRight).regex(prefixPattern, { error: prefixRight }), {
        error: 'must be a list of token prefixes, such as ["pst"]',
      })
      .min(1, { error: 'must have at least one token prefix, such as ["pst"]' })
      .refine((all) => new Set(all).size === all.length, { error: 'must name each prefix once' })
      .refine((all) => !all.includes(managementPrefix), {
        error: `must not name "${managementPrefix}": management keys begin with it`,
      })
      .default(['pst']),
    headers: section({ serviceUser: identityHeader.prefault('x-postern-service-user') }),
    signingKey: signingKeys.optional(),
    policy: policySettings,
    sessions: sessionSettings.optional(),
    issuers: z.array(issuerSettings, { error: 'must be a list of issuers' }).default([]),
    routes: z.array(routeSettings, { error: 'must be a list of routes' }).default([]),
    trail: trailSettings,
    notices: noticeSettings,
    mcp: mcpSettings,
    limits: limitSettings,
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
    url: data.url === undefined ? null : new URL(data.url).origin,
    admin: resolveAdmin(data.admin, ports.admin),
    trustedProxies: data.trustedProxies,
    trustedHops: data.trustedHops ?? null,
    prefixes: [first, ...others],
    headers: data.headers,
    signingKeys: data.signingKey ?? null,
    policy: resolvePolicy(data.policy),
    sessions: resolveSessions(data.sessions),
    issuers: data.issuers.map(resolveIssuer),
    routes: data.routes.map((route) => resolveRoute(route, defaults)),
    trail: resolveTrail(data.trail, cwd),
    notices: resolveNotices(data.notices),
    mcp: resolveMcp(data.mcp),
    limits: resolveLimits(limits),
    log: data.log,
  }
}

/** Settings that are each right and can't all hold. */
function contradictions(config: Config): string[] {
  const found: string[] = []
  const { listen, admin, policy, routes } = config
  if (listen.port !== 0 && listen.port === admin.listen.port && listen.host === admin.listen.host)
    found.push(`admin.listen is ${admin.listen.host}:${admin.listen.port}: must differ from listen`)
  found.push(...policyContradictions(policy))
  found.push(...issuerContradictions(config.issuers))
  for (const [index, { accepts }] of routes.entries()) {
    if (accepts.includes('jwt') && config.issuers.length === 0)
      found.push(`routes[${index}].accepts names "jwt": issuers must say whose`)
    if (accepts.includes('session') && config.sessions === null)
      found.push(`routes[${index}].accepts names "session": sessions must say how they are read`)
  }
  const paths = routes.map((route) => route.path)
  for (const [index, path] of paths.entries()) {
    if (path === jwksPath || path === selfRotationPath)
      found.push(`routes[${index}].path is "${path}": can never match, since Postern answers there itself`)
  }
  for (const [index, path] of paths.entries()) {
    const earlier = shadowOf(path, paths.slice(0, index))
    if (earlier !== null)
      found.push(
        `routes[${index}].path is "${path}": can never match, since the earlier route "${earlier}" takes all its requests; move it up or leave it out`,
      )
  }
  return found
}
