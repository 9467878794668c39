import { z } from 'zod'
import type { ClaimValue, JwtIssuer } from '../domain/issuer.ts'
import { objectExpected } from './route.ts'
import { cidr, duration, refuse, text } from './values.ts'

const issuerRight =
  'must be the issuer\'s exact name, an https URL such as "https://login.example.com" (http on loopback only)'
const jwksUrlRight =
  'must be an https URL without user or fragment, such as "https://login.example.com/jwks" (http on loopback only)'
const audienceRight =
  'must be what the tokens\' aud names, such as "https://api.example.com", or a list of such'
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
const algorithmRight = `must be one of ${algorithms.join(', ')}: shared secrets and "none" are never accepted`
const algorithmsRight = 'must be a list of at least one algorithm, such as ["RS256"]'
const typRight = 'must be the media type of the tokens\' typ header without "application/", such as "at+jwt"'
const prefixRight =
  'must be lower-case letters, digits and -, with a colon at the end, such as "partners:"; it stands before sub'
const claimRight = 'must be the name of a claim, such as "org_id"'
const claimsRight =
  'must name claims with the values that they must have, such as { token_use: "access", tid: ["a", "b"] }'

const audience = text(audienceRight).regex(/^[\x21-\x7e]+$/, { error: audienceRight })

/** The settings of one issuer of JWTs. */
export const issuerSettings = z.strictObject(
  {
    issuer: text(issuerRight).refine((value) => readUrl(value) !== null, { error: issuerRight }),
    jwksUrl: text(jwksUrlRight).refine((value) => readUrl(value) !== null, { error: jwksUrlRight }),
    audience: z.union([audience, z.array(audience).min(1, { error: audienceRight })], {
      error: audienceRight,
    }),
    algorithms: z
      .array(z.enum(algorithms, { error: algorithmRight }), { error: algorithmsRight })
      .min(1, { error: algorithmsRight }),
    typ: text(typRight)
      .transform((value) => value.toLowerCase())
      .refine((value) => /^[a-z0-9][a-z0-9.+-]*$/.test(value), { error: typRight })
      .optional(),
    subjectPrefix: text(prefixRight)
      .regex(/^[a-z0-9][a-z0-9-]{0,30}:$/, { error: prefixRight })
      .optional(),
    customerFromClaim: text(claimRight).min(1, { error: claimRight }).optional(),
    toolsFromClaim: text(claimRight).min(1, { error: claimRight }).optional(),
    requiredClaims: z
      .custom<Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>>(() => true)
      .transform((value, context) => readClaims(value) ?? refuse(context, claimsRight))
      .optional(),
    jwksMaxAge: duration('1m', '30d').prefault('24h'),
    allowAddresses: z.array(cidr, { error: 'must be a list of CIDR blocks' }).default([]),
  },
  { error: objectExpected },
)

/** The issuer that settings describe. */
export function resolveIssuer(settings: z.output<typeof issuerSettings>): JwtIssuer {
  const url = new URL(settings.jwksUrl)
  return {
    issuer: settings.issuer,
    jwksUrl: url.href,
    audience: nonEmpty(typeof settings.audience === 'string' ? [settings.audience] : settings.audience),
    algorithms: nonEmpty(settings.algorithms),
    typ: settings.typ ?? null,
    subjectPrefix: settings.subjectPrefix ?? '',
    customerFromClaim: settings.customerFromClaim ?? null,
    toolsFromClaim: settings.toolsFromClaim ?? null,
    requiredClaims: settings.requiredClaims ?? [],
    jwksMaxAgeMs: settings.jwksMaxAge,
    // Whoever writes a loopback address means it.
    allowAddresses: isLoopback(url) ? [...settings.allowAddresses, ...loopback] : settings.allowAddresses,
  }
}

/** What is wrong between issuers, in one sentence each. */
export function issuerContradictions(issuers: readonly JwtIssuer[]): string[] {
  const found: string[] = []
  for (const [index, { issuer, subjectPrefix }] of issuers.entries()) {
    const others = issuers.filter((_, other) => other < index)
    if (others.some((other) => other.issuer === issuer))
      found.push(
        `issuers[${index}].issuer is "${issuer}": is there twice; one entry may list several audiences`,
      )
    if (issuers.length > 1 && subjectPrefix === '')
      found.push(
        `issuers[${index}].subjectPrefix is missing: with several issuers each needs one, such as "partners:", since two may give the same sub to different callers`,
      )
    else if (subjectPrefix !== '' && others.some((other) => other.subjectPrefix === subjectPrefix))
      found.push(`issuers[${index}].subjectPrefix is "${subjectPrefix}": must differ from the other issuers'`)
  }
  return found
}

const loopback = ['127.0.0.0/8', '::1/128']

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

function readUrl(value: string): URL | null {
  if (!/^https?:\/\/[^/\s\\#@]+[^\s\\#]*$/.test(value) || !URL.canParse(value)) return null
  const url = new URL(value)
  if (url.username !== '' || url.password !== '') return null
  return url.protocol === 'https:' || isLoopback(url) ? url : null
}

function readClaims(value: unknown): [string, ClaimValue[]][] | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const claims: [string, ClaimValue[]][] = []
  for (const [name, wanted] of Object.entries(value)) {
    const values: unknown[] = Array.isArray(wanted) ? wanted : [wanted]
    if (name === '' || values.length === 0 || !values.every(isClaimValue)) return null
    claims.push([name, values])
  }
  return claims
}

function isClaimValue(value: unknown): value is ClaimValue {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

function nonEmpty([first = '', ...others]: readonly string[]): readonly [string, ...string[]] {
  return [first, ...others]
}
