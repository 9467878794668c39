import { createServer } from 'node:http'
import type { Server } from 'node:http'
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
 * can serve calls; 503 where not) and `/_postern/metrics`.
 */
export function createOperationsServer(options: { readiness: () => Readiness; metrics: Metrics }): Server {
  return createServer(
    { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 10_000 },
    (request, response) => {
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

function problem(status: number, code: string) {
  return {
    status,
    type: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', status, code }),
  }
}
