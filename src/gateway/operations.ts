import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { nativeRequest } from '../admin/native-request.ts'
import { readHead } from '../front/head.ts'
import { readTarget } from '../front/target.ts'
import { forwardAuthPath } from './forward-auth.ts'
import type { Metrics } from './metrics.ts'

export interface Readiness {
  ready: boolean
  /** Whether the node knows all changes to keys. */
  fresh: boolean
  /** Whether the trail takes rows. */
  trail: boolean
  /** Files of the spool that could not be replayed whole: rows of the trail may be missing. */
  setAside: number
}

/** What is served beside Postern's own endpoints. */
export interface ServedPage {
  /** The path that it lies under, without a slash at its end. */
  mount: string
  /** `peer` is the address at the other end of the connection. */
  handle: (request: Request, peer: string) => Promise<Response>
}

/**
 * The admin address: the page with its API, and Postern's own endpoints `/_postern/healthz` (the process runs),
 * `/_postern/readyz` (it can serve calls; 503 where not), `/_postern/metrics` and, where the settings name a proxy,
 * `/_postern/verify`.
 */
export function createOperationsServer(options: {
  readiness: () => Readiness
  metrics: Metrics
  forwardAuth: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null
  page: ServedPage
}): Server {
  const { mount } = options.page
  const answerPage = getRequestListener(
    (request, { incoming }) =>
      options.page.handle(nativeRequest(request), incoming.socket.remoteAddress ?? ''),
    // Else Node's own Request and Response are replaced for the whole process.
    { overrideGlobalObjects: false },
  )

  const server = createServer(
    {
      maxHeaderSize: 64 * 1024,
      insecureHTTPParser: false,
      requireHostHeader: false,
      headersTimeout: 10_000,
      requestTimeout: 10_000,
      // A client that vanished while it followed the trail is noticed, though nothing may be sent to it.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    },
    (request, response) => {
      if (options.forwardAuth !== null && isForwardAuth(request.url ?? '')) {
        void options.forwardAuth(request, response)
        return
      }
      const target = readTarget(request.url ?? '')
      if (!target.ok) return send(response, problem(400, 'url_ambiguous'))
      if (!readHead(request.rawHeaders).ok) return send(response, problem(400, 'header_invalid'))
      const { path } = target
      if (path === mount || path.startsWith(`${mount}/`)) {
        void answerPage(request, response)
        return
      }
      void answer(request.method ?? '', request.url ?? '').then((answered) => send(response, answered))
    },
  )
  // Node drops what is over this number without a word; the limit in bytes is the one that holds.
  server.maxHeadersCount = 0
  return server

  async function answer(method: string, url: string): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return problem(405, 'method_refused')
    switch (url) {
      case '/':
        return { status: 302, type: 'text/plain; charset=utf-8', body: '', location: mount }
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

interface Answer {
  status: number
  type: string
  body: string
  location?: string
}

function send(response: ServerResponse, { status, type, body, location }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(location === undefined ? {} : { location }),
  })
  response.end(body)
}

function isForwardAuth(url: string): boolean {
  return (
    url === forwardAuthPath || url.startsWith(`${forwardAuthPath}/`) || url.startsWith(`${forwardAuthPath}?`)
  )
}

function problem(status: number, code: string): Answer {
  return {
    status,
    type: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', status, code }),
  }
}
