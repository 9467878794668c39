import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { JWTHeaderParameters } from 'jose'
import { exportJWK, SignJWT } from 'jose'
import type { JwtIssuer } from '../../src/domain/issuer.ts'
import type { OutboundAnswer, SendOutbound } from '../../src/domain/outbound.ts'
import type { Verdict } from '../../src/domain/verdict.ts'
import { createIssuer } from '../../src/verify/issuer.ts'
import { createKeySet } from '../../src/verify/jwks.ts'
import { createJwtAuthenticator } from '../../src/verify/jwt-authenticator.ts'
import type { FakeClock } from './fake-clock.ts'

export const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })

export const issuer = 'https://login.example.com'
export const audience = 'https://api.example.com'

/** Settings of an issuer that accepts RS256 and asks for nothing more. */
export const plain: JwtIssuer = {
  issuer,
  jwksUrl: 'https://login.example.com/jwks',
  audience: [audience],
  algorithms: ['RS256'],
  typ: null,
  subjectPrefix: '',
  customerFromClaim: null,
  toolsFromClaim: null,
  requiredClaims: [],
  jwksMaxAgeMs: 24 * 3_600_000,
  allowAddresses: [],
}

/** An answer as the way out gives it. */
export function answerOf(body: unknown, status = 200): OutboundAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { status, headers: new Map(), body: Buffer.from(text), isCut: false }
}

export async function publicJwk(key: KeyObject, fields: object = {}): Promise<object> {
  return { ...(await exportJWK(key)), ...fields }
}

/** A token with good claims, but for what is given; `undefined` takes a claim out. */
export function sign(
  key: KeyObject | Uint8Array,
  clock: FakeClock,
  claims: Record<string, unknown> = {},
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  const now = Math.floor(clock.now() / 1000)
  const all = { iss: issuer, aud: audience, sub: 'worker', exp: now + 300, iat: now, ...claims }
  return new SignJWT(all).setProtectedHeader({ alg: 'RS256', ...header }).sign(key)
}

/** Asks the authenticator of these issuers, whose keys come by `send`. */
export function createAsk(
  clock: FakeClock,
  send: SendOutbound,
  issuers: readonly JwtIssuer[] = [plain],
  onFailure: (cause: string) => void = () => {},
): (bearer: string) => Promise<Verdict | null> {
  const verifiers = issuers.map((settings) => {
    const { jwksUrl: url, jwksMaxAgeMs: maxAgeMs } = settings
    const keys = createKeySet({ url, send, clock, maxAgeMs, onFailure })
    return [settings.issuer, createIssuer(settings, keys, clock)] as const
  })
  const authenticator = createJwtAuthenticator(new Map(verifiers))
  return async (bearer) => authenticator.authenticate({ bearer })
}
