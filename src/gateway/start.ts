import type { Recorder } from '../audit/recorder.ts'
import { newId } from '../domain/id.ts'
import { refusalFor } from '../domain/verdict.ts'
import { adminBasePath } from '../admin/api.ts'
import type { Postern } from '../postern.ts'
import { pageOrigin, type StandalonePage } from '../postern/page.ts'
import { createClientAddress, createIsTrustedPeer } from '../front/client-address.ts'
import { nobody } from '../front/caller.ts'
import { createDrafts } from '../front/drafts.ts'
import { createSessionSeal } from '../mcp/sessions.ts'
import { createBrake } from './brake.ts'
import { createBrowserGuard } from './browser-guard.ts'
import { createForwardAuth } from './forward-auth.ts'
import { createForwarder } from './forward.ts'
import { createReadFront } from './front.ts'
import { createGateway } from './gateway.ts'
import { createJwksAnswer } from './jwks.ts'
import { createMcpNames } from './mcp-names.ts'
import type { Metrics } from './metrics.ts'
import { createMetrics } from './metrics.ts'
import { createOpenStreams } from './open-streams.ts'
import { createOperationsServer } from './operations.ts'
import { createResourceMetadata } from './resource-metadata.ts'
import { createRouteIdentities } from './route-identities.ts'
import { createRouteTable } from '../front/routes.ts'
import { createSelfRotation } from './self-rotation.ts'
import { createFrontServer } from './server.ts'
import { createUpstreamHead } from './upstream-head.ts'

export interface Gateway {
  /** Origins, without a trailing slash. */
  url: string
  adminUrl: string
  page: StandalonePage
  /** Lets calls under way finish for up to `graceMs`. The recorder is closed after it, by its owner. */
  close(graceMs: number): Promise<void>
}

/** The gateway on its two addresses, on top of a Postern that has been started. */
export async function startGateway(postern: Postern, recorder: Recorder, metrics: Metrics): Promise<Gateway> {
  const { config, clock, log, lease } = postern
  const clientAddress = createClientAddress(config.trustedProxies)
  const isTrustedPeer = createIsTrustedPeer(config.trustedProxies)
  const readFront = createReadFront({ clock, clientAddress, isTrustedPeer })
  const routes = createRouteTable(config.routes)
  const identityOf = createRouteIdentities(config)
  const forwarder = createForwarder()
  const openStreams = createOpenStreams({ clock, lease })
  const stopWatching = postern.onKeyChanges(openStreams.apply)
  const draftsOf = createDrafts(postern.maskTokens)
  const handle = createGateway({
    clock,
    log,
    recorder,
    limiter: postern.limiter,
    policy: config.policy,
    forwarder,
    readFront,
    routes,
    verify: postern.verify,
    headOf: createUpstreamHead({
      identityOf,
      assertions: postern.assertions,
      ownsCookie: config.sessions === null ? null : config.sessions.ownsCookie.bind(config.sessions),
    }),
    responseHeaders: identityOf(null).responseHeaders,
    guard: createBrowserGuard({ listen: config.listen, mcp: config.mcp, isTrustedPeer }),
    brake: createBrake({ clock, isTrustedPeer }),
    names: createMcpNames(createSessionSeal(() => postern.deploymentKeys('sessions'))),
    openStreams,
    resourceMetadata: createResourceMetadata(
      routes,
      config.issuers.map(({ issuer }) => issuer),
    ),
    rotateItself: createSelfRotation({
      clock,
      log,
      recorder,
      limiter: postern.limiter,
      draftsOf,
      verify: postern.verify,
      rotate: postern.selfRotate,
      describe: postern.describeKey,
      onAnswered: metrics.answered,
    }),
    bodyTimeoutMs: config.limits.bodyTimeoutMs,
    argumentsHmac: postern.argumentsHmac,
    draftsOf,
    onAnswered: metrics.answered,
  })
  const answerJwks = createJwksAnswer(postern.assertions.jwks)
  const front = createFrontServer({
    headerBytes: config.limits.headerBytes,
    headerTimeoutMs: config.limits.headerTimeoutMs,
    handle(request, response, onOver) {
      if (answerJwks(request, response)) onOver()
      else handle(request, response, onOver)
    },
    onUnreadable(reason, peer) {
      const at = clock.now()
      recorder.deny(
        {
          at,
          requestId: newId(at),
          ...nobody,
          traceId: null,
          argumentsHmac: null,
          httpMethod: null,
          path: null,
          method: null,
          tool: null,
          clientAddress: clientAddress(peer, null),
          userAgent: null,
        },
        { reason, status: refusalFor(reason).status, durationMs: 0 },
      )
      metrics.answered('denied', reason, 0)
    },
  })
  let page: Promise<StandalonePage> | null = null
  const operations = createOperationsServer({
    metrics,
    page: {
      mount: adminBasePath,
      async handle(request, peer) {
        const opened = await page
        if (opened === null) throw new Error('a request came before the page was open')
        const address = clientAddress(peer, request.headers.get('x-forwarded-for'))
        return opened.handle(request, adminBasePath, address)
      },
    },
    forwardAuth:
      config.admin.forwardAuth === null
        ? null
        : createForwardAuth({
            clock,
            log,
            recorder,
            limiter: postern.limiter,
            policy: config.policy,
            readFront,
            isTrustedPeer,
            routes,
            proxy: config.admin.forwardAuth,
            verify: postern.verify,
            draftsOf,
            // An assertion that would be bound to a request can't be, where another sends it on: it is missing.
            identityHeaders: (allowed, route) =>
              allowed === null
                ? identityOf(route).answerHeaders(null, null)
                : identityOf(route).answerHeaders(
                    allowed.principal,
                    route.assertion === 'shared' ? postern.assertions.shared(allowed, route.path) : null,
                  ),
            bodyTimeoutMs: config.limits.bodyTimeoutMs,
            argumentsHmac: postern.argumentsHmac,
            onAnswered: metrics.answered,
          }),
    readiness() {
      const fresh = lease.isFresh()
      const trail = recorder.refusal(config.trail.mode) === null
      return { ready: fresh && trail, fresh, trail, setAside: recorder.filesSetAside() }
    },
  })

  const port = await front.listen(config.listen)
  const adminPort = await new Promise<number>((resolve, reject) => {
    operations.once('error', reject)
    operations.listen(config.admin.listen.port, config.admin.listen.host, () => {
      const address = operations.address()
      resolve(typeof address === 'object' && address !== null ? address.port : config.admin.listen.port)
    })
  }).catch(async (error: unknown) => {
    await front.close(0)
    throw error
  })

  async function close(graceMs: number): Promise<void> {
    await front.close(graceMs)
    stopWatching()
    // What is still open upstream ends now, and writes its end into the trail.
    await forwarder.close()
    await front.settled()
    operations.closeAllConnections()
    await new Promise((resolve) => {
      operations.close(resolve)
    })
  }

  page = postern.page(pageOrigin(config.admin, adminPort))
  try {
    return {
      url: origin(config.listen.host, port),
      adminUrl: origin(config.admin.listen.host, adminPort),
      page: await page,
      close,
    }
  } catch (error) {
    await close(0)
    throw error
  }
}

/** The metrics of a Postern whose recorder is yet to come: the recorder reports to them. */
export function metricsOf(postern: Postern, recorder: () => Recorder | null): Metrics {
  return createMetrics({
    leaseAgeMs: postern.lease.ageMs,
    epoch: postern.lease.epoch,
    standing: postern.standing,
    trailBacklog: () => recorder()?.backlog() ?? 0,
    trailIsAway: () => recorder()?.isAway() ?? false,
    spooledBytes: () => recorder()?.spooledBytes() ?? 0,
    filesSetAside: () => recorder()?.filesSetAside() ?? 0,
    cachedKeys: postern.cachedKeys,
    limitsAreAway: postern.limiter.isAway,
    trail: () => postern.upkeep.lastState(),
  })
}

function origin(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
