import type { AppIdentity, Caller } from './identity.ts'
import type { Node } from './node.ts'

/**
 * Makes the request that Next gave to a wrapped handler the one that the handler may see: the same object, since a
 * second `Request` with its signal and its stream costs a tenth of what Next needs for the whole call. Next's own
 * `headers()` and `cookies()` read from the same headers, so that they show no inbound copy of ours either.
 * `body` is what was read of its body already; null where that was left alone.
 */
export function giveRequest(
  request: Request,
  given: { identity: AppIdentity; node: Node; caller: Caller | null; body: Uint8Array | null },
): Request {
  given.identity.applyTo(request.headers, given.node, given.caller)
  if (given.body !== null) giveBody(request, given.body)
  return request
}

const utf8 = new TextDecoder()

/** Lets a request whose body has been read be read as if it hadn't: once, in each way that there is. */
function giveBody(request: Request, bytes: Uint8Array): void {
  const { method, url, headers, signal } = request
  let isUsed = false
  let whole: Request | null = null

  /** For all that is asked for less often than a text or JSON. */
  function asWhole(): Request {
    whole ??= new Request(url, { method, headers, signal, body: bytes as Uint8Array<ArrayBuffer> })
    return whole
  }

  function unread(): Request {
    if (isUsed) throw usedUp()
    return asWhole()
  }

  function once<T>(read: () => T): () => Promise<T> {
    return async () => {
      isUsed ||= whole?.bodyUsed === true
      if (isUsed) throw usedUp()
      isUsed = true
      return read()
    }
  }

  const ways: Record<string, PropertyDescriptor> = {
    text: { value: once(() => utf8.decode(bytes)) },
    json: { value: once(() => JSON.parse(utf8.decode(bytes)) as unknown) },
    arrayBuffer: { value: once(() => new Uint8Array(bytes).buffer) },
    bytes: { value: once(() => new Uint8Array(bytes)) },
    blob: { value: async () => unread().blob() },
    formData: { value: async () => unread().formData() },
    clone: { value: () => unread().clone() },
    body: { get: () => asWhole().body },
    bodyUsed: { get: () => isUsed || whole?.bodyUsed === true },
  }
  // Next hands over a proxy, whose answers needn't be these very functions only where they could be set anew.
  for (const way of Object.values(ways)) way.configurable = true
  Object.defineProperties(request, ways)
}

function usedUp(): TypeError {
  return new TypeError('Body is unusable: Body has already been read')
}
