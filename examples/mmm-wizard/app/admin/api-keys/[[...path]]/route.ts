import { SessionRefused } from 'postern'
import { clerkAuthorize, type Authorize } from 'postern/next'
import { postern } from '../../../../postern.ts'
import { localSession } from '../../../../session.ts'

const {
  CLERK_JWT_KEY,
  CLERK_ISSUER = '',
  MMM_URL = 'http://127.0.0.1:3000',
  MMM_ADMINS = '',
  MMM_EVERYONE_IS_ADMIN,
} = process.env

/** Clerk's user ids, separated by commas. */
const admins = MMM_ADMINS.split(',').filter((id) => id !== '')

const byClerk = CLERK_JWT_KEY
  ? clerkAuthorize({
      jwtKey: CLERK_JWT_KEY,
      issuer: CLERK_ISSUER,
      authorizedParties: [MMM_URL],
      role: ({ sub }) => (admins.includes(sub) ? 'admin' : null),
    })
  : null

/**
 * The example's own sign-in takes whatever name it is given, so that its people manage keys only where somebody said
 * so: `npm run example` does, on the loopback. Anywhere else the page stays closed until Clerk is set.
 */
const byName: Authorize = async (request) => {
  if (MMM_EVERYONE_IS_ADMIN !== 'on this machine') return null
  try {
    const session = await localSession(request)
    return session === null ? null : { id: decodeURIComponent(session.id), email: null, role: 'admin' }
  } catch (error) {
    if (error instanceof SessionRefused) return null
    throw error
  }
}

/** The page where keys are managed, and its API: `authorize` is asked about each request to the latter. */
export const { GET, POST, PATCH, DELETE } = postern.adminPage({ authorize: byClerk ?? byName })
