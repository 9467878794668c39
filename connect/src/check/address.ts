import type { SendOutbound } from '../contracts.ts'
import { mediaTypeOf, notMcp, readRefusal } from '../protocol/refusal.ts'
import { failed, failedBy, ok, type CheckLine } from './line.ts'

const headTimeoutMs = 10_000
const timeoutMs = 15_000
const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

/**
 * Whether an MCP server answers at the URL. It is asked without the key: whoever else answers there, such as the page of a
 * network that wants a sign-in, is not to see it. Never rejects.
 */
export async function checkAddress(url: URL, send: SendOutbound): Promise<CheckLine> {
  try {
    const answer = await send({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: ping,
      signal: AbortSignal.timeout(timeoutMs),
      headTimeoutMs,
    })
    const { status } = answer
    const transport = url.protocol === 'https:' ? 'over TLS' : 'without TLS, on this machine'
    if (status < 400) {
      const type = mediaTypeOf(answer.headers)
      answer.body.on('error', () => {}).destroy()
      if (type !== 'application/json' && type !== 'text/event-stream' && status !== 202)
        return failedBy('address', notMcp(url.host, answer.headers))
      return ok('address', `${url.origin}${url.pathname} answers ${transport}, even without a key`)
    }
    const { failure, error } = await readRefusal(url.host, answer)
    if (status === 401)
      return ok('address', `${url.origin}${url.pathname} answers ${transport}, and asks for a key`)
    // What is no MCP server says nothing in JSON-RPC.
    if (error === null || status >= 500 || status === 404) return failedBy('address', failure)
    if (status === 403) return failed('address', failure.message)
    return ok('address', `${url.origin}${url.pathname} answers ${transport}`)
  } catch (error) {
    return failedBy('address', error)
  }
}
