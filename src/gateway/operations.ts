import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { forwardAuthPath } from './forward-auth.ts'
import type { Metrics } from './metrics.ts'

export interface Readiness {
  ready: boolean
  /** Whether the node knows all changes to keys. */
  fresh: boolean
  /** Whether the trail takes rows. */
  trail: boolean
}

/**
 * Postern's own endpoints on the admin address: `/_postern/healthz` (the process runs), `/_postern/readyz` (it
 * can serve calls; 503 where not), `/_postern/metrics` and, where the settings name a proxy, `/_postern/verify`.
 */
export function createOperationsServer(options: {
  readiness: () => Readiness
  metrics: Metrics
  forwardAuth: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null
}): Server {
  return createServer(
    { maxHeaderSize: 64 * 1024, headersTimeout: 10_000, requestTimeout: 10_000 },
    (request, response) => {
      if (options.forwardAuth !== null && isForwardAuth(request.url ?? '')) {
        void options.forwardAuth(request, response)
        return
      }
      void answer(request.method ?? '', request.url ?? '').then(({ status, type, body }) => {
        response.writeHead(status, {
          'content-type': type,
          'content-length': Buffer.byteLength(body),
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
        })
        response.end(body)
      })
    },
  )

  async function answer(
    method: string,
    url: string,
  ): Promise<{ status: number; type: string; body: string }> {
    if (method !== 'GET' && method !== 'HEAD') return problem(405, 'method_refused')
    switch (url) {
      case '/_postern/healthz':
        return { status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' }
      case '/_postern/readyz': {
        const readiness = options.readiness()
        return {
          status: readiness.ready ? 200 : 503,
          type: 'application/json',
          body: JSON.stringify(readiness),
        }
      }
      case '/_postern/metrics':
        return { status: 200, type: options.metrics.contentType, body: await options.metrics.text() }
      default:
        return problem(404, 'no_route')
    }
  }
}

function isForwardAuth(url: string): boolean {
  return (
    url === forwardAuthPath || url.startsWith(`${forwardAuthPath}/`) || url.startsWith(`${forwardAuthPath}?`)
  )
}

function problem(status: number, code: string) {
  return {
    status,
    type: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', status, code }),
  }
}
