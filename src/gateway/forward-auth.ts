import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallDraft, Recorder } from '../audit/recorder.ts'
import type { ForwardAuthProxy, Route } from '../config.ts'
import type { HitLimit } from '../domain/limit.ts'
import type { Clock } from '../domain/ports.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import type { ArgumentsHmac, McpBody } from '../mcp/read-calls.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { ToolPolicy } from '../verify/authorize.ts'
import type { Verify } from '../verify/verify.ts'
import { createAdmission, useOf } from '../front/admission.ts'
import { sendRefusal } from '../front/answer.ts'
import { type Caller, callerOf, nobody } from '../front/caller.ts'
import type { Drafts } from '../front/drafts.ts'
import type { Arrival, Front, ReadFront } from './front.ts'
import { readRouteBody } from './route-body.ts'
import type { RouteTable } from '../front/routes.ts'

/** Where it lies on the admin address; Envoy appends the request's own path. */
export const forwardAuthPath = '/_postern/verify'

export interface ForwardAuthOptions {
  clock: Clock
  /** Which proxy asks: it decides where the request's own method and URL stand. */
  proxy: ForwardAuthProxy
  readFront: ReadFront
  isTrustedPeer: (peer: string) => boolean
  routes: RouteTable<Route>
  verify: Verify
  recorder: Recorder
  /** The end of a call isn't seen here: a place among those under way is free again once the call is let go on. */
  limiter: Pick<Limiter, 'judge'>
  policy: ToolPolicy
  draftsOf: Drafts
  /** The identity headers as a flat list, all of them, empty where there is nobody to name. */
  identityHeaders: (allowed: Allowed | null, route: Route) => string[]
  bodyTimeoutMs: number
  argumentsHmac: ArgumentsHmac | null
  onAnswered: (outcome: 'forwarded' | 'denied', reason: Reason | null, durationMs: number) => void
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
}

/** What one question is about, as far as it is known. */
interface Asked {
  request: IncomingMessage
  response: ServerResponse
  arrival: Arrival
  allowed: Allowed | null
  caller: Caller
  issuer: string | null
  limit: HitLimit | null
  calls: McpBody | null
  /** Whether its body has been read whole; Node says so a moment later. */
  isRead: boolean
}

/**
 * Answers a proxy that asks before it sends a request on (nginx `auth_request`, Traefik, Caddy, Envoy): 200 with
 * all identity headers, or the refusal. The row is in the trail, as `passed`, before the 200 leaves; what becomes
 * of the request afterwards is not seen here. Never rejects.
 */
export function createForwardAuth(
  options: ForwardAuthOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { clock, routes, verify, recorder, draftsOf } = options
  const admit = createAdmission({
    recorder,
    limiter: options.limiter,
    policy: options.policy,
    log: options.log,
  })

  return async (request, response) => {
    const stated = originalOf(request, options.proxy)
    const reading = options.readFront({
      url: stated?.url ?? '',
      method: stated?.method ?? '',
      rawHeaders: request.rawHeaders,
      httpVersion: request.httpVersion,
      socket: request.socket,
    })
    const { arrival } = reading.ok ? reading.front : reading
    const asked: Asked = {
      request,
      response,
      arrival,
      allowed: null,
      caller: nobody,
      issuer: null,
      limit: null,
      calls: null,
      isRead: false,
    }
    try {
      // Whoever else reaches this address could state any method and URL.
      if (!options.isTrustedPeer(request.socket.remoteAddress ?? '')) return refuse(asked, 'address_refused')
      if (stated === null) {
        options.log.warn({ proxy: options.proxy }, 'a forward-auth request does not state its method and URL')
        return refuse(asked, 'url_ambiguous')
      }
      if (!reading.ok) return refuse(asked, reading.reason)
      await judge(asked, reading.front)
    } catch (error) {
      options.log.error({ err: error, requestId: arrival.requestId }, 'a request could not be judged')
      refuse(asked, 'store_unavailable')
    }
  }

  async function judge(asked: Asked, front: Front): Promise<void> {
    const { request, response, arrival } = asked
    const route = routes.match(front.path)
    if (route === null) return refuse(asked, 'no_route')
    if (route === 'ambiguous') return refuse(asked, 'url_ambiguous')
    const { head } = front
    const source = {
      authorization: head.authorization,
      cookie: head.get('cookie'),
      headers: head,
      url: front.query === '' ? front.path : `${front.path}?${front.query}`,
      query: front.query,
      address: arrival.clientAddress,
    }
    const verdict = await verify(source, route.accepts)
    if (route.public) {
      if (!verdict.allowed && verdict.reason === 'credential_in_query') return refuse(asked, verdict.reason)
      return pass(asked, null, route)
    }
    asked.caller = callerOf(verdict)
    if (!verdict.allowed) {
      if (verdict.reason === 'issuer_unavailable') asked.issuer = verdict.issuer ?? null
      asked.limit = verdict.limit ?? null
      return refuse(asked, verdict.reason)
    }
    asked.allowed = verdict

    if (route.mcp && hasBody(front)) {
      const isBodiless = request.method === 'GET' || request.method === 'HEAD'
      // It announces the body and keeps it: waiting for it would end in a time-out.
      if (isBodiless) return refuse(asked, 'header_invalid')
      const body = await readRouteBody(
        request,
        response,
        front,
        route,
        options.bodyTimeoutMs,
        options.argumentsHmac,
      )
      if (body.kind === 'gone') return
      asked.isRead = body.kind === 'read' || body.isRead
      if (body.kind === 'refused') return refuse(asked, body.reason)
      asked.calls = body.calls
    }

    // A call that was sent on without its body could be one of any tool (T31).
    const isUnseen = asked.calls === null && !['GET', 'HEAD', 'DELETE'].includes(arrival.httpMethod)
    const use = useOf(route, arrival, isUnseen ? 'unseen' : asked.calls)
    const admission = await admit(verdict, use, () => rowsOf(asked), route.trailMode)
    const { begun, refusal } = admission
    if (begun === null) {
      asked.limit = admission.limit ?? null
      return refuse(asked, refusal)
    }
    const durationMs = elapsedMs(arrival)
    if (refusal !== null) {
      // Nobody waits for the row, and what it fails with is in the log.
      const { status } = refusalFor(refusal)
      begun.finish({ outcome: 'denied', reason: refusal, status, durationMs }).catch(() => {})
      return answer(asked, refusal)
    }
    const safe = await begun.finish({ outcome: 'passed', reason: null, status: null, durationMs })
    if (!safe) {
      // Nothing went on yet, so it may be tried again.
      begun.end({ outcome: 'denied', reason: 'trail_unavailable', status: 503, durationMs })
      return answer(asked, 'trail_unavailable')
    }
    pass(asked, verdict, route)
  }

  function pass(asked: Asked, allowed: Allowed | null, route: Route): void {
    const { response, arrival } = asked
    const headers = ['content-length', '0', 'cache-control', 'no-store', 'x-request-id', arrival.requestId]
    response.writeHead(200, [...headers, ...options.identityHeaders(allowed, route)])
    response.end()
    options.onAnswered('forwarded', null, elapsedMs(arrival))
  }

  function refuse(asked: Asked, reason: Reason): void {
    const durationMs = elapsedMs(asked.arrival)
    const { status } = refusalFor(reason)
    for (const draft of rowsOf(asked)) recorder.deny(draft, { reason, status, durationMs })
    answer(asked, reason)
  }

  function answer(
    { request, response, arrival, allowed, issuer, limit, isRead }: Asked,
    reason: Reason,
  ): void {
    sendRefusal(response, reason, {
      isMcp: false,
      requestId: arrival.requestId,
      rpcId: null,
      credentialKind: allowed?.credentialKind ?? null,
      issuer,
      limit,
      close: !request.complete && !isRead,
      // nginx turns any other refusal into a 500.
      only401And403: options.proxy === 'nginx',
    })
    options.onAnswered('denied', reason, elapsedMs(arrival))
  }

  function rowsOf({ arrival, caller, calls }: Asked): CallDraft[] {
    return draftsOf({ arrival, caller, calls })
  }

  function elapsedMs(arrival: Arrival): number {
    return Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
  }
}

/**
 * The request's own method and URL, as the proxy states them: each once, or null. What another proxy would state is
 * the client's own word here, and is not read.
 */
function originalOf(
  request: IncomingMessage,
  proxy: ForwardAuthProxy,
): { method: string; url: string } | null {
  if (proxy === 'envoy') {
    const url = (request.url ?? '').slice(forwardAuthPath.length)
    return { method: request.method ?? '', url: url === '' ? '/' : url }
  }
  const family = proxy === 'nginx' ? 'x-original-' : 'x-forwarded-'
  const method = onlyValue(request.rawHeaders, `${family}method`)
  const url = onlyValue(request.rawHeaders, `${family}uri`)
  return method === null || url === null || !/^[A-Z]+$/.test(method) ? null : { method, url }
}

function onlyValue(rawHeaders: readonly string[], name: string): string | null {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  return values.length === 1 ? (values[0] ?? null) : null
}

function hasBody({ head }: Front): boolean {
  return head.isChunked || (head.contentLength ?? 0) > 0
}
