import { Readable } from 'node:stream'
import type { Fetch } from '../../../src/client/json-answer.ts'
import { BridgeFailure, type SendOutbound } from '../contracts.ts'

/** `fetch`, as far as ours need it, over the one way out. `onFailure` is told why a request failed. */
export function fetchOver(send: SendOutbound, onFailure: (failure: BridgeFailure) => void = () => {}): Fetch {
  return async (url, { method = 'GET', headers, body, signal }) => {
    if (method !== 'GET' && method !== 'POST' && method !== 'DELETE') throw new TypeError(`no ${method} here`)
    if (body != null && typeof body !== 'string') throw new TypeError('the body must be a string')
    try {
      const answer = await send({
        method,
        url: new URL(url),
        headers: Object.fromEntries(new Headers(headers)),
        ...(body == null ? {} : { body }),
        ...(signal == null ? {} : { signal }),
      })
      const { status } = answer
      const isEmpty = status === 204 || status === 205 || status === 304
      if (isEmpty) answer.body.destroy()
      return new Response(isEmpty ? null : (Readable.toWeb(answer.body) as ReadableStream<Uint8Array>), {
        status,
        headers: headersOf(answer.headers),
      })
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      if (error instanceof BridgeFailure) onFailure(error)
      throw error
    }
  }
}

function headersOf(given: NodeJS.Dict<string | string[]>): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(given))
    for (const each of Array.isArray(value) ? value : [value ?? '']) headers.append(name, each)
  return headers
}
