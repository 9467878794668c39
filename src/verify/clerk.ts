import { createHash, createPublicKey } from 'node:crypto'
import { readCookiePairs } from '../domain/cookie.ts'
import type { Session, SessionRequest, SessionSystem } from '../domain/session.ts'
import { SessionRefused } from '../domain/session.ts'
import { clockToleranceSeconds } from './claims.ts'

export interface ClerkSettings {
  /** Clerk's JWT public key, PEM: nothing is ever asked of Clerk over the network. */
  jwtKey: string | undefined
  /** The instance's Frontend API, such as `https://clerk.example.com`: the `iss` of its tokens. */
  issuer: string
  /** The origins whose pages may use a session, such as `https://app.example.com`. */
  authorizedParties: readonly string[]
  /** Names the instance's own cookie, where several instances share a domain. */
  publishableKey?: string | undefined
}

/**
 * Clerk's sessions, for the setting `sessions`, by `@clerk/backend` (an optional peer). Throws `TypeError` for
 * settings that would let in more than they should.
 */
export function clerk(settings: ClerkSettings): SessionSystem {
  const readClaims = clerkClaims(settings)
  return {
    ownsCookie: (name) => /^__(?:session|refresh|clerk)(?:_|$)/.test(name),
    async read(request) {
      const claims = await readClaims(request)
      return claims === null ? null : sessionOf(claims)
    },
  }
}

/** The claims of a session's token, checked: for whoever needs more of them than who it is. Throws as {@link clerk}. */
export function clerkClaims(
  settings: ClerkSettings,
): (request: SessionRequest) => Promise<ClerkClaims | null> {
  const { issuer, publishableKey } = settings
  const jwtKey = readJwtKey(settings.jwtKey)
  const authorizedParties = readParties(settings.authorizedParties)
  if (typeof issuer !== 'string' || !isOrigin(issuer))
    throw new TypeError('clerk: issuer must be an origin such as "https://clerk.example.com"')
  if (publishableKey !== undefined && !/^pk_(?:test|live)_./.test(publishableKey))
    throw new TypeError('clerk: publishableKey must begin with pk_test_ or pk_live_')
  const suffixedName = publishableKey === undefined ? null : `__session_${suffixOf(publishableKey)}`

  return async (request) => {
    const token = tokenOf(request, suffixedName)
    return token === null ? null : checked(token)
  }

  async function checked(token: string): Promise<ClerkClaims> {
    const { alg, crit } = headerOf(token)
    if (alg !== 'RS256' || crit !== undefined) throw new SessionRefused('not signed by RS256')
    const verifyToken = await loadVerifyToken()
    const claims = await verifyToken(token, {
      jwtKey,
      authorizedParties,
      clockSkewInMs: clockToleranceSeconds * 1000,
    }).catch((error: unknown) => {
      throw new SessionRefused('refused by @clerk/backend', { cause: error })
    })
    // Its verifyToken leaves these to its caller. A token of a template has no `sid`, and is no session.
    if (claims.iss !== issuer) throw new SessionRefused('of another issuer')
    if (claims['sts'] !== undefined && claims['sts'] !== 'active') throw new SessionRefused('not active')
    if (typeof claims.sid !== 'string' || claims.sid === '') throw new SessionRefused('of no session')
    return claims
  }
}

export type ClerkClaims = Awaited<ReturnType<VerifyToken>>

function sessionOf(claims: ClerkClaims): Session {
  return {
    id: claims.sub,
    customer: customerOf(claims),
    endsAt: (claims.exp + clockToleranceSeconds) * 1000,
  }
}

type VerifyToken = (typeof import('@clerk/backend'))['verifyToken']

async function loadVerifyToken(): Promise<VerifyToken> {
  try {
    return (await import('@clerk/backend')).verifyToken
  } catch (cause) {
    throw new Error('clerk() needs the package @clerk/backend 3: install it beside postern', { cause })
  }
}

/**
 * The session's token. Clerk sets it under `__session` and under a name with the instance's suffix; the latter
 * counts where it is known and there. Null where all that is there are other instances' cookies.
 */
function tokenOf({ headers }: SessionRequest, suffixedName: string | null): string | null {
  const cookies = new Map<string, Set<string>>()
  let isUnclear = false
  for (const { text, names } of readCookiePairs(headers.get('cookie') ?? '')) {
    const at = text.indexOf('=')
    const name = at === -1 ? text : text.slice(0, at)
    const values = cookies.get(name) ?? new Set()
    cookies.set(name, values.add(at === -1 ? '' : text.slice(at + 1)))
    // Some readers would find a session where others don't.
    const isPlain = names.length === 1 && names[0] === name
    isUnclear ||= !isPlain && names.some((other) => /^__session(?:_|$)/.test(other))
  }
  if (isUnclear) throw new SessionRefused('a cookie that can be read in more than one way')
  const values = (suffixedName === null ? undefined : cookies.get(suffixedName)) ?? cookies.get('__session')
  if (values === undefined) {
    const others = [...cookies.keys()].some((name) => name.startsWith('__session_'))
    if (suffixedName === null && others)
      throw new SessionRefused('only a cookie with a suffix, and no publishableKey to know it by')
    return null
  }
  const [token = '', ...more] = values
  if (more.length > 0) throw new SessionRefused('two sessions at once')
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new SessionRefused('no JWT')
  return token
}

function headerOf(token: string): { alg?: unknown; crit?: unknown } {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8'),
    )
    if (typeof header === 'object' && header !== null) return header
  } catch {
    // As below.
  }
  throw new SessionRefused('no JWT')
}

/** The organisation, where the session is in one: `o.id` in Clerk's second version of the token, else `org_id`. */
function customerOf(claims: Readonly<Record<string, unknown>>): string | null {
  const organisation = claims['o']
  const id: unknown =
    typeof organisation === 'object' && organisation !== null
      ? Reflect.get(organisation, 'id')
      : claims['org_id']
  if (id === undefined || id === null) return null
  if (typeof id !== 'string') throw new SessionRefused('an organisation without a name')
  return id
}

/** The library takes the modulus out of the text, which is right for 2048 bits and the usual exponent only. */
function readJwtKey(text: unknown): string {
  const wrong = new TypeError(
    'clerk: jwtKey must be the PEM public key of the Clerk dashboard (RSA, 2048 bits)',
  )
  if (typeof text !== 'string') throw wrong
  // In environment variables its lines are often written as \n, or joined.
  const base64 = text.replace(/\\n/g, '\n').replace(/-----(?:BEGIN|END) PUBLIC KEY-----|\s/g, '')
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' })
    const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
    if (key.asymmetricKeyType !== 'rsa' || modulusLength !== 2048 || publicExponent !== 65_537n) throw wrong
    return key.export({ format: 'pem', type: 'spki' }).toString()
  } catch {
    throw wrong
  }
}

function readParties(parties: unknown): string[] {
  if (!Array.isArray(parties) || parties.length === 0)
    throw new TypeError('clerk: authorizedParties is required: the origins of your app')
  return parties.map((party: unknown) => {
    if (typeof party === 'string' && isOrigin(party)) return party
    throw new TypeError('clerk: authorizedParties must be origins such as "https://app.example.com"')
  })
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text
}

/** As Clerk names its cookies: the start of the SHA-1 of the publishable key. Nothing is protected by it. */
function suffixOf(publishableKey: string): string {
  const digest = createHash('sha1').update(publishableKey).digest('base64')
  return digest.slice(0, 8).replaceAll('+', '-').replaceAll('/', '_')
}
