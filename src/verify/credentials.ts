import type { Reason } from '../domain/verdict.ts'

/** What of a request's head can prove who sent it. */
export interface Credentials {
  /** The token of `Authorization: Bearer`; null where there is no such header or another scheme. */
  bearer: string | null
}

export interface CredentialSource {
  /** The one `Authorization` header's value; two have been refused before. */
  authorization: string | null
  /** The URL's query, without the question mark. */
  query: string
}

const bearerPattern = /^bearer +([^\s,]+) *$/i

/** Reads the credentials, or answers why they can't be read. A key in the query is refused wherever it stands. */
export function readCredentials(
  source: CredentialSource,
  looksLikeToken: (text: string) => boolean,
): Credentials | Reason {
  if (source.query !== '' && looksLikeToken(source.query)) return 'credential_in_query'
  if (source.authorization === null) return { bearer: null }
  const match = bearerPattern.exec(source.authorization)
  if (match !== null) return { bearer: match[1] ?? null }
  // `Bearer` alone, or with spaces or commas inside: an attempt at ours that no reader would agree on.
  return /^bearer\b/i.test(source.authorization) ? 'malformed_key' : { bearer: null }
}
