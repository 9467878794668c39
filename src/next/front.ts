import { newId } from '../domain/id.ts'
import type { Clock } from '../domain/ports.ts'
import type { Reason } from '../domain/verdict.ts'
import type { Arrival } from '../front/arrival.ts'
import { readAddress } from '../front/client-address.ts'
import { type Head, readHead } from '../front/head.ts'
import { readTarget } from '../front/target.ts'
import { traceIdOf } from '../mcp/trace-context.ts'

/** A request as Next hands it over. `nextUrl` is there in `proxy.ts` and in route handlers. */
export interface AppRequest extends Request {
  /** Without base path and locale: what Next routes by. */
  readonly nextUrl?: { readonly pathname: string; readonly search: string }
}

export type FrontReading =
  | { ok: true; arrival: Arrival; head: Head; path: string; query: string }
  | { ok: false; arrival: Arrival; reason: Reason; path: string | null }

/**
 * Step 1 in a Next app: the URL and the head, as Next shows them and, where they can be seen, as they came, read as
 * strictly as in the gateway.
 */
export function createReadFront(options: {
  clock: Clock
  /** Proxies in front, each of which appends an address to `X-Forwarded-For`; null: not known. */
  trustedHops: number | null
  /** Why the head is refused as it came over the wire; null where it isn't, or nobody saw it. */
  rawRefusal: () => Reason | null
}): (request: AppRequest) => FrontReading {
  const { clock, trustedHops } = options

  return (request) => {
    const { headers } = request
    const { pathname, search } = request.nextUrl ?? new URL(request.url)
    const target = readTarget(pathname + search)
    const at = clock.now()
    const arrival: Arrival = {
      requestId: newId(at),
      at,
      startedMs: clock.monotonic(),
      httpMethod: request.method,
      path: pathname,
      clientAddress: trustedHops === null ? null : hopOf(headers.get('x-forwarded-for'), trustedHops),
      userAgent: headers.get('user-agent'),
      traceId: traceIdOf(headers.get('traceparent')),
    }
    const raw = options.rawRefusal()
    if (!target.ok || raw === 'url_ambiguous')
      return { ok: false, arrival, reason: 'url_ambiguous', path: null }
    const { path, query } = target
    if (raw !== null) return { ok: false, arrival, reason: raw, path }
    const reading = readHead(rawOf(headers))
    if (!reading.ok) return { ok: false, arrival, reason: reading.reason, path }
    const { head } = reading
    const isBodiless = request.method === 'GET' || request.method === 'HEAD'
    if (isBodiless && (head.isChunked || (head.contentLength ?? 0) > 0))
      return { ok: false, arrival, reason: 'header_invalid', path }
    return { ok: true, arrival, head, path, query }
  }
}

function rawOf(headers: Headers): string[] {
  const raw: string[] = []
  for (const [name, value] of headers) raw.push(name, value)
  return raw
}

/** The address that the outermost of our proxies saw: the n-th from the right. Further left is the sender's own word. */
function hopOf(forwardedFor: string | null, hops: number): string | null {
  const address = forwardedFor?.split(',').at(-hops)?.trim()
  return address === undefined ? null : readAddress(address)
}
