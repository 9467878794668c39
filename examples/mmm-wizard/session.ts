import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { SessionRefused, type ReadSession } from 'postern'

/**
 * A session that needs no account anywhere, in place of Clerk's: a name and its signature, until the app ends. For
 * trying the example out only, since it takes whatever name it is given.
 */

export const cookieName = 'mmm_session'

// The proxy and the routes are module instances of their own in one process.
const slot = Symbol.for('mmm-wizard.session-secret')
const shared = globalThis as { [slot]?: Buffer }
const secret = (shared[slot] ??= randomBytes(32))

/** The cookie's value for a person. */
export function signedIn(name: string): string {
  const id = encodeURIComponent(name)
  return `${id}.${signature(id)}`
}

/** Whose session a request carries: for the setting `sessions`. */
export const localSession: ReadSession = (request) => {
  const cookies = (request.headers.get('cookie') ?? '').split(/;\s*/)
  const value = cookies.find((cookie) => cookie.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1)
  if (value === undefined) return null
  const at = value.lastIndexOf('.')
  const id = value.slice(0, at)
  const given = value.slice(at + 1)
  // The signature is over the very text that becomes the id, so that a person has one.
  const expected = signature(id)
  if (given.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected)))
    throw new SessionRefused('the session is not one of ours')
  return { id }
}

function signature(id: string): string {
  return createHmac('sha256', secret).update(id).digest('hex')
}
