import { decodeJwt } from 'jose'
import type { Verdict } from '../domain/verdict.ts'
import type { Authenticator } from './authenticator.ts'
import type { VerifyJwt } from './issuer.ts'

/**
 * JWTs of the configured issuers, by their exact `iss`. What a token claims only chooses among these, and the one
 * that is chosen checks it again with the signature. Responsible for every bearer with a dot in it.
 */
export function createJwtAuthenticator(issuers: ReadonlyMap<string, VerifyJwt>): Authenticator {
  return {
    kind: 'jwt',
    authenticate({ bearer }) {
      if (bearer === null || !bearer.includes('.')) return null
      const issuer = claimedIssuer(bearer)
      const verifyJwt = issuer === null ? undefined : issuers.get(issuer)
      return verifyJwt === undefined ? refused : verifyJwt(bearer)
    },
  }
}

const refused: Verdict = { allowed: false, reason: 'invalid_jwt' }

function claimedIssuer(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null
  } catch {
    return null
  }
}
