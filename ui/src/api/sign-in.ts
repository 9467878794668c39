import { queryOptions } from '@tanstack/react-query'
import { mountPath } from './mount.ts'
import { ApiProblem } from './problem.ts'
import { request } from './request.ts'
import type { SignInMethodsJson } from './types.ts'

/** Signing in and out: the server's own login under `{mount}/api/auth`, setup and invitations. */

/** What a password must be; the server judges. */
export const leastPasswordLength = 12

export const signInMethodsQuery = queryOptions({
  queryKey: ['sign-in-methods'],
  queryFn: async ({ signal }) =>
    (await request<SignInMethodsJson>('GET', '/sign-in-methods', { signal, asksToSignIn: false })).value,
  staleTime: 60_000,
})

export async function signInByPassword(email: string, password: string): Promise<void> {
  try {
    await post('/auth/sign-in/email', { email, password })
  } catch (error) {
    // Which of the two was wrong is not said, so that nobody learns who has an account.
    if (error instanceof ApiProblem && error.status === 401)
      throw new ApiProblem(401, error.code, 'That e-mail address and password don’t belong together.')
    throw error
  }
}

/** Leaves the page for an identity provider, which comes back to `path` of the page. */
export async function signInByProvider(provider: string, path: string): Promise<void> {
  const answer = await post<{ url?: unknown } | undefined>('/auth/sign-in/social', {
    provider,
    callbackURL: `${mountPath()}${path}`,
  })
  const url = answer?.url
  if (typeof url !== 'string' || !/^https?:\/\//.test(url))
    throw new ApiProblem(200, 'unexpected_answer', 'The server named no address to sign in at.')
  location.assign(url)
}

/** Signs out, and forgets all that was read by loading the page anew. */
export async function signOut(): Promise<void> {
  await post('/auth/sign-out', {})
  location.assign(`${mountPath()}/sign-in`)
}

/** Makes the first administrator, by the link that the server printed, and signs them in. */
export async function setUp(input: {
  token: string
  email: string
  name: string
  password: string
}): Promise<void> {
  await post('/setup', input)
}

/** Takes an invitation, and signs in who was invited. */
export async function acceptInvitation(input: {
  token: string
  name: string
  password: string
}): Promise<void> {
  await post('/invitations/accept', input)
}

/** Signs every other session out. */
export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  await request('POST', '/auth/change-password', {
    body: { currentPassword, newPassword, revokeOtherSessions: true },
  })
}

async function post<T>(path: string, body: unknown): Promise<T> {
  return (await request<T>('POST', path, { body, asksToSignIn: false })).value
}
