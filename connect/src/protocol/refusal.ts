import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { BridgeFailure } from '../contracts.ts'
import type { Reason } from '../reasons.ts'
import { readMessages } from './message.ts'

/** An answer by which the server did not do what it was asked for. */
export interface Refusal {
  status: number
  headers: IncomingHttpHeaders
  /** The JSON-RPC error in its body; null where there is none. */
  error: { code: number; message: string; data?: unknown } | null
  failure: BridgeFailure
}

const longestBody = 64 * 1024

/** Reads an answer of status 400 and above. */
export async function readRefusal(
  host: string,
  { status, headers, body }: { status: number; headers: IncomingHttpHeaders; body: Readable },
): Promise<Refusal> {
  const isJson = mediaTypeOf(headers) === 'application/json'
  const reading = isJson ? readMessages(await textOf(body, longestBody)) : null
  if (!isJson) body.on('error', () => {}).destroy()
  const first = reading === null || typeof reading === 'number' ? undefined : reading.messages[0]
  const error = first?.error ?? null
  return { status, headers, error, failure: failureFor(host, status, headers, error !== null) }
}

/** What to make of an answer that is neither JSON nor a stream of events. */
export function notMcp(host: string, headers: IncomingHttpHeaders): BridgeFailure {
  if (mediaTypeOf(headers) === 'text/html')
    return new BridgeFailure(
      'captive_portal',
      `A web page came from ${host} in place of MCP: sign in to this network in a browser, or check the URL's path.`,
      true,
    )
  return new BridgeFailure(
    'not_mcp',
    `What answers at ${host} is not an MCP endpoint. Check the URL, its path above all.`,
    true,
  )
}

/** Without parameters, in lower case. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  return (headers['content-type'] ?? '').replace(/;.*$/s, '').trim().toLowerCase()
}

/** A whole body as text. Rejects where it is longer, or breaks off. */
export async function textOf(body: Readable, longest: number): Promise<string> {
  body.setEncoding('utf8')
  let text = ''
  for await (const chunk of body) {
    text += chunk as string
    if (text.length > longest) throw new BridgeFailure('not_mcp', 'The answer is too long.', true)
  }
  return text
}

function failureFor(
  host: string,
  status: number,
  headers: IncomingHttpHeaders,
  isRpc: boolean,
): BridgeFailure {
  const fail = (reason: Reason, text: string) => new BridgeFailure(reason, text, true)
  const isPage = mediaTypeOf(headers) === 'text/html'
  if (status === 401)
    return fail(
      'refused_401',
      `${host} refuses the key (HTTP 401): it is wrong, expired or revoked, or for another server. Ask for a new one where this one came from.`,
    )
  if (status === 429)
    return fail(
      'refused_429',
      `${host} wants fewer requests (HTTP 429): the limit of this key is reached. Wait.`,
    )
  if (isPage) return notMcp(host, headers)
  if (status === 403)
    return fail(
      'refused_403',
      `${host} does not accept this (HTTP 403): not from this address, or not with this key's grants. Ask who issued it.`,
    )
  if (status === 404 || status === 405)
    return isRpc
      ? fail('refused_404', `Nothing is at this path of ${host} (HTTP ${status}). Check the URL.`)
      : notMcp(host, headers)
  if (status === 503)
    return fail('unavailable_503', `${host} cannot answer at present (HTTP 503). Try again shortly.`)
  return fail('refused_other', `${host} answers HTTP ${status}.`)
}
