import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Begun, Recorder } from '../audit/recorder.ts'
import type { Route } from '../config.ts'
import type { Clock } from '../domain/ports.ts'
import type { Allowed, Reason, Verdict } from '../domain/verdict.ts'
import { refusalFor } from '../domain/verdict.ts'
import type { IdentityHeaders } from '../identity/headers.ts'
import type { McpBody } from '../mcp/read-calls.ts'
import { authorize, judgeAgain } from '../verify/authorize.ts'
import type { Verify } from '../verify/verify.ts'
import { sendRefusal, statusFor } from './answer.ts'
import { createDrafts } from './drafts.ts'
import type { Forwarder } from './forward.ts'
import type { Arrival, Front, FrontReading, UnreadableHead } from './front.ts'
import type { ForwardedBody } from './route-body.ts'
import { readRouteBody } from './route-body.ts'
import type { RouteTable } from './routes.ts'

export interface GatewayOptions {
  clock: Clock
  readFront: (request: IncomingMessage) => FrontReading
  routes: RouteTable<Route>
  verify: Verify
  recorder: Recorder
  identity: IdentityHeaders
  forwarder: Forwarder
  bodyTimeoutMs: number
  /** Removes whatever looks like a token from a text that goes into the trail. */
  maskTokens: (text: string) => string
  onAnswered: (outcome: 'forwarded' | 'denied', reason: Reason | null, durationMs: number) => void
  log: { error(fields: object, message: string): void }
}

/** Everything known about one request so far; what a refusal needs at any step. */
interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  arrival: Arrival
  isMcp: boolean
  /** Set once the credential is known. */
  allowed: Allowed | null
  keyId: string | null
  serviceUserId: string | null
  calls: McpBody | null
  rpcId: string | null
}

const oauthMetadata = /\/\.well-known\/(?:oauth-|openid-configuration)/

/** The life of one call, step by step; ARCHITECTURE.md numbers the same steps. Never rejects. */
export function createGateway(
  options: GatewayOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { clock, routes, verify, recorder, identity, forwarder } = options
  const draftsOf = createDrafts(options.maskTokens)

  return async (request, response) => {
    // 1. The head, in one reading only.
    const reading = options.readFront(request)
    const { arrival } = reading.ok ? reading.front : reading
    const exchange: Exchange = {
      request,
      response,
      arrival,
      isMcp: false,
      allowed: null,
      keyId: null,
      serviceUserId: null,
      calls: null,
      rpcId: null,
    }
    try {
      if (reading.ok) await handle(exchange, reading.front)
      else refuseHead(exchange, reading)
    } catch (error) {
      options.log.error({ err: error, requestId: arrival.requestId }, 'a request could not be handled')
      refuse(exchange, 'store_unavailable')
    }
  }

  /** An MCP client can read JSON-RPC only, so where the path is sound its route decides how the refusal looks. */
  function refuseHead(exchange: Exchange, { path, reason }: UnreadableHead): void {
    const route = path === null ? null : routes.match(path)
    exchange.isMcp = route !== null && route !== 'ambiguous' && route.mcp
    refuse(exchange, reason)
  }

  async function handle(exchange: Exchange, front: Front): Promise<void> {
    // 2. The route: what it accepts, where it leads.
    const route = routes.match(front.path)
    if (route === null) return refuse(exchange, 'no_route')
    if (route === 'ambiguous') return refuse(exchange, 'url_ambiguous')
    // A client that finds traces of OAuth beside a key's route may drop the key that it was given.
    if (!route.public && oauthMetadata.test(front.path)) return refuse(exchange, 'no_route')
    exchange.isMcp = route.mcp

    // 3. Who it is, from the head alone: a stranger's body is never read.
    const source = { authorization: front.head.authorization, query: front.query }
    const verdict = await verify(source, route.accepts)
    if (route.public) return handlePublic(exchange, front, route, verdict)
    if (!verdict.allowed) {
      exchange.keyId = verdict.keyId ?? null
      exchange.serviceUserId = verdict.serviceUserId ?? null
      return refuse(exchange, verdict.reason)
    }
    exchange.allowed = verdict
    exchange.keyId = verdict.keyId
    exchange.serviceUserId = verdict.principal.kind === 'service' ? verdict.principal.id : null

    // 4. The body, and on MCP routes the calls in it.
    const body = await readRouteBody(exchange.request, exchange.response, front, route, options.bodyTimeoutMs)
    if (body.kind === 'gone') return
    if (body.kind === 'refused') {
      exchange.rpcId = body.rpcId
      return refuse(exchange, body.reason)
    }
    exchange.calls = body.calls
    exchange.rpcId = idToAnswer(body.calls)

    // 5. May it, and can it be recorded?
    const denied = authorize(verdict) ?? recorder.refusal(route.trailMode)
    if (denied !== null) return refuse(exchange, denied)

    // 6. The intent is in the spool before anything goes on; then key and lease are judged once more.
    const begun = await begin(exchange, route)
    if (begun === null) return refuse(exchange, 'trail_unavailable')
    const late = (await keepSafe()) ?? (await judgeAgain(verdict))
    if (late !== null) return refuseBegun(exchange, begun, late)

    // 7 and 8. Sent on, and answered once the row is committed.
    await forward(exchange, front, route, body.body, begun)
  }

  /** Anyone may pass, nobody is named, and no trail is kept; but a key in the URL is refused here, too. */
  async function handlePublic(
    exchange: Exchange,
    front: Front,
    route: Route,
    verdict: Verdict,
  ): Promise<void> {
    if (!verdict.allowed && verdict.reason === 'credential_in_query') return refuse(exchange, verdict.reason)
    const body = await readRouteBody(exchange.request, exchange.response, front, route, options.bodyTimeoutMs)
    if (body.kind === 'refused') return refuse(exchange, body.reason)
    if (body.kind === 'read') await forward(exchange, front, route, body.body, null)
  }

  async function begin(exchange: Exchange, route: Route): Promise<Begun | null> {
    try {
      return await recorder.begin(rowsOf(exchange), route.trailMode)
    } catch (error) {
      options.log.error({ err: error }, 'the spool cannot be written')
      return null
    }
  }

  /** While the database is away the spool is all there is, so an intent has to survive a power loss there. */
  async function keepSafe(): Promise<Reason | null> {
    if (!recorder.isAway()) return null
    try {
      await recorder.sync()
      return null
    } catch (error) {
      options.log.error({ err: error }, 'the spool cannot be synced to the disk')
      return 'trail_unavailable'
    }
  }

  async function forward(
    exchange: Exchange,
    front: Front,
    route: Route,
    body: ForwardedBody,
    begun: Begun | null,
  ): Promise<void> {
    const { request, response, arrival } = exchange
    const { origin } = route.upstream
    const path = (route.upstream.path ?? front.path) + (front.query === '' ? '' : `?${front.query}`)
    const headers = identity.upstreamHeaders(request.rawHeaders, {
      host: origin.slice(origin.indexOf('//') + 2),
      principal: exchange.allowed?.principal ?? null,
      clientAddress: arrival.clientAddress,
      requestId: arrival.requestId,
      forwardedHost: front.head.host,
      forwardedProto: front.proto,
    })
    if (typeof body === 'function' && front.head.contentLength !== null) {
      headers.push('content-length', String(front.head.contentLength))
    }
    const isLegacyCall = route.mcp && arrival.httpMethod === 'POST' && exchange.calls?.isModern === false
    const reason = await forwarder.forward({
      response,
      origin,
      path,
      method: arrival.httpMethod,
      headers,
      body: typeof body === 'function' ? body() : body,
      isMcp: route.mcp,
      // Before 2026-07-28 a lost connection is no cancel.
      cancelsOnClose: !isLegacyCall,
      timeoutMs: route.timeoutMs,
      begun,
      durationMs: () => elapsedMs(arrival),
      responseHeaders: (rawHeaders) => identity.responseHeaders(rawHeaders),
      refuse: (reason) => answer(exchange, reason),
    })
    options.onAnswered('forwarded', reason, elapsedMs(arrival))
  }

  /** Refuses before dispatch: an answer and a denial in the trail for each call. */
  function refuse(exchange: Exchange, reason: Reason): void {
    const status = statusFor(reason, {
      isMcp: exchange.isMcp,
      credentialKind: exchange.allowed?.credentialKind ?? null,
    })
    const durationMs = elapsedMs(exchange.arrival)
    for (const draft of rowsOf(exchange)) recorder.deny(draft, { reason, status, durationMs })
    answer(exchange, reason)
    options.onAnswered('denied', reason, durationMs)
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
  }

  function answer(exchange: Exchange, reason: Reason): void {
    const { request, response, isMcp, arrival, rpcId } = exchange
    // A body that is still on its way is not waited for: the connection goes with it.
    const close = !request.complete
    sendRefusal(response, reason, {
      isMcp,
      requestId: arrival.requestId,
      rpcId,
      credentialKind: exchange.allowed?.credentialKind ?? null,
      close,
    })
  }

  function rowsOf({ arrival, allowed, keyId, serviceUserId, calls }: Exchange) {
    const credentialKind = allowed?.credentialKind ?? (keyId === null ? null : 'service-key')
    return draftsOf({ arrival, credentialKind, keyId, serviceUserId, calls })
  }

  function elapsedMs(arrival: Arrival): number {
    return Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
  }
}

/** A refusal of a batch answers to none of its calls by name. */
function idToAnswer(calls: McpBody | null): string | null {
  const [message] = calls?.messages ?? []
  return calls?.isBatch === false && message?.kind === 'request' ? message.id : null
}
