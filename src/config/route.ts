import { z } from 'zod'
import type { CredentialKind } from '../domain/verdict.ts'
import { byteCount, duration, identityHeader, refuse, text, toolPatterns } from './values.ts'

/** One route: which requests it takes, what they must prove, and where they go. */
export interface Route {
  /** As it was written: its name in logs, metrics and messages. */
  path: string
  /** `exact`: the whole path is `value`. `prefix`: the path begins with `value`, which ends in `/`. */
  match: { kind: 'exact' | 'prefix'; value: string }
  mcp: boolean
  /** Under which header its backend learns the service user, in lower case; null: as everywhere. */
  serviceUserHeader: string | null
  /** Patterns of what may be asked of it, beside each caller's own; null: whatever the caller may. */
  tools: readonly string[] | null
  /** The credential kinds that open it; empty exactly where `public` is true. */
  accepts: readonly CredentialKind[]
  public: boolean
  /** Whether the JWT or the session's cookies that let a request in go on to the backend. */
  forwardCredential: boolean
  /** Null where something else sends the request on: Next, or the proxy that asks by forward-auth. */
  upstream: Upstream | null
  bodyLimitBytes: number
  /** What happens to its calls while the trail can't be committed. */
  trailMode: 'strict' | 'spool'
  /** How long the backend has for the head of its answer. */
  timeoutMs: number
  /** Whether the signed word for the caller is made for half a minute of its calls, or for each request alone. */
  assertion: 'shared' | 'request'
}

/** Where a route leads. */
export interface Upstream {
  /** `http://host:port`, without a path. */
  origin: string
  /** The path that is called; null: the request's own path goes on as it came. */
  path: string | null
}

/** The limits of a route in its settings, and what it takes where they are left out. */
export type RouteDefaults = Pick<Route, 'bodyLimitBytes' | 'trailMode' | 'timeoutMs'>

const kinds = ['service-key', 'jwt', 'session'] as const satisfies CredentialKind[]
const pathRight =
  'must be a path such as "/mcp", or everything under one such as "/api/*"; no %, ;, //, . or .. segments'
const upstreamRight =
  'must be an http or https URL without user, query or fragment, such as "http://127.0.0.1:3000"'
const prefixUpstreamRight =
  'must have no path on a route that ends in /*: such a route forwards the path as it came, so the path would be lost'

const credentialKind = z.enum(kinds, { error: 'must be "service-key", "jwt" or "session"' })

const path = text(pathRight).refine(
  (value) =>
    /^\/(?:[A-Za-z0-9._~!$&'()+,=:@-]+(?:\/|$))*(?:\*$)?$/.test(value) &&
    !value.split('/').some((segment) => segment === '.' || segment === '..') &&
    (!value.includes('*') || value.endsWith('/*')),
  { error: pathRight },
)

const upstream = text(upstreamRight).transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url === null || !/^https?:\/\/[^/]/i.test(value)) return refuse(context, upstreamRight)
  if (url.username || url.password || /[?#\\\s]/.test(value)) return refuse(context, upstreamRight)
  // As in nginx, "http://host" has no path and "http://host/" has the path "/".
  const written = value.slice(value.indexOf('://') + 3)
  const writtenPath = written.includes('/') ? written.slice(written.indexOf('/')) : null
  if (writtenPath !== null && writtenPath !== url.pathname) return refuse(context, upstreamRight)
  return { origin: url.origin, path: writtenPath }
})

const accepts = z
  .array(credentialKind, { error: 'must be a list of credential kinds, such as ["service-key"]' })
  .min(1, { error: 'must name at least one credential kind; a route for everyone says public: true' })

const flag = z.boolean({ error: 'must be true or false' })

/** What becomes of calls while the trail can't be committed: refused, or recorded on disk first. */
export const trailMode = z.enum(['strict', 'spool'], { error: 'must be "strict" or "spool"' })

/** The settings of one route. */
export const routeSettings = z
  .strictObject(
    {
      path,
      mcp: flag.optional(),
      serviceUserHeader: identityHeader.optional(),
      tools: toolPatterns.optional(),
      accepts: accepts.optional(),
      forwardCredential: flag.optional(),
      public: flag.optional(),
      upstream: upstream.optional(),
      bodyLimitBytes: byteCount(1, 64 * 1024 * 1024).optional(),
      trail: trailMode.optional(),
      timeout: duration('1ms', '24h').optional(),
      assertion: z
        .enum(['shared', 'request'], { error: 'must be "shared" or "request" (bound to each request)' })
        .optional(),
    },
    { error: objectExpected },
  )
  .superRefine((route, context) => {
    const isPublic = route.public === true
    if (isPublic && route.accepts !== undefined)
      context.addIssue({ code: 'custom', message: 'says both accepts and public; a route says one of them' })
    if (!isPublic && route.accepts === undefined)
      context.addIssue({
        code: 'custom',
        message:
          'says neither accepts nor public; add accepts: ["service-key"], or public: true to let anyone in',
      })
    if (isPublic && route.trail !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['trail'],
        message: 'has no use here: a public route leaves no trail',
      })
    if (isPublic && route.serviceUserHeader !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['serviceUserHeader'],
        message: 'has no use here: a public route names nobody',
      })
    if (isPublic && route.assertion !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['assertion'],
        message: 'has no use here: a public route names nobody',
      })
    if (isPublic && route.mcp === true)
      context.addIssue({
        code: 'custom',
        message: 'is public with mcp: true; an MCP route that is public would leave no trail',
      })
    if (route.tools !== undefined && route.mcp !== true)
      context.addIssue({
        code: 'custom',
        path: ['tools'],
        message: 'has no use here: only the calls of an MCP route (mcp: true) name tools',
      })
    if (route.mcp === true && route.accepts?.includes('jwt') && route.accepts.includes('service-key'))
      context.addIssue({
        code: 'custom',
        path: ['accepts'],
        message:
          'names both "service-key" and "jwt" on an MCP route: clients that see OAuth advertised may drop the key that they were given; make it two routes to one upstream',
      })
    const kept = route.forwardCredential === true ? whyNotForwarded(route) : null
    if (kept !== null) context.addIssue({ code: 'custom', path: ['forwardCredential'], message: kept })
    if (route.path.endsWith('/*') && (route.upstream?.path ?? '/') !== '/')
      context.addIssue({ code: 'custom', path: ['upstream'], message: prefixUpstreamRight })
  })

/** The route that settings describe, its limits filled in. */
export function resolveRoute(settings: z.output<typeof routeSettings>, defaults: RouteDefaults): Route {
  const isPrefix = settings.path.endsWith('/*')
  return {
    path: settings.path,
    match: isPrefix
      ? { kind: 'prefix', value: settings.path.slice(0, -1) }
      : { kind: 'exact', value: settings.path },
    mcp: settings.mcp ?? false,
    serviceUserHeader: settings.serviceUserHeader ?? null,
    tools: settings.tools ?? null,
    accepts: settings.accepts ?? [],
    public: settings.public ?? false,
    forwardCredential: settings.forwardCredential ?? false,
    upstream:
      settings.upstream === undefined
        ? null
        : { origin: settings.upstream.origin, path: isPrefix ? null : settings.upstream.path },
    bodyLimitBytes: settings.bodyLimitBytes ?? defaults.bodyLimitBytes,
    trailMode: settings.trail ?? defaults.trailMode,
    timeoutMs: settings.timeout ?? defaults.timeoutMs,
    assertion: settings.assertion ?? 'shared',
  }
}

function whyNotForwarded(route: {
  accepts?: readonly CredentialKind[] | undefined
  mcp?: boolean | undefined
}): string | null {
  if (route.accepts === undefined) return 'has no use here: a public route asks for no credential'
  if (route.accepts.includes('service-key'))
    return 'must be left out on a route that accepts service keys: they never go upstream'
  if (route.mcp === true) return "must be left out on an MCP route: MCP forbids passing the client's token on"
  return null
}

/**
 * The earlier path that takes every request which this one could, by the first match; null if none does. Compared
 * as loosely as backends read paths: two routes that differ in case or a trailing slash only are ambiguous.
 */
export function shadowOf(path: string, earlier: readonly string[]): string | null {
  const folded = fold(path)
  const covers = (other: string) =>
    other === folded || (other.endsWith('/*') && folded.replace(/\*$/, '').startsWith(other.slice(0, -1)))
  return earlier.find((other) => covers(fold(other))) ?? null
}

function fold(path: string): string {
  const lower = path.toLowerCase()
  return lower.length > 1 && lower.endsWith('/') ? lower.slice(0, -1) : lower
}

/** The message for something that should be an object: an unknown name inside it is told elsewhere. */
export function objectExpected(issue: { code?: string | undefined }): string | undefined {
  return issue.code === 'invalid_type' ? 'must be an object' : undefined
}
