import { roles, type Access, type Role } from './access.ts'
import type { AccessOf } from './guard.ts'
import type { SignInMethodsJson } from './schemas-people.ts'

/** Someone whom the app around the page has signed in. */
export interface HostPerson {
  id: string
  /** Verified, or null. Of an `owner` it is what their service users are found by. */
  email: string | null
  role: Role
  /** When they signed in, in epoch milliseconds; without it a sign-in always counts as recent. */
  signedInAt?: number | null | undefined
}

/** Says who may use the page, and as what; null for whoever may not. */
export type Authorize = (request: Request) => HostPerson | null | Promise<HostPerson | null>

/** What an app says of someone, checked: it decides who may make keys. Throws `TypeError` for anything else. */
export function hostAccess(authorize: Authorize): AccessOf {
  return async (request) => {
    const person = await authorize(request)
    return person === null ? null : accessOfPerson(person)
  }
}

/** How people sign in where the app around does it. Null for what is no part of that. */
export function hostedSignIn(request: Request, path: string): Promise<Response | null> {
  if (request.method !== 'GET' || path !== '/api/sign-in-methods') return Promise.resolve(null)
  const methods: SignInMethodsJson = {
    password: false,
    passkey: false,
    oidc: [],
    setupNeeded: false,
    hosted: true,
  }
  return Promise.resolve(Response.json(methods, { headers: { 'cache-control': 'no-store' } }))
}

function accessOfPerson({ id, email, role, signedInAt = null }: HostPerson): Access {
  if (typeof id !== 'string' || id === '') throw wrong('id must be a text')
  if (email !== null && (typeof email !== 'string' || email === ''))
    throw wrong('email must be a text or null')
  if (!roles.includes(role)) throw wrong(`role must be one of ${roles.join(', ')}`)
  if (signedInAt !== null && !Number.isFinite(signedInAt))
    throw wrong('signedInAt must be epoch milliseconds, or left out')
  return { actor: email ?? id, via: 'host', role, email, signedInAt }
}

function wrong(what: string): TypeError {
  return new TypeError(`authorize: ${what}`)
}
