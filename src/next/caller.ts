import type { Config, Route } from '../config.ts'
import { type Principal, type PrincipalKind, refusalFor } from '../domain/verdict.ts'
import type { RouteTable } from '../front/routes.ts'
import { AssertionRefused } from '../identity/assertion-refused.ts'
import { assertionHeader } from '../identity/assertion-form.ts'
import { type PublicKeys, type VerifiedAssertion, verifyAssertion } from '../identity/verify-assertion.ts'
import type { AppRequest } from './front.ts'
import { pageHeaders } from './next-modules.ts'
import { mayCallAll } from './granted-tools.ts'
import type { Node } from './node.ts'

/**
 * A request that may not be served. Thrown out of a route handler or a page, Next itself answers it with its
 * status; `response()` says more. `code` is stable: that of the assertion's refusal, `wrong_caller`, or
 * `tool_not_granted`.
 */
export class CallerRefused extends Error {
  override readonly name = 'CallerRefused'
  readonly code: string
  readonly status: 401 | 403
  /** What Next knows its own `unauthorized()` and `forbidden()` by. */
  readonly digest: string
  constructor(code: string, status: 401 | 403, message: string) {
    super(message)
    this.code = code
    this.status = status
    this.digest = `NEXT_HTTP_ERROR_FALLBACK;${status}`
  }

  /** The refusal as problem details (RFC 9457), for a handler to return. */
  response(): Response {
    const { status, code, message } = this
    return Response.json(
      { type: 'about:blank', title: message, status, code },
      {
        status,
        headers: {
          'content-type': 'application/problem+json',
          'cache-control': 'no-store',
          ...(status === 401 ? { 'www-authenticate': 'Bearer realm="postern"' } : {}),
        },
      },
    )
  }
}

export interface CallerOptions {
  /** The path of the route in the settings, where the request's own path doesn't find it (a rewrite, a page). */
  route?: string
  /** Names of the tools that this serves: the caller must be granted all of them. */
  tools?: readonly string[]
}

/** Who calls, as the assertion of the request says. */
export type RequireCaller = (request?: Request, options?: CallerOptions) => Promise<Principal>

/** How many assertions that were found good are remembered: a signature is good for half a minute of calls. */
const keptLimit = 1000

/**
 * Makes what handlers and pages ask. The headers that name the caller are never believed: only the assertion is,
 * which nobody but this process (or who shares `POSTERN_SIGNING_KEY`) can make, so that a request that came past
 * the proxy opens nothing.
 */
export function createRequireCaller(
  config: Config,
  options: { routes: RouteTable<Route>; use: () => Promise<Node>; kinds: readonly PrincipalKind[] },
): RequireCaller {
  const kept = new Map<string, VerifiedAssertion>()
  const allRoutes = config.routes.filter((route) => !route.public).map((route) => route.path)
  let keys: { text: string; set: PublicKeys } | null = null

  async function verified(
    token: string,
    audience: readonly string[],
    node: Node,
  ): Promise<VerifiedAssertion> {
    const before = kept.get(token)
    if (before !== undefined && before.expiresAt > Date.now() && audience.includes(before.audience))
      return before
    const text = node.postern.assertions.jwks()
    if (keys?.text !== text) keys = { text, set: JSON.parse(text) as PublicKeys }
    const found = await verifyAssertion(token, { jwks: keys.set, audience })
    if (kept.size >= keptLimit) kept.clear()
    kept.set(token, found)
    return found
  }

  return async (request, { route, tools = [] } = {}) => {
    const headers = request === undefined ? await pageHeaders() : request.headers
    const token = headers.get(assertionHeader) ?? ''
    let assertion: VerifiedAssertion
    try {
      if (token === '') throw new AssertionRefused('missing')
      const audience = audienceOf(request, route)
      assertion = await verified(token, audience, await options.use())
    } catch (error) {
      if (error instanceof AssertionRefused) throw new CallerRefused(error.code, 401, error.message)
      throw error
    }
    if (!options.kinds.includes(assertion.principal.kind))
      throw new CallerRefused(
        'wrong_caller',
        403,
        `This is for callers of another kind: ${options.kinds.join(', ')}.`,
      )
    if (tools.length > 0 && !(await mayCallAll(tools, assertion, config, options.use)))
      throw new CallerRefused('tool_not_granted', 403, refusalFor('tool_not_granted').message)
    return assertion.principal
  }

  function audienceOf(request: AppRequest | undefined, route: string | undefined): readonly string[] {
    if (route !== undefined) return [route]
    // A page doesn't know its own path.
    if (request === undefined) return allRoutes
    const { pathname } = request.nextUrl ?? new URL(request.url)
    const found = options.routes.match(pathname)
    if (found === null || found === 'ambiguous') throw new AssertionRefused('wrong_audience')
    return [found.path]
  }
}
