import { Agent as HttpAgent, request as requestByHttp } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestByHttps } from 'node:https'
import { BridgeFailure } from '../contracts.ts'
import type { Environment, SendOutbound } from '../contracts.ts'
import { failureOf } from './failures.ts'
import type { Progress } from './failures.ts'
import { agentByProxy, proxyFor } from './proxy.ts'

/** To be connected, TLS and the proxy's tunnel included. */
const connectTimeoutMs = 10_000

/**
 * Idle connections are closed after four seconds, or earlier where the server says so: most servers close theirs
 * after five, and a call sent at that very moment could not be told from one that ran.
 */
const agentOptions = { keepAlive: true, keepAliveMsecs: 15_000, timeout: 4000, scheduling: 'lifo' } as const

/**
 * The way out. `node:http` and not undici: it is in Node already, so that the bundle stays small and starts fast, and
 * it says when a connection stands, which decides whether anything was sent. `close` ends idle connections.
 */
export function createSender(environment: Environment): { send: SendOutbound; close(): void } {
  const plain = new HttpAgent(agentOptions)
  let secure: HttpsAgent | null = null
  let proxied: Promise<HttpsAgent> | null = null

  /** The connection's way, made at the first request. */
  async function agentFor(url: URL, proxy: URL | null): Promise<HttpAgent> {
    if (url.protocol === 'http:') return plain
    if (proxy === null) return (secure ??= new HttpsAgent(agentOptions))
    return (proxied ??= agentByProxy(proxy, agentOptions))
  }

  const send: SendOutbound = async ({ method, url, headers, body, signal, headTimeoutMs }) => {
    const proxy = proxyFor(url, environment)
    const progress: Progress = {
      url,
      proxy: proxy?.host ?? null,
      proxyStatus: null,
      isThrough: false,
      isSent: false,
      isTimedOut: false,
      isAborted: false,
    }
    // Asked for each time, so that a request without a proxy costs no turn of the queue.
    const agent = url.protocol === 'http:' ? plain : await agentFor(url, proxy)
    // One turn of the event loop shows which kept connections the server has closed meanwhile: what is written to one
    // of those is lost, and could not be told from a call that ran.
    if (Object.keys(agent.freeSockets).length > 0) await new Promise((resolve) => void setImmediate(resolve))
    return await new Promise((resolve, reject) => {
      const bytes = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0)
      const request = (url.protocol === 'https:' ? requestByHttps : requestByHttp)(url, {
        method,
        agent,
        headers: method === 'POST' ? { ...headers, 'content-length': String(bytes) } : headers,
      })
      const giveUp = () => {
        progress.isTimedOut = true
        request.destroy()
      }
      const abort = () => {
        progress.isAborted = true
        request.destroy()
      }
      let timer = setTimeout(giveUp, connectTimeoutMs)
      followConnection(request, progress, () => {
        clearTimeout(timer)
        if (headTimeoutMs !== undefined) timer = setTimeout(giveUp, headTimeoutMs)
      })
      if (signal?.aborted === true) abort()
      signal?.addEventListener('abort', abort, { once: true })
      const forget = () => signal?.removeEventListener('abort', abort)

      request.on('error', (error) => {
        clearTimeout(timer)
        forget()
        reject(failureOf(error, progress))
      })
      request.on('response', (response: IncomingMessage) => {
        clearTimeout(timer)
        response.once('close', forget)
        const status = response.statusCode ?? 0
        if (progress.proxyStatus !== null || (status >= 300 && status < 400)) {
          response.on('error', () => {}).destroy()
          reject(progress.proxyStatus === null ? redirected(url, response) : failureOf(null, progress))
        } else {
          resolve({ status, headers: response.headers, body: response })
        }
      })
      request.end(body)
    })
  }

  return {
    send,
    close() {
      plain.destroy()
      secure?.destroy()
      void proxied?.then((agent) => agent.destroy())
    },
  }
}

/** Notes when the connection stands: from then on the server may have seen the request. */
function followConnection(request: ClientRequest, progress: Progress, onStands: () => void): void {
  const stands = () => {
    progress.isSent = true
    onStands()
  }
  request.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
    if (statusCode === 200) progress.isThrough = true
    else progress.proxyStatus = statusCode
  })
  request.on('socket', (socket) => {
    if (progress.proxyStatus !== null) return
    if (request.reusedSocket) stands()
    else if (progress.url.protocol === 'https:') socket.once('secureConnect', stands)
    else if (socket.connecting) socket.once('connect', stands)
    else stands()
  })
}

function redirected(url: URL, response: IncomingMessage): BridgeFailure {
  const { location = '' } = response.headers
  const to = URL.canParse(location, url.href) ? new URL(location, url.href) : null
  const where = to === null || to.origin === url.origin ? 'another path of it' : to.origin
  return new BridgeFailure(
    'redirected',
    `${url.host} redirects to ${where}, which is not followed, since that would hand on the key. Give the final URL.`,
    true,
  )
}
