import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Reason } from '../domain/verdict.ts'
import { readHead } from '../front/head.ts'
import { readTarget } from '../front/target.ts'
import { processWide } from './process-wide.ts'

/**
 * Why the head of the request that is being handled is refused as it came over the wire; null where nothing is
 * wrong with it, where Node's HTTP server didn't take it, or took it before this module was loaded.
 *
 * Next shows a URL that has been normalised, and of two `Authorization` or `Host` headers the first, so that a
 * request which something in front may have read differently looks like any other. Node tells of each request
 * before Next sees it, in the asynchronous context that Next then runs in.
 */
export function rawRefusal(): Reason | null {
  return refusals.getStore() ?? null
}

/** The refusal of a head as Node reads it from the wire; null where there is none. */
export function judgeRawHead({
  url,
  rawHeaders,
}: Pick<IncomingMessage, 'url' | 'rawHeaders'>): Reason | null {
  if (!readTarget(url ?? '').ok) return 'url_ambiguous'
  const reading = readHead(rawHeaders)
  return reading.ok ? null : reading.reason
}

const refusals = processWide('refusals', () => {
  const storage = new AsyncLocalStorage<Reason | null>()
  let isUsed = false
  subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: IncomingMessage }
    const refusal = judgeRawHead(request)
    // As long as nothing is stored, nothing is carried along, which is dear: through each promise of each request.
    // From then on a request also has to take off what an earlier one of its connection has left.
    if (refusal === null && !isUsed) return
    isUsed = true
    storage.enterWith(refusal)
  })
  return storage
})
