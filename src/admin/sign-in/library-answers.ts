import { adminBasePath } from '../api.ts'
import { problemResponse, RequestRefused } from '../problem.ts'

export const notStored = { 'cache-control': 'no-store' }

/** Their answers hold the session's token, which no script has to see: the cookie is all that counts. */
const withToken: ReadonlySet<string> = new Set([
  '/sign-in/email',
  '/change-password',
  '/passkey/verify-registration',
  '/passkey/verify-authentication',
])

/** The library's answer in our form: problems as everywhere else, and no token of a session. */
export async function plainAnswer(answered: Response, path: string): Promise<Response> {
  const headers = new Headers(notStored)
  for (const cookie of answered.headers.getSetCookie()) headers.append('set-cookie', cookie)
  if (answered.ok) {
    if (withToken.has(path)) return Response.json({}, { headers })
    headers.set('content-type', 'application/json')
    return new Response(await answered.text(), { headers })
  }
  const body: unknown = await answered.json().catch(() => null)
  const code: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'code') : undefined
  const message: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, 'message') : undefined
  return problemResponse(
    new RequestRefused(
      answered.status,
      typeof code === 'string' ? code.toLowerCase() : 'sign_in_failed',
      typeof message === 'string' ? message : 'Signing in failed.',
    ),
  )
}

/** The library lets a device choose whether it asks who holds it, and we take no answer of one that doesn't. */
export async function verifyingAnswer(answered: Response): Promise<Response> {
  if (!answered.ok) return answered
  const asked = (await answered.json()) as object
  const { headers } = answered
  return new Response(JSON.stringify({ ...asked, userVerification: 'required' }), { headers })
}

/** Where a browser goes that comes back from an identity provider, and what it is known by. */
export function wayBack(answered: Response): Response {
  const headers = new Headers(notStored)
  for (const cookie of answered.headers.getSetCookie()) headers.append('set-cookie', cookie)
  headers.set('location', answered.headers.get('location') ?? `${adminBasePath}/sign-in?error=sign_in_failed`)
  return new Response(null, { status: 302, headers })
}
