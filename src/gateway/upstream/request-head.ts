import type { Readable } from 'node:stream'

/** One request to a backend. */
export interface UpstreamRequest {
  /** Path and query. */
  path: string
  method: string
  /** Flat list (name, value, …) with a `Host`, and without what frames the body or the connection. */
  headers: readonly string[]
  body: Buffer | Readable | null
  /** Bytes of a body that is a stream; null where its length isn't known. */
  streamBytes: number | null
  /** How long the answer's head may take once the request is sent, in milliseconds. */
  headTimeoutMs: number
}

/**
 * The head as text of one byte a character, framing included. Throws TypeError on what could end its line:
 * nothing that comes from a client may become a second request.
 */
export function requestHead(request: UpstreamRequest): string {
  const { method, path, headers } = request
  if (!/^[A-Z-]+$/.test(method) || !/^[!-~]+$/.test(path)) throw new TypeError('no fit request line')
  let text = `${method} ${path} HTTP/1.1\r\n`
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new TypeError('no fit header')
    text += `${name}: ${value}\r\n`
  }
  return `${text}${framingOf(request)}connection: keep-alive\r\n\r\n`
}

/** Methods whose requests say their length even where they have no body. */
const withBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH'])

function framingOf({ method, body, streamBytes }: UpstreamRequest): string {
  if (body === null || Buffer.isBuffer(body)) {
    const bytes = body?.length ?? 0
    return bytes > 0 || withBody.has(method) ? `content-length: ${bytes}\r\n` : ''
  }
  return streamBytes === null ? 'transfer-encoding: chunked\r\n' : `content-length: ${streamBytes}\r\n`
}
