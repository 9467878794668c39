import { lookup as lookUp } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Client, errors } from 'undici'
import type { OutboundAnswer, OutboundFailure, OutboundRequest, SendOutbound } from '../domain/outbound.ts'
import { createAddressGuard } from './address.ts'

export interface OutboundOptions {
  /** CIDR blocks that are meant although they aren't public. Only to them plain HTTP is spoken. */
  allowAddresses: readonly string[]
  /** All addresses of a name; throws where there is none. The system's resolver unless given. */
  resolve?: (name: string) => Promise<readonly string[]>
  /** Certificates to trust in place of the system's, PEM. */
  ca?: string
  /** From the beginning to the end of the answer. */
  totalTimeoutMs?: number
  /** To connect, TLS included; for the answer's head; and between two pieces of its body. */
  stepTimeoutMs?: number
  /** How much of an answer is read. */
  answerBytes?: number
}

interface Target {
  url: URL
  addresses: readonly string[]
}

/**
 * The way out to addresses that stand in the settings. A name is resolved once, each of its addresses is judged, and
 * the connection goes to those very addresses: what the name says a moment later changes nothing. No redirect is
 * followed, no proxy variable is read, and nothing is kept open.
 */
export function createOutbound(options: OutboundOptions): SendOutbound {
  const { resolve = resolveBySystem, totalTimeoutMs = 20_000, stepTimeoutMs = 10_000 } = options
  const { answerBytes = 64 * 1024 } = options
  const guard = createAddressGuard(options.allowAddresses)

  async function aim(text: string): Promise<Target | OutboundFailure> {
    const url = URL.canParse(text) ? new URL(text) : null
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'url_refused'
    if (url.username !== '' || url.password !== '') return 'url_refused'
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    let addresses: readonly string[]
    try {
      addresses = isIP(host) === 0 ? await resolve(host) : [host]
    } catch {
      return 'name_not_found'
    }
    if (addresses.length === 0) return 'name_not_found'
    // One bad address among good ones is an attack or a mistake: which one is connected to is not left to luck.
    if (!addresses.every(guard.allows)) return 'address_refused'
    if (url.protocol === 'http:' && !addresses.every(guard.isNamed)) return 'url_refused'
    return { url, addresses }
  }

  async function exchange(request: OutboundRequest, signal: AbortSignal): Promise<OutboundAnswer> {
    const target = await untilAborted(aim(request.url), signal)
    if (typeof target === 'string') return { failure: target }
    const client = new Client(target.url.origin, {
      headersTimeout: stepTimeoutMs,
      bodyTimeout: stepTimeoutMs,
      connect: {
        timeout: stepTimeoutMs,
        lookup: fixedLookup(target.addresses),
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      },
    })
    try {
      const { pathname, search } = target.url
      const answer = await client.request({
        method: request.method,
        path: pathname + search,
        headers: request.headers,
        body: request.body ?? null,
        signal,
      })
      const { statusCode: status } = answer
      if (status >= 300 && status < 400) {
        // Nothing is read of it; the client's end ends it.
        answer.body.on('error', () => {})
        return { failure: 'redirected' }
      }
      const headers = new Map(
        Object.entries(answer.headers).map(([name, value]) => [name, [value ?? []].flat().join(', ')]),
      )
      return { status, headers, ...(await readUpTo(answerBytes, answer.body)) }
    } finally {
      await client.destroy()
    }
  }

  return async (request) => {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), totalTimeoutMs)
    try {
      return await exchange(request, deadline.signal)
    } catch (error) {
      return { failure: deadline.signal.aborted ? 'timed_out' : failureOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }
}

async function resolveBySystem(name: string): Promise<string[]> {
  return (await lookUp(name, { all: true })).map(({ address }) => address)
}

/** Answers the addresses that were judged, whatever is asked for. */
function fixedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_name, { all: wantsAll }, done) => {
    const [first] = all
    if (wantsAll === true || first === undefined) done(null, all)
    else done(null, first.address, first.family)
  }
}

/** A resolver can't be stopped, but nobody has to wait for it. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, failed) => {
    signal.addEventListener('abort', () => failed(new Error('aborted')), { once: true })
  })
  return Promise.race([promise, aborted])
}

async function readUpTo(
  mostBytes: number,
  stream: AsyncIterable<Buffer>,
): Promise<{ body: Buffer; isCut: boolean }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    // Leaving the loop ends the stream.
    if (size > mostBytes) return { body: Buffer.concat(chunks).subarray(0, mostBytes), isCut: true }
  }
  return { body: Buffer.concat(chunks), isCut: false }
}

/** By the error's kind alone: messages may hold hosts and paths. */
function failureOf(error: unknown): OutboundFailure {
  if (error instanceof errors.HTTPParserError) return 'answer_broken'
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  if (typeof code !== 'string') return 'unreachable'
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return 'timed_out'
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_OSSL)/.test(code))
    return 'tls_failed'
  if (/^UND_ERR_(RES|HEADERS|BODY|ABORTED)/.test(code)) return 'answer_broken'
  return 'unreachable'
}
