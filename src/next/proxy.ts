import type { Config, Route } from '../config.ts'
import type { RouteTable } from '../front/routes.ts'
import type { AppRequest } from './front.ts'
import { createGate, styleOf } from './gate.ts'
import { type Caller, createAppIdentity } from './identity.ts'
import { type NextResponses, nextResponses } from './next-modules.ts'
import type { Node } from './node.ts'
import { opened } from './opened.ts'
import { overriddenHeaders, passesOn } from './overrides.ts'
import { refusalResponse } from './refusal.ts'

/** What Next gives to `proxy` besides the request. */
export interface ProxyEvent {
  waitUntil(promise: Promise<unknown>): void
}

/** What Next gives to `proxy`: its `NextRequest`. */
export interface ProxyRequest extends AppRequest {
  readonly nextUrl: { readonly pathname: string; readonly search: string }
}

/** What `proxy.ts` exports. */
export type Proxy = (request: ProxyRequest, event: ProxyEvent) => Promise<Response>

/** What a proxy answers. */
export type ProxyAnswer = Response | null | undefined | void

export interface ProxyOptions {
  /**
   * Another proxy, such as `clerkMiddleware()`. It is asked about requests that carry no key of ours, on routes
   * for people and on public ones. What it adds to the request is kept, but for our headers; where it answers by
   * itself (a redirect to the login), that is the answer. A method, so that Next's own types fit.
   */
  otherwise?(request: ProxyRequest, event: ProxyEvent): ProxyAnswer | Promise<ProxyAnswer>
}

/** The gate over a whole app: verified, stripped, named and recorded before anything of the app runs. */
export function createProxy(
  config: Config,
  options: ProxyOptions & {
    routes: RouteTable<Route>
    /** Whether a route is one of Next's own files, of which no other proxy has to know. */
    isNextFile: (route: Route) => boolean
    use: () => Promise<Node>
  },
): Proxy {
  const gate = createGate({
    config,
    routeOf: options.routes.match,
    // In the proxy this is a copy that Next made: the handler still gets the whole body.
    bodyOf: (request) => request.body,
  })
  const identity = createAppIdentity(config.headers.serviceUser)
  let responses: NextResponses | null = null

  return async (request, event) => {
    const node = await opened(request, options)
    if (node instanceof Response) return node
    const judged = await gate.judge(request, node)
    if (judged.kind === 'answered') return judged.response
    if (judged.kind === 'refused') {
      // On serverless nothing runs after the answer, unless it is waited for.
      event.waitUntil(node.drained())
      const isForPeople = judged.passage.route?.accepts.includes('session') === true
      const isAnother = judged.reason === 'missing_credential' || judged.reason === 'invalid_session'
      if (!isForPeople || !isAnother) return judged.response
      const other = await ask(request, event)
      return other !== null && !passesOn(other) ? other : judged.response
    }
    if (judged.kind === 'public') {
      const other = options.isNextFile(judged.route) ? null : await ask(request, event)
      return goOn(request, node, other, null)
    }

    const { allowed, route, passage, begun } = judged
    const other = allowed.credentialKind === 'session' ? await ask(request, event) : null
    const isPassed = other === null || passesOn(other)
    const durationMs = gate.elapsedMs(passage.arrival)
    // What becomes of it afterwards is not seen here.
    const isSafe = await begun.finish({
      outcome: 'passed',
      reason: null,
      status: isPassed ? null : other.status,
      durationMs,
    })
    if (isSafe) return isPassed ? goOn(request, node, other, { allowed, route }) : other
    // Nothing went on yet, so it may be tried again.
    begun.end({ outcome: 'denied', reason: 'trail_unavailable', status: 503, durationMs })
    event.waitUntil(node.drained())
    return refusalResponse('trail_unavailable', styleOf(passage))
  }

  async function ask(request: ProxyRequest, event: ProxyEvent): Promise<Response | null> {
    if (options.otherwise === undefined) return null
    return (await options.otherwise(request, event)) ?? null
  }

  async function goOn(
    request: ProxyRequest,
    node: Node,
    other: Response | null,
    caller: Caller | null,
  ): Promise<Response> {
    responses ??= await nextResponses()
    const { requestHeaders, responseHeaders } =
      other === null
        ? { requestHeaders: request.headers, responseHeaders: null }
        : overriddenHeaders(other, request)
    const headers = new Headers(requestHeaders)
    identity.applyTo(headers, node, caller)
    return responses.next({
      request: { headers },
      ...(responseHeaders === null ? {} : { headers: identity.strip(responseHeaders) }),
    })
  }
}
