import type { SessionRequest } from '../domain/session.ts'
import type { Reason } from '../domain/verdict.ts'

/** What of a request's head can prove who sent it. */
export interface Credentials {
  /** The token of `Authorization: Bearer`; null where there is no such header or another scheme. */
  bearer: string | null
  /** What a session system reads; undefined where there is no cookie. */
  request?: SessionRequest
  /** The client's address, as far as somebody can vouch for it; null where nobody can. */
  address?: string | null | undefined
}

export interface CredentialSource {
  /** The one `Authorization` header's value; two have been refused before. */
  authorization: string | null
  /** The `Cookie` header's value. */
  cookie?: string | null
  /** The whole head by lower-case names, for session systems that read more of it. */
  headers?: SessionRequest['headers']
  /** Path and query, for the same. */
  url?: string
  /** The URL's query, without the question mark. */
  query: string
  /** The client's address, as far as somebody can vouch for it; null where nobody can. */
  address?: string | null | undefined
}

const bearerPattern = /^bearer +([^\s,]+) *$/i

/** Reads the credentials, or answers why they can't be read. A key in the query is refused wherever it stands. */
export function readCredentials(
  source: CredentialSource,
  looksLikeToken: (text: string) => boolean,
): Credentials | Reason {
  if (source.query !== '' && looksLikeToken(source.query)) return 'credential_in_query'
  const match = source.authorization === null ? null : bearerPattern.exec(source.authorization)
  // `Bearer` alone, or with spaces or commas inside: an attempt at ours that no reader would agree on.
  if (match === null && /^bearer\b/i.test(source.authorization ?? '')) return 'malformed_key'
  const bearer = match?.[1] ?? null
  const { cookie = null, address } = source
  return cookie === null ? { bearer, address } : { bearer, address, request: requestOf(source, cookie) }
}

function requestOf({ headers, url }: CredentialSource, cookie: string): SessionRequest {
  return {
    headers: {
      get(name) {
        const lower = name.toLowerCase()
        return lower === 'cookie' ? cookie : (headers?.get(lower) ?? null)
      },
    },
    ...(url === undefined ? {} : { url }),
  }
}
