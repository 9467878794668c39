import { bodyHash } from './assertion-form.ts'
import { AssertionRefused } from './assertion-refused.ts'

/** The one request that an assertion is good for. */
export interface Binding {
  /** Unique: whoever keeps those of the last minute refuses repeats. */
  id: string
  method: string
  /** Without the query. */
  path: string
  /** SHA-256 of the body's bytes, in base64url. */
  bodyHash: string
}

/** The request that came. */
export interface ExpectedRequest {
  method?: string
  /** As the gateway sent it, without the query. */
  path?: string
  /** The body's bytes, empty where there is none. It is compared only where it is given. */
  body?: Uint8Array
}

/** The binding in a payload; null where it is bound to none. Half a binding is none of ours. */
export function readBinding({ jti, htm, htu, bh }: Readonly<Record<string, unknown>>): Binding | null {
  if (jti === undefined && htm === undefined && htu === undefined && bh === undefined) return null
  if (typeof jti !== 'string' || typeof htm !== 'string') throw new AssertionRefused('malformed')
  if (typeof htu !== 'string' || typeof bh !== 'string') throw new AssertionRefused('malformed')
  return { id: jti, method: htm, path: htu, bodyHash: bh }
}

/** Throws unless the request is the one. One of which method or path isn't known can't be. */
export function checkBinding(binding: Binding, { method, path, body }: ExpectedRequest): void {
  const isSame =
    method === binding.method &&
    path === binding.path &&
    (body === undefined || bodyHash(body) === binding.bodyHash)
  if (!isSame) throw new AssertionRefused('wrong_request')
}
