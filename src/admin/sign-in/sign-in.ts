import type { IdentityProvider } from '../../config/admin.ts'
import { StoreUnavailable, type Clock } from '../../domain/ports.ts'
import type { LoginRecords, Person } from '../../domain/people-store.ts'
import type { Logger } from '../../log.ts'
import type { Access } from '../access.ts'
import { adminBasePath } from '../api.ts'
import { refusalOfOrigin } from '../origin.ts'
import { problemResponse, RequestRefused } from '../problem.ts'
import { acceptance, setup, type SignInMethodsJson } from '../schemas-people.ts'
import { createAttempts } from './attempts.ts'
import type { Auth } from './auth.ts'
import { limited } from './limited.ts'
import type { People } from './people.ts'
import { notStored, plainAnswer, verifyingAnswer, wayBack } from './library-answers.ts'
import { refuseWeakPassword } from './password.ts'
import { jsonBody, smallBody } from './request-body.ts'

export interface SignInOptions {
  people: People
  records: LoginRecords
  clock: Clock
  log: Logger
  /** The origin that people open the page at. */
  origin: string
  secret: string
  signInMaxAgeMs: number
  identityProviders: readonly IdentityProvider[]
}

/** How people sign in where no app around does it. */
export interface SignIn {
  /** Answers what lies below `/api` and is about signing in; null for the rest. `path` from the mount. */
  answer(request: Request, path: string, address: string | null): Promise<Response | null>
  /** Who is signed in; null for nobody. A bearer's cookie doesn't count. */
  accessOf(request: Request): Promise<Access | null>
}

/** What of the library is open: what the page needs, and no more. */
const open: Readonly<Record<string, 'GET' | 'POST'>> = {
  '/sign-in/email': 'POST',
  '/sign-in/social': 'POST',
  '/sign-out': 'POST',
  '/change-password': 'POST',
  '/passkey/generate-register-options': 'GET',
  '/passkey/verify-registration': 'POST',
  '/passkey/generate-authenticate-options': 'GET',
  '/passkey/verify-authentication': 'POST',
  '/passkey/list-user-passkeys': 'GET',
  '/passkey/update-passkey': 'POST',
  '/passkey/delete-passkey': 'POST',
}

/** Better Auth with our rules around it. Nothing is fetched before someone chooses an identity provider. */
export async function createSignIn(options: SignInOptions): Promise<SignIn> {
  // Loaded where people sign in only: a command or a Next app has no use for it.
  const { canUsePasskeys, createAuth } = await import('./auth.ts')
  const { people, clock, log, origin, identityProviders } = options
  const attempts = createAttempts(clock)
  const authWith = (providers: readonly IdentityProvider[]) =>
    createAuth({
      records: options.records,
      log,
      origin,
      basePath: `${adminBasePath}/api/auth`,
      errorPath: `${adminBasePath}/sign-in`,
      secret: options.secret,
      signInMaxAgeMs: options.signInMaxAgeMs,
      identityProviders: providers,
      welcome: async ({ email, name }) => {
        await people.welcome(email, name)
      },
    })
  const auth = authWith([])
  let withProviders: Promise<Auth> | null = null

  /** The library reads an identity provider's metadata when it starts, and leaves one out that is away. */
  async function authForRoundTrips(): Promise<Auth> {
    withProviders ??= (async () => {
      const made = authWith(identityProviders)
      const { socialProviders } = await made.$context
      if (socialProviders.length < identityProviders.length) withProviders = null
      return made
    })()
    return withProviders
  }

  async function answerLibrary(request: Request, path: string, address: string | null): Promise<Response> {
    const isReturn = isCallback(request, `/api/auth${path}`)
    if (!isReturn && open[path] !== request.method) return problemResponse(noRoute())
    if (isReturn || path === '/sign-in/social') return answerRoundTrip(request, path)
    if (path === '/sign-in/email') return signInByPassword(request, address)
    if (path === '/change-password') return changePassword(request, address)
    const bounded = await smallBody(request)
    const answered = await auth.handler(bounded)
    return plainAnswer(
      path === '/passkey/generate-authenticate-options' ? await verifyingAnswer(answered) : answered,
      path,
    )
  }

  async function answerRoundTrip(request: Request, path: string): Promise<Response> {
    const bounded = await smallBody(request)
    const library = await authForRoundTrips()
    if (path !== '/sign-in/social') return wayBack(await library.handler(bounded))
    const body = await jsonBody(bounded.clone())
    const id = identityProviders.find((each) => each.id === body['provider'])?.id
    if (id === undefined)
      return problemResponse(
        new RequestRefused(404, 'provider_not_found', 'There is no such identity provider.', 'provider'),
      )
    const { socialProviders } = await library.$context
    if (!socialProviders.some((each) => each.id === id))
      return problemResponse(
        new RequestRefused(503, 'provider_unreachable', "The identity provider can't be reached right now."),
        { 'retry-after': '5' },
      )
    // Only what the page needs of it: scopes, parameters and tokens of the caller's own stay out.
    const returnTo = localPath(body['callbackURL'])
    const asked = new Request(request.url, {
      method: 'POST',
      headers: request.headers,
      body: JSON.stringify({
        provider: id,
        callbackURL: returnTo,
        errorCallbackURL: `${adminBasePath}/sign-in`,
        disableRedirect: true,
      }),
    })
    return plainAnswer(await library.handler(asked), path)
  }

  async function signInByPassword(request: Request, address: string | null): Promise<Response> {
    const bounded = await smallBody(request)
    const { email, password } = await jsonBody(bounded)
    if (typeof email !== 'string' || typeof password !== 'string')
      return problemResponse(
        new RequestRefused(400, 'field_invalid', 'email and password are texts.', 'email'),
      )
    return limited(attempts, { address, account: email }, async () => {
      const answered = await signedIn(email, password, bounded.headers)
      return { isWrong: answered.status === 401, answer: await plainAnswer(answered, '/sign-in/email') }
    })
  }

  /** A session that somebody else got hold of isn't a way to guess its password. */
  async function changePassword(request: Request, address: string | null): Promise<Response> {
    const bounded = await smallBody(request)
    const { newPassword, currentPassword } = await jsonBody(bounded)
    refuseWeakPassword(newPassword, 'newPassword')
    const access = await accessOf(request)
    if (access === null) return problemResponse(notSignedIn())
    return limited(attempts, { address, account: access.actor }, async () => {
      const asked = new Request(request.url, {
        method: 'POST',
        headers: request.headers,
        // Who changes it may do so because somebody else knows it.
        body: JSON.stringify({ newPassword, currentPassword, revokeOtherSessions: true }),
      })
      const answer = await plainAnswer(await auth.handler(asked), '/change-password')
      return { isWrong: answer.status === 400, answer }
    })
  }

  function signedIn(email: string, password: string, headers: Headers): Promise<Response> {
    return auth.api.signInEmail({ body: { email, password }, headers, asResponse: true })
  }

  async function enter(request: Request, isSetup: boolean): Promise<Response> {
    const body = (isSetup ? setup : acceptance).safeParse(await jsonBody(await smallBody(request)))
    if (!body.success) {
      const field = String(body.error.issues[0]?.path[0] ?? '')
      return problemResponse(
        new RequestRefused(
          400,
          'field_invalid',
          `${field === '' ? 'The body' : field} is missing or not of the right form.`,
          field === '' ? undefined : field,
        ),
      )
    }
    const { token, name, password } = body.data
    refuseWeakPassword(password, 'password')
    const { password: passwords } = await auth.$context
    const who = { name, passwordHash: await passwords.hash(password) }
    const person: Person =
      'email' in body.data && typeof body.data.email === 'string'
        ? await people.setUp(token, { ...who, email: body.data.email })
        : await people.accept(token, who)
    log.info({ person: person.id, role: person.role }, 'someone came in by a link')
    return plainAnswer(await signedIn(person.email, password, request.headers), '/sign-in/email')
  }

  async function methods(request: Request): Promise<Response> {
    const answer: SignInMethodsJson = {
      password: true,
      passkey: canUsePasskeys(origin, new URL(request.url).hostname),
      oidc: identityProviders.map(({ id, name }) => ({ id, name })),
      setupNeeded: !(await people.hasAdministrator()),
      hosted: false,
    }
    return Response.json(answer, { headers: notStored })
  }

  async function route(request: Request, path: string, address: string | null): Promise<Response | null> {
    // Who comes back from an identity provider comes from another site; the library knows its own round trips.
    const refusal = isCallback(request, path) ? null : refusalOfOrigin(request)
    if (refusal !== null && isOurs(path)) throw refusal
    if (path.startsWith('/api/auth/')) return answerLibrary(request, path.slice('/api/auth'.length), address)
    const asked = `${request.method} ${path}`
    if (asked === 'GET /api/sign-in-methods') return methods(request)
    if (asked === 'POST /api/setup') return enter(request, true)
    if (asked === 'POST /api/invitations/accept') return enter(request, false)
    return null
  }

  async function accessOf(request: Request): Promise<Access | null> {
    if (request.headers.has('authorization') || !request.headers.has('cookie')) return null
    // The library hides what failed. But for its records nothing can.
    const found = await auth.api.getSession({ headers: request.headers }).catch((cause: unknown) => {
      throw new StoreUnavailable('the session could not be read', { cause })
    })
    const person = found === null ? null : await people.find(found.user.id)
    if (found === null || person === null || person.disabledAt !== null) return null
    return {
      actor: person.email,
      via: 'person',
      role: person.role,
      email: person.emailVerified ? person.email : null,
      signedInAt: found.session.createdAt.getTime(),
    }
  }

  return {
    async answer(request, path, address) {
      try {
        return await route(request, path, address)
      } catch (error) {
        if (error instanceof RequestRefused) return problemResponse(error)
        log.error({ err: error }, 'signing in failed')
        return problemResponse(
          error instanceof StoreUnavailable
            ? new RequestRefused(
                503,
                'store_unavailable',
                "The database can't be reached right now; try again.",
              )
            : new RequestRefused(500, 'internal_error', 'Postern failed; its log says why.'),
        )
      }
    },
    accessOf,
  }
}

function isCallback(request: Request, path: string): boolean {
  return request.method === 'GET' && /^\/api\/auth\/callback\/[a-z0-9-]{1,32}$/.test(path)
}

function isOurs(path: string): boolean {
  return (
    path.startsWith('/api/auth/') ||
    ['/api/sign-in-methods', '/api/setup', '/api/invitations/accept'].includes(path)
  )
}

/** Where to go after signing in: a path of the page, wherever the caller would rather send people. */
function localPath(value: unknown): string {
  const start = `${adminBasePath}/`
  return typeof value === 'string' && value.startsWith(start) && !value.includes('\\') ? value : start
}

function notSignedIn(): RequestRefused {
  return new RequestRefused(401, 'sign_in_required', 'Sign in to change your password.')
}

function noRoute(): RequestRefused {
  return new RequestRefused(404, 'no_route', 'Nothing is here.')
}
