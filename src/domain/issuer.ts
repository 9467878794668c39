/** An issuer of JWTs, as the settings describe it. What a token says about itself changes none of it. */
export interface JwtIssuer {
  /** The exact `iss`. */
  issuer: string
  /** Where its public keys are. */
  jwksUrl: string
  /** A token's `aud` names at least one of these. */
  audience: readonly [string, ...string[]]
  /** JWS algorithms, asymmetric only. */
  algorithms: readonly [string, ...string[]]
  /** The `typ` that tokens must have; null: `at+jwt`, `JWT` or none. */
  typ: string | null
  /** Stands before `sub` in the principal's id, so that two issuers' subjects can't be taken for one. */
  subjectPrefix: string
  /** The claim that names the customer; such a claim is then required. */
  customerFromClaim: string | null
  /** The claim that names the tools that a token may call; a token without it may call none. Null: no claim does. */
  toolsFromClaim: string | null
  /** Claims that must be there, each with the values of which it must have one. */
  requiredClaims: readonly (readonly [name: string, values: readonly ClaimValue[]])[]
  /** How long keys serve that could not be fetched again, in milliseconds. */
  jwksMaxAgeMs: number
  /** CIDR blocks outside the public ranges where `jwksUrl` may lead. */
  allowAddresses: readonly string[]
}

export type ClaimValue = string | number | boolean
