import type { JWTPayload, JWTVerifyGetKey, JWTVerifyResult } from 'jose'
import { jwtVerify } from 'jose'
import { canJudge, noGrants, type Grants } from '../domain/grant.ts'
import type { JwtIssuer } from '../domain/issuer.ts'
import type { Clock } from '../domain/ports.ts'
import type { Reason, Verdict } from '../domain/verdict.ts'
import { clockToleranceSeconds, isHeaderSafe } from './claims.ts'
import { IssuerUnavailable } from './jwks.ts'

/** Judges tokens that say that they come from this issuer. */
export type VerifyJwt = (token: string) => Promise<Verdict>

const invalid = { allowed: false, reason: 'invalid_jwt' } as const satisfies Verdict

/**
 * One issuer's judgement of a token: signature, `iss`, `aud`, `exp`, `nbf`, `typ` and the claims that the settings
 * ask for. `kid` only chooses among the issuer's own keys; `jku`, `jwk`, `x5u` and `x5c` are not looked at.
 */
export function createIssuer(settings: JwtIssuer, keys: JWTVerifyGetKey, clock: Clock): VerifyJwt {
  const options = {
    issuer: settings.issuer,
    audience: [...settings.audience],
    algorithms: [...settings.algorithms],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: clockToleranceSeconds,
  }

  async function read(token: string): Promise<JWTVerifyResult | Reason> {
    try {
      return await jwtVerify(token, keys, { ...options, currentDate: new Date(clock.now()) })
    } catch (error) {
      // Whatever else jose, or the key that it found, makes of a token: it isn't proven.
      return error instanceof IssuerUnavailable ? 'issuer_unavailable' : 'invalid_jwt'
    }
  }

  function allow(payload: JWTPayload): Verdict {
    const { sub, exp } = payload
    const customer =
      settings.customerFromClaim === null ? null : ownClaim(payload, settings.customerFromClaim)
    if (!isHeaderSafe(sub) || exp === undefined || !Number.isFinite(exp)) return invalid
    if (customer !== null && !isHeaderSafe(customer)) return invalid
    const grants =
      settings.toolsFromClaim === null ? noGrants : grantsOf(ownClaim(payload, settings.toolsFromClaim))
    if (grants === null) return invalid
    const endsAt = (exp + clockToleranceSeconds) * 1000
    return {
      allowed: true,
      principal: { kind: 'workload', id: settings.subjectPrefix + sub, customer },
      credentialKind: 'jwt',
      keyId: null,
      grants,
      endsAt,
      recheck: () => (clock.now() < endsAt ? null : 'invalid_jwt'),
    }
  }

  return async (token) => {
    const result = await read(token)
    if (typeof result === 'string') return { allowed: false, reason: result, issuer: settings.issuer }
    const { payload, protectedHeader } = result
    // What is critical to understand is not understood here. And a token that is bound to a key (RFC 7800, 8705,
    // 9449) is worth nothing without the proof of that key, which a bearer doesn't bring.
    if (protectedHeader.crit !== undefined || payload['cnf'] !== undefined) return invalid
    if (!isTypeAccepted(protectedHeader.typ, settings.typ)) return invalid
    const isComplete = settings.requiredClaims.every(([name, values]) =>
      values.some((value) => ownClaim(payload, name) === value),
    )
    return isComplete ? allow(payload) : invalid
  }
}

/**
 * RFC 9068 asks for `at+jwt`, and most issuers' access tokens have `JWT` or no type at all. What has another type
 * (a logout token, a security event, a DPoP proof) was not made to open anything.
 */
function isTypeAccepted(typ: unknown, wanted: string | null): boolean {
  if (typ === undefined) return wanted === null
  if (typeof typ !== 'string') return false
  const type = typ.toLowerCase().replace(/^application\//, '')
  return wanted === null ? type === 'at+jwt' || type === 'jwt' : type === wanted
}

/**
 * What a claim lets its bearer call: patterns as a list, or with spaces between them as in `scope`. A token without the
 * claim may call nothing. Null where it is no such list.
 */
function grantsOf(claim: unknown): Grants | null {
  const tools: unknown =
    typeof claim === 'string' ? claim.split(' ').filter((text) => text !== '') : (claim ?? [])
  if (!Array.isArray(tools) || !tools.every((text) => typeof text === 'string')) return null
  const grants = { tools: [...new Set<string>(tools)] }
  return canJudge(grants) ? grants : null
}

function ownClaim(payload: JWTPayload, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined
}
