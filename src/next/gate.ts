import type { Begun } from '../audit/recorder.ts'
import type { Config, Route } from '../config.ts'
import type { HitLimit } from '../domain/limit.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'
import { createAdmission, useOf } from '../front/admission.ts'
import { type Caller, callerOf, nobody } from '../front/caller.ts'
import type { Drafts } from '../front/drafts.ts'
import { createDrafts } from '../front/drafts.ts'
import { createResourceMetadata, metadataHeaders } from '../front/resource-metadata.ts'
import { neededScope } from '../front/needed-scope.ts'
import type { RouteTable } from '../front/routes.ts'
import { createSelfRotation, isSelfRotation } from '../front/self-rotation.ts'
import { idToAnswer, type McpBody } from '../mcp/read-calls.ts'
import type { Arrival } from '../front/arrival.ts'
import { type AppRequest, createReadFront, type FrontReading } from './front.ts'
import type { Node } from './node.ts'
import { rawRefusal } from './raw-head.ts'
import { pairsOf, refusalResponse, refusalStatus } from './refusal.ts'
import { readRequestBody } from './request-body.ts'

/** One request on its way through the gate; what a refusal needs at any step. */
export interface Passage {
  arrival: Arrival
  /** Null until one matched. */
  route: Route | null
  /** Set once the credential is known. */
  allowed: Allowed | null
  caller: Caller
  calls: McpBody | null
  rpcId: string | null
  /** Where a client of OAuth learns whose tokens are taken here; null where none are. */
  resourceMetadata: string | null
  /** The issuer whose keys are not at hand; null otherwise. */
  issuer: string | null
  /** The limit that it is beyond; null where it is beyond none. */
  limit: HitLimit | null
}

/** A public request passes unnamed and leaves no trail; an allowed one has its intent in the spool. */
export type Judged =
  | { kind: 'answered'; response: Response }
  | { kind: 'refused'; reason: Reason; response: Response; passage: Passage }
  | { kind: 'public'; route: Route; passage: Passage }
  | {
      kind: 'allowed'
      route: Route
      passage: Passage
      allowed: Allowed
      begun: Begun
      body: Uint8Array | null
    }

export interface Gate {
  /** Steps 1 to 6 of a call (ARCHITECTURE.md), for a request that Next carries. */
  judge(request: AppRequest, node: Node): Promise<Judged>
  /** Answers a refusal for what has begun already: its rows become the denials. */
  refuseBegun(passage: Passage, begun: Begun, reason: Reason): Response
  elapsedMs(arrival: Arrival): number
}

export interface GateOptions {
  config: Config
  /** The route of a path; by itself where a handler names its own. */
  routeOf: RouteTable<Route>['match']
  /** Whether the body of an MCP call has to be read from a clone, since the handler will read the request's own. */
  bodyOf: (request: AppRequest) => ReadableStream<Uint8Array> | null
}

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const oauthMetadata = /\/\.well-known\/(?:oauth-|openid-configuration)/

/** Who is it, may it, and is it recorded: the same for `proxy.ts` and for a wrapped handler. */
export function createGate({ config, routeOf, bodyOf }: GateOptions): Gate {
  const readFront = createReadFront({ clock, trustedHops: config.trustedHops, rawRefusal })
  const issuers = config.issuers.map((each) => each.issuer)
  const resourceMetadata = createResourceMetadata({ match: routeOf }, issuers)
  let draftsOf: Drafts | null = null

  async function judge(request: AppRequest, node: Node): Promise<Judged> {
    // 1. The head, in one reading only.
    const reading = readFront(request)
    const { arrival } = reading
    const passage: Passage = {
      arrival,
      route: null,
      allowed: null,
      caller: nobody,
      calls: null,
      rpcId: null,
      resourceMetadata: null,
      issuer: null,
      limit: null,
    }
    if (!reading.ok) {
      const route = reading.path === null ? null : routeOf(reading.path)
      if (route !== 'ambiguous') passage.route = route
      return refuse(passage, node, reading.reason)
    }
    const { head, path, query } = reading
    const proto = request.headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http'
    const resource = { path, proto, host: head.host }
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const metadata = isRead ? resourceMetadata.at(resource) : null
    if (metadata !== null)
      return { kind: 'answered', response: new Response(metadata, { headers: metadataHeaders }) }

    if (isSelfRotation(path, request.method)) return rotateItself(reading, passage, node)

    // 2. The route: what it accepts.
    const route = routeOf(path)
    if (route === null) return refuse(passage, node, 'no_route')
    if (route === 'ambiguous') return refuse(passage, node, 'url_ambiguous')
    if (!route.public && oauthMetadata.test(path)) return refuse(passage, node, 'no_route')
    passage.route = route
    passage.resourceMetadata = resourceMetadata.urlFor(resource, route)

    // 3. Who it is, from the head alone.
    const verdict = await node.postern.verify(
      {
        authorization: head.authorization,
        cookie: head.get('cookie'),
        headers: head,
        url: query === '' ? path : `${path}?${query}`,
        query,
        address: arrival.clientAddress,
      },
      route.accepts,
    )
    if (!verdict.allowed && !(route.public && verdict.reason !== 'credential_in_query')) {
      passage.caller = callerOf(verdict)
      if (!verdict.allowed && verdict.reason === 'issuer_unavailable') passage.issuer = verdict.issuer ?? null
      if (!verdict.allowed) passage.limit = verdict.limit ?? null
      return refuse(passage, node, verdict.reason)
    }

    // 4. The body, and on MCP routes the calls in it.
    const body = await readRequestBody({
      head,
      method: request.method,
      route,
      timeoutMs: config.limits.bodyTimeoutMs,
      argumentsHmac: node.postern.argumentsHmac,
      open: () => bodyOf(request),
    })
    if (verdict.allowed && !route.public) {
      passage.allowed = verdict
      passage.caller = callerOf(verdict)
    }
    if (!body.ok) {
      passage.rpcId = body.rpcId
      return refuse(passage, node, body.reason)
    }
    if (!verdict.allowed || route.public) return { kind: 'public', route, passage }
    passage.calls = body.calls
    passage.rpcId = idToAnswer(body.calls)

    // 5 and 6. May it, can it be recorded, and does its key still hold?
    const admit = createAdmission({
      recorder: node.recorder,
      limiter: node.postern.limiter,
      policy: config.policy,
      log: node.postern.log,
    })
    const admission = await admit(
      verdict,
      useOf(route, arrival, body.calls),
      () => rowsOf(passage, node),
      route.trailMode,
    )
    const { begun, refusal } = admission
    if (begun === null) {
      passage.limit = admission.limit ?? null
      return refuse(passage, node, refusal)
    }
    if (refusal === null)
      return { kind: 'allowed', route, passage, allowed: verdict, begun, body: body.bytes }
    return { kind: 'refused', reason: refusal, response: refuseBegun(passage, begun, refusal), passage }
  }

  /** A key asks for its successor: no route of the app's, and answered here. */
  async function rotateItself(
    reading: FrontReading & { ok: true },
    passage: Passage,
    node: Node,
  ): Promise<Judged> {
    const { postern, recorder } = node
    const rotated = await createSelfRotation({
      clock,
      recorder,
      limiter: postern.limiter,
      draftsOf: draftsFor(node),
      verify: postern.verify,
      rotate: postern.selfRotate,
      describe: postern.describeKey,
      log: postern.log,
    })(reading)
    const { refusal: reason } = rotated
    if (reason !== null) {
      passage.limit = rotated.limit ?? null
      return { kind: 'refused', reason, response: refusalResponse(reason, styleOf(passage)), passage }
    }
    const { status, headers, body } = rotated.answer
    return { kind: 'answered', response: new Response(body, { status, headers: pairsOf(headers) }) }
  }

  function refuse(passage: Passage, node: Node, reason: Reason): Judged {
    const status = refusalStatus(reason, styleOf(passage))
    const durationMs = elapsedMs(passage.arrival)
    for (const draft of rowsOf(passage, node)) node.recorder.deny(draft, { reason, status, durationMs })
    return { kind: 'refused', reason, response: refusalResponse(reason, styleOf(passage)), passage }
  }

  function refuseBegun(passage: Passage, begun: Begun, reason: Reason): Response {
    const style = styleOf(passage)
    const status = refusalStatus(reason, style)
    // Nobody waits for it; where the spool can't be written it says so in the log itself.
    begun
      .finish({ outcome: 'denied', reason, status, durationMs: elapsedMs(passage.arrival) })
      .catch(() => undefined)
    return refusalResponse(reason, style)
  }

  function rowsOf({ arrival, caller, calls }: Passage, node: Node) {
    return draftsFor(node)({ arrival, caller, calls })
  }

  function draftsFor(node: Node): Drafts {
    draftsOf ??= createDrafts(node.postern.maskTokens)
    return draftsOf
  }

  return { judge, refuseBegun, elapsedMs }
}

/** How the refusal of a request has to look. */
export function styleOf({ arrival, route, rpcId, allowed, calls, resourceMetadata, issuer, limit }: Passage) {
  return {
    isMcp: route?.mcp ?? false,
    requestId: arrival.requestId,
    rpcId,
    credentialKind: allowed?.credentialKind ?? null,
    scope: allowed?.credentialKind === 'jwt' ? neededScope(calls) : null,
    resourceMetadata,
    issuer,
    limit,
  }
}

function elapsedMs(arrival: Arrival): number {
  return Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
}
