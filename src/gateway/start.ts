import type { Recorder } from '../audit/recorder.ts'
import { newId } from '../domain/id.ts'
import { refusalFor } from '../domain/verdict.ts'
import { createIdentityHeaders } from '../identity/headers.ts'
import type { Postern } from '../postern.ts'
import { createClientAddress, createIsTrustedPeer } from './client-address.ts'
import { createForwarder } from './forward.ts'
import { createReadFront } from './front.ts'
import { createGateway } from './gateway.ts'
import type { Metrics } from './metrics.ts'
import { createMetrics } from './metrics.ts'
import { createOperationsServer } from './operations.ts'
import { createRouteTable } from './routes.ts'
import { createFrontServer } from './server.ts'

export interface Gateway {
  /** Origins, without a trailing slash. */
  url: string
  adminUrl: string
  /** Lets calls under way finish for up to `graceMs`. The recorder is closed after it, by its owner. */
  close(graceMs: number): Promise<void>
}

/** The gateway on its two addresses, on top of a Postern that has been started. */
export async function startGateway(postern: Postern, recorder: Recorder, metrics: Metrics): Promise<Gateway> {
  const { config, clock, log, lease } = postern
  const clientAddress = createClientAddress(config.trustedProxies)
  const forwarder = createForwarder()
  const handle = createGateway({
    clock,
    log,
    recorder,
    forwarder,
    readFront: createReadFront({
      clock,
      clientAddress,
      isTrustedPeer: createIsTrustedPeer(config.trustedProxies),
    }),
    routes: createRouteTable(config.routes),
    verify: postern.verify,
    identity: createIdentityHeaders({ serviceUserHeader: config.headers.serviceUser }),
    bodyTimeoutMs: config.limits.bodyTimeoutMs,
    maskTokens: postern.maskTokens,
    onAnswered: metrics.answered,
  })
  const front = createFrontServer({
    headerBytes: config.limits.headerBytes,
    headerTimeoutMs: config.limits.headerTimeoutMs,
    handle,
    onUnreadable(reason, peer) {
      const at = clock.now()
      recorder.deny(
        {
          at,
          requestId: newId(at),
          credentialKind: null,
          keyId: null,
          serviceUserId: null,
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
  const operations = createOperationsServer({
    metrics,
    readiness() {
      const fresh = lease.isFresh()
      const trail = recorder.refusal(config.trail.mode) === null
      return { ready: fresh && trail, fresh, trail }
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

  return {
    url: origin(config.listen.host, port),
    adminUrl: origin(config.admin.listen.host, adminPort),
    async close(graceMs) {
      await front.close(graceMs)
      // What is still open upstream ends now, and writes its end into the trail.
      await forwarder.close()
      await front.settled()
      operations.closeAllConnections()
      await new Promise((resolve) => {
        operations.close(resolve)
      })
    },
  }
}

/** The metrics of a Postern whose recorder is yet to come: the recorder reports to them. */
export function metricsOf(postern: Postern, recorder: () => Recorder | null): Metrics {
  return createMetrics({
    leaseAgeMs: postern.lease.ageMs,
    epoch: postern.lease.epoch,
    trailBacklog: () => recorder()?.backlog() ?? 0,
    trailIsAway: () => recorder()?.isAway() ?? false,
    cachedKeys: postern.cachedKeys,
  })
}

function origin(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
