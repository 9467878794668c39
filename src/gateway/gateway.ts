import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Begun, CallDraft, Recorder } from '../audit/recorder.ts'
import type { Route, Upstream } from '../config.ts'
import type { HitLimit } from '../domain/limit.ts'
import type { Clock } from '../domain/ports.ts'
import type { Allowed, Reason, Verdict } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import type { IdentityHeaders } from '../identity/headers.ts'
import { idToAnswer, type ArgumentsHmac, type McpBody } from '../mcp/read-calls.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { Verify } from '../verify/verify.ts'
import type { ToolPolicy } from '../verify/authorize.ts'
import type { AnswerStyle } from '../front/answer.ts'
import { refusalAnswer, sendRefusal, statusFor } from '../front/answer.ts'
import { createAdmission, useOf } from '../front/admission.ts'
import { type Caller, callerOf, nobody } from '../front/caller.ts'
import type { Drafts } from '../front/drafts.ts'
import { listRulesFor } from '../front/list-rules.ts'
import { neededScope } from '../front/needed-scope.ts'
import { isSelfRotation } from '../front/self-rotation.ts'
import type { Brake } from './brake.ts'
import type { BrowserGuard } from './browser-guard.ts'
import type { Forwarder } from './forward.ts'
import type { Arrival, Front, FrontReading, UnreadableHead } from './front.ts'
import { keyWarning } from './key-warning.ts'
import { McpAnswer } from './mcp-answer.ts'
import type { McpNames, OpenedNames } from './mcp-names.ts'
import { noNames, settleHead, targetOf } from './mcp-names.ts'
import type { OpenStreams } from './open-streams.ts'
import type { ResourceMetadata } from './resource-metadata.ts'
import type { ForwardedBody } from './route-body.ts'
import { readRouteBody } from './route-body.ts'
import type { createSelfRotation } from './self-rotation.ts'
import type { UpstreamHead } from './upstream-head.ts'
import type { RouteTable } from '../front/routes.ts'

export interface GatewayOptions {
  clock: Clock
  readFront: (request: IncomingMessage) => FrontReading
  routes: RouteTable<Route>
  verify: Verify
  recorder: Recorder
  limiter: Pick<Limiter, 'judge'>
  policy: ToolPolicy
  headOf: UpstreamHead
  /** The head of an answer, as it may go to the client. */
  responseHeaders: IdentityHeaders['responseHeaders']
  forwarder: Forwarder
  /** Judges host and origin of requests to MCP routes. */
  guard: BrowserGuard
  brake: Brake
  names: McpNames
  openStreams: Pick<OpenStreams, 'add'>
  resourceMetadata: ResourceMetadata
  rotateItself: ReturnType<typeof createSelfRotation>
  bodyTimeoutMs: number
  /** Makes what the trail keeps of arguments; null where it keeps nothing. */
  argumentsHmac: ArgumentsHmac | null
  draftsOf: Drafts
  onAnswered: (outcome: 'forwarded' | 'denied', reason: Reason | null, durationMs: number) => void
  log: { error(fields: object, message: string): void }
}

/** Everything known about one request so far; what a refusal needs at any step. */
interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  arrival: Arrival
  isMcp: boolean
  /** Where a client learns whose tokens the route takes; null where it takes none. */
  resourceMetadata: string | null
  /** The issuer whose keys are not at hand; null otherwise. */
  issuer: string | null
  /** The limit that it is beyond; null where it is beyond none. */
  limit: HitLimit | null
  /** Set once the credential is known. */
  allowed: Allowed | null
  caller: Caller
  calls: McpBody | null
  rpcId: string | null
  /** Whether its body has been read whole; Node says so a moment later. */
  isRead: boolean
  names: OpenedNames
  onOver: () => void
}

const oauthMetadata = /\/\.well-known\/(?:oauth-|openid-configuration)/

/**
 * The life of one call, step by step; ARCHITECTURE.md numbers the same steps. Calls `onOver` once, at the end.
 * What nearly always is known at once is not awaited: each wait costs a turn, and garbage that outlives it.
 */
export function createGateway(
  options: GatewayOptions,
): (request: IncomingMessage, response: ServerResponse, onOver: () => void) => void {
  const { clock, routes, verify, recorder, headOf, forwarder, resourceMetadata, draftsOf, guard, brake } =
    options
  const admit = createAdmission({
    recorder,
    limiter: options.limiter,
    policy: options.policy,
    log: options.log,
  })

  return (request, response, onOver) => {
    // 1. The head, in one reading only.
    const reading = options.readFront(request)
    const { arrival } = reading.ok ? reading.front : reading
    const exchange: Exchange = {
      request,
      response,
      arrival,
      isMcp: false,
      resourceMetadata: null,
      issuer: null,
      limit: null,
      allowed: null,
      caller: nobody,
      calls: null,
      rpcId: null,
      isRead: false,
      names: noNames,
      onOver,
    }
    try {
      if (reading.ok) handle(exchange, reading.front).catch((error: unknown) => fail(exchange, error))
      else refuseHead(exchange, reading)
    } catch (error) {
      fail(exchange, error)
    }
  }

  function fail(exchange: Exchange, error: unknown): void {
    options.log.error({ err: error, requestId: exchange.arrival.requestId }, 'a request could not be handled')
    refuse(exchange, 'store_unavailable')
  }

  /** An MCP client can read JSON-RPC only, so where the path is sound its route decides how the refusal looks. */
  function refuseHead(exchange: Exchange, { path, reason }: UnreadableHead): void {
    const route = path === null ? null : routes.match(path)
    exchange.isMcp = route !== null && route !== 'ambiguous' && route.mcp
    refuse(exchange, reason)
  }

  async function handle(exchange: Exchange, front: Front): Promise<void> {
    if (resourceMetadata.answer(front, exchange.response)) return exchange.onOver()
    if (isSelfRotation(front.path, front.arrival.httpMethod)) {
      await options.rotateItself(exchange.request, exchange.response, front)
      return exchange.onOver()
    }
    // 2. The route: what it accepts, where it leads.
    const route = routes.match(front.path)
    if (route === null) return refuse(exchange, 'no_route')
    if (route === 'ambiguous') return refuse(exchange, 'url_ambiguous')
    // What it would lead to is reached past the gateway; here there is nothing.
    if (route.upstream === null) return refuse(exchange, 'no_route')
    // A client that finds traces of OAuth beside a key's route may drop the key that it was given.
    if (!route.public && oauthMetadata.test(front.path)) return refuse(exchange, 'no_route')
    exchange.isMcp = route.mcp
    // Pages in browsers that nobody allowed are kept out before anything else is looked at.
    const unwelcome = route.mcp ? guard(front.head, exchange.request.socket.remoteAddress ?? '') : null
    if (unwelcome !== null) return refuse(exchange, unwelcome)

    // 3. Who it is, from the head alone: a stranger's body is never read.
    exchange.resourceMetadata = resourceMetadata.urlFor(front, route)
    const { head, query } = front
    const source = {
      authorization: head.authorization,
      cookie: head.get('cookie'),
      headers: head,
      url: exchange.request.url ?? '',
      query,
      address: exchange.arrival.clientAddress,
    }
    // Awaited though mostly known at once: by then the parser is through with a body that came along with its
    // head, and a refusal needn't end the connection, nor differ for keys that had to be looked up.
    const verdict = await verify(source, route.accepts)
    if (route.public) return handlePublic(exchange, front, route, route.upstream, verdict)
    exchange.caller = callerOf(verdict)
    if (!verdict.allowed) {
      if (verdict.reason === 'issuer_unavailable') exchange.issuer = verdict.issuer ?? null
      exchange.limit = verdict.limit ?? null
      // What this node can't judge is no fault of who asks.
      if (refusalFor(verdict.reason).status < 500) brake.refused(exchange.request.socket, exchange.response)
      return refuse(exchange, verdict.reason)
    }
    exchange.allowed = verdict
    brake.vouch(exchange.request.socket)

    // 4. The body, and on MCP routes the calls in it.
    const reading = readRouteBody(
      exchange.request,
      exchange.response,
      front,
      route,
      options.bodyTimeoutMs,
      options.argumentsHmac,
    )
    const body = reading instanceof Promise ? await reading : reading
    if (body.kind === 'gone') return exchange.onOver()
    if (body.kind === 'refused') {
      exchange.rpcId = body.rpcId
      exchange.isRead = body.isRead
      return refuse(exchange, body.reason)
    }
    exchange.isRead = Buffer.isBuffer(body.body)
    exchange.calls = body.calls
    exchange.rpcId = idToAnswer(body.calls)
    if (route.mcp) {
      const names = options.names.open(front, { route, allowed: verdict }, body.calls?.isModern === true)
      if (names === null) return refuse(exchange, 'session_unknown')
      exchange.names = names
    }

    // 5 and 6. May it, can it be recorded, and does its key still hold?
    const admission = await admit(
      verdict,
      useOf(route, exchange.arrival, body.calls),
      () => rowsOf(exchange),
      route.trailMode,
    )
    const { begun, refusal } = admission
    if (begun === null) {
      exchange.limit = admission.limit ?? null
      return refuse(exchange, refusal)
    }
    if (refusal !== null) return refuseBegun(exchange, begun, refusal)

    // 7 and 8. Sent on, and answered once the row is committed.
    forward(exchange, front, route, route.upstream, body.body, begun)
  }

  /** Anyone may pass, nobody is named, and no trail is kept; but a key in the URL is refused here, too. */
  async function handlePublic(
    exchange: Exchange,
    front: Front,
    route: Route,
    upstream: Upstream,
    verdict: Verdict,
  ): Promise<void> {
    if (!verdict.allowed && verdict.reason === 'credential_in_query') return refuse(exchange, verdict.reason)
    const body = await readRouteBody(
      exchange.request,
      exchange.response,
      front,
      route,
      options.bodyTimeoutMs,
      options.argumentsHmac,
    )
    if (body.kind === 'gone') return exchange.onOver()
    if (body.kind === 'refused') return refuse(exchange, body.reason)
    forward(exchange, front, route, upstream, body.body, null)
  }

  function forward(
    exchange: Exchange,
    front: Front,
    route: Route,
    upstream: Upstream,
    body: ForwardedBody,
    begun: Begun | null,
  ): void {
    const { request, response, arrival, allowed, names } = exchange
    const { origin } = upstream
    const path = targetOf(front, upstream, names)
    const headers = headOf({
      request,
      front,
      route,
      upstream: names.endpoint === null ? upstream : { origin, path: pathOf(names.endpoint) },
      allowed,
      body,
    })
    const warning = allowed === null ? null : keyWarning(allowed, arrival.at)
    let mcp: McpAnswer | null = null
    if (route.mcp && allowed !== null) {
      settleHead(headers, names.sessionId)
      mcp = new McpAnswer({
        calls: exchange.calls,
        httpMethod: arrival.httpMethod,
        path: front.path,
        origin,
        target: path,
        owner: { route, allowed },
        names: options.names,
        rules: listRulesFor(allowed, route, options.policy, {
          httpMethod: arrival.httpMethod,
          calls: exchange.calls,
        }),
        warning: warning?.meta ?? null,
        errorText: (reason) => refusalAnswer(reason, styleOf(exchange, reason)).body,
      })
    }
    const isLegacyCall = route.mcp && arrival.httpMethod === 'POST' && exchange.calls?.isModern === false
    forwarder.forward({
      response,
      origin,
      path,
      method: arrival.httpMethod,
      headers,
      body: typeof body === 'function' ? body() : body,
      streamBytes: front.head.contentLength,
      isMcp: route.mcp,
      mcp,
      warning: warning?.headers ?? null,
      watch: allowed === null ? null : (end) => options.openStreams.add(allowed, end),
      // Before 2026-07-28 a lost connection is no cancel.
      cancelsOnClose: !isLegacyCall,
      timeoutMs: route.timeoutMs,
      begun,
      durationMs: () => elapsedMs(arrival),
      responseHeaders: options.responseHeaders,
      refuse: (reason) => answer(exchange, reason),
      onOver(reason) {
        options.onAnswered('forwarded', reason, elapsedMs(arrival))
        exchange.onOver()
      },
    })
  }

  /** Refuses before dispatch: an answer and a denial in the trail for each call. */
  function refuse(exchange: Exchange, reason: Reason): void {
    const { status } = styleOf(exchange, reason)
    const durationMs = elapsedMs(exchange.arrival)
    for (const draft of rowsOf(exchange)) recorder.deny(draft, { reason, status, durationMs })
    answer(exchange, reason)
    options.onAnswered('denied', reason, durationMs)
    exchange.onOver()
  }

  /** As {@link refuse}, where the intents are in the spool already: they become the denials. */
  function refuseBegun(exchange: Exchange, begun: Begun, reason: Reason): void {
    const { status } = refusalFor(reason)
    const durationMs = elapsedMs(exchange.arrival)
    begun.finish({ outcome: 'denied', reason, status, durationMs }).catch((error: unknown) => {
      options.log.error({ err: error }, 'the spool cannot be written')
    })
    answer(exchange, reason)
    options.onAnswered('denied', reason, durationMs)
    exchange.onOver()
  }

  function answer(exchange: Exchange, reason: Reason): void {
    sendRefusal(exchange.response, reason, styleOf(exchange, reason))
  }

  function styleOf(exchange: Exchange, reason: Reason): AnswerStyle & { status: number } {
    const { request, isMcp, arrival, rpcId, isRead, allowed, calls, names, resourceMetadata, issuer, limit } =
      exchange
    const credentialKind = allowed?.credentialKind ?? null
    return {
      isMcp,
      requestId: arrival.requestId,
      rpcId,
      credentialKind,
      scope: credentialKind === 'jwt' ? neededScope(calls) : null,
      resourceMetadata,
      issuer,
      limit,
      // A body that is still on its way is not waited for: the connection goes with it.
      close: !request.complete && !isRead,
      // A client of 2024-11-05 looks for replies on its stream: of the answer to a post it reads the status alone.
      status:
        names.endpoint === null ? statusFor(reason, { isMcp, credentialKind }) : refusalFor(reason).status,
    }
  }

  function rowsOf({ arrival, caller, calls }: Exchange): CallDraft[] {
    return draftsOf({ arrival, caller, calls })
  }

  function elapsedMs(arrival: Arrival): number {
    return Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
  }
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? target
}
