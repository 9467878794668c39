import { hash } from 'node:crypto'
import type { PrincipalKind } from '../domain/verdict.ts'

/** What an assertion looks like: for the one who makes it and the one who checks it. */

export const assertionHeader = 'x-postern-assertion'
/** The `typ` of its head, so that no other token signed with the same key passes for one. */
export const assertionType = 'postern-assertion+jwt'
/** EdDSA over Ed25519: the only algorithm, and never the token's choice. */
export const assertionAlgorithm = 'EdDSA'
/** From `iat` to `exp` at most. */
export const assertionLifeSeconds = 60

/** The payload. What doesn't apply is left out. Times are whole seconds since the epoch. */
export interface AssertionClaims {
  /** The principal's id. */
  sub: string
  kind: PrincipalKind
  customer?: string
  /** The route's path, as the settings write it. */
  aud: string
  /** The id of the service key. */
  key?: string
  /** SHA-256 of the grants' canonical JSON, in base64url. */
  grants: string
  iat: number
  exp: number
  /** The last four only where the assertion is bound to one request; `htu` is the path without the query. */
  jti?: string
  htm?: string
  htu?: string
  /** SHA-256 of the body's bytes, in base64url; of no bytes where there is no body. */
  bh?: string
}

/** The `bh` claim of a body. */
export function bodyHash(body: Uint8Array): string {
  return hash('sha256', body, 'base64url')
}
