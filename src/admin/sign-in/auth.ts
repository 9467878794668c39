import { passkey } from '@better-auth/passkey'
import { APIError, betterAuth } from 'better-auth'
import { genericOAuth, type GenericOAuthConfig } from 'better-auth/plugins'
import { isThisMachine, type IdentityProvider } from '../../config/admin.ts'
import { pageCookiePrefixes } from '../../domain/cookie.ts'
import { newId } from '../../domain/id.ts'
import type { LoginRecords } from '../../domain/people-store.ts'
import type { Logger } from '../../log.ts'
import { passwordLength } from './password.ts'
import { createRecordsAdapter } from './records-adapter.ts'

export interface AuthOptions {
  records: LoginRecords
  log: Logger
  /** The origin that people open the page at. */
  origin: string
  /** Where the library's own routes lie, from the origin. */
  basePath: string
  /** Where a failed round trip to an identity provider ends. */
  errorPath: string
  secret: string
  /** How long a sign-in is recent enough to add a passkey, in milliseconds. */
  signInMaxAgeMs: number
  /** Asked over the network as soon as this is called. */
  identityProviders: readonly IdentityProvider[]
  /** Lets someone in whom an identity provider vouches for, where they are invited. */
  welcome: (who: { email: string; name: string | null }) => Promise<void>
}

export type Auth = ReturnType<typeof createAuth>

/** How long someone stays signed in, whatever they do, in seconds. */
const sessionSeconds = 7 * 86_400

/** Better Auth, closed: nobody signs up, and only what we store is used. */
export function createAuth(options: AuthOptions) {
  const { origin, records, log } = options
  const isHttps = origin.startsWith('https:')
  return betterAuth({
    appName: 'Postern',
    baseURL: origin,
    basePath: options.basePath,
    secret: options.secret,
    trustedOrigins: originsOf(origin),
    database: createRecordsAdapter(records),
    telemetry: { enabled: false },
    logger: {
      level: 'warn',
      // What comes beside the message may be anything, tokens included.
      log: (level, message) => log[level === 'error' ? 'warn' : 'debug']({ from: 'sign-in' }, message),
    },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: passwordLength.least,
      maxPasswordLength: passwordLength.most,
    },
    session: {
      expiresIn: sessionSeconds,
      // The end stands from the beginning.
      disableSessionRefresh: true,
      freshAge: Math.floor(options.signInMaxAgeMs / 1000),
      cookieCache: { enabled: false },
    },
    account: {
      accountLinking: { enabled: true, requireLocalEmailVerified: true, trustedProviders: [] },
      updateAccountOnSignIn: false,
    },
    databaseHooks: { account: { create: { before: withoutTokens } } },
    onAPIError: { errorURL: options.errorPath },
    // Failures are counted by ourselves: the library would slow down those who sign in rightly.
    rateLimit: { enabled: false },
    advanced: {
      cookiePrefix: isHttps ? pageCookiePrefixes.https : pageCookiePrefixes.http,
      useSecureCookies: false,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: '/', secure: isHttps },
      disableOriginCheck: false,
      disableCSRFCheck: false,
      ipAddress: { disableIpTracking: true },
      database: { generateId: () => newId(Date.now()) },
    },
    plugins: [
      passkey({
        rpID: passkeyHost(origin),
        rpName: 'Postern',
        origin: originsOf(origin),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        registration: {
          afterVerification: ({ verification }) =>
            requireVerified(verification.registrationInfo?.userVerified === true),
        },
        authentication: {
          afterVerification: ({ verification }) =>
            requireVerified(verification.authenticationInfo.userVerified),
        },
      }),
      genericOAuth({ config: options.identityProviders.map((each) => providerOf(each, options.welcome)) }),
    ],
  })
}

/** Whether a browser that has the page open at this host can use passkeys: they aren't for bare addresses. */
export function canUsePasskeys(origin: string, hostname: string): boolean {
  return hostname === passkeyHost(origin)
}

function passkeyHost(origin: string): string {
  const { hostname } = new URL(origin)
  return isThisMachine(hostname) ? 'localhost' : hostname
}

/** On this machine people open `127.0.0.1` and `localhost` alike, and passkeys take the latter. */
function originsOf(origin: string): string[] {
  const { protocol, hostname, port } = new URL(origin)
  return isThisMachine(hostname) && hostname !== 'localhost'
    ? [origin, `${protocol}//localhost${port === '' ? '' : `:${port}`}`]
    : [origin]
}

/** A passkey stands for a password as well: holding the device isn't enough. */
function requireVerified(isVerified: boolean): Promise<void> {
  if (isVerified) return Promise.resolve()
  throw new APIError('FORBIDDEN', {
    code: 'PASSKEY_UNVERIFIED',
    message: 'The passkey must ask for a PIN, a fingerprint or a face.',
  })
}

/** We never act for people at their identity provider. */
function withoutTokens<Account extends object>(account: Account) {
  return Promise.resolve({
    data: { ...account, accessToken: null, refreshToken: null, idToken: null, scope: null },
  })
}

function providerOf(
  { id, name, issuer, clientId, clientSecret }: IdentityProvider,
  welcome: AuthOptions['welcome'],
): GenericOAuthConfig {
  return {
    providerId: id,
    name,
    discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    requireIdTokenVerification: true,
    clientId,
    clientSecret,
    scopes: ['openid', 'email', 'profile'],
    pkce: true,
    disableSignUp: true,
    disableProviderLogout: true,
    async mapProfileToUser(profile) {
      const { email, name: called } = profile
      const isVerified = profile['email_verified'] === true
      if (isVerified && typeof email === 'string')
        await welcome({ email, name: typeof called === 'string' ? called : null })
      // Anything but true counts as unverified: then no account is linked to the person of that address.
      return { emailVerified: isVerified }
    },
  }
}
