import type { Role } from '../admin/access.ts'
import type { Authorize } from '../admin/hosted.ts'
import { SessionRefused } from '../domain/session.ts'
import { clerkClaims, type ClerkClaims, type ClerkSettings } from '../verify/clerk.ts'

export interface ClerkAuthorizeSettings extends ClerkSettings {
  /** What someone may do, by the claims of their session; null: nothing. */
  role: (claims: ClerkClaims) => Role | null
  /**
   * Their verified address, which an `owner` needs: by default the claim `email` of a session token that has
   * `email_verified` as well, and says true. Clerk puts neither into it unless told to.
   */
  email?: (claims: ClerkClaims) => string | null
}

/**
 * For `adminPage({ authorize })`: people by Clerk's sessions, without asking anything over the network. Throws
 * `TypeError` for settings that would let in more than they should.
 */
export function clerkAuthorize(settings: ClerkAuthorizeSettings): Authorize {
  const read = clerkClaims(settings)
  const { role: roleOf, email: emailOf = verifiedEmail } = settings
  return async (request) => {
    const claims = await claimsOrNull(read(request))
    const role = claims === null ? null : roleOf(claims)
    if (claims === null || role === null) return null
    return { id: claims.sub, email: emailOf(claims), role, signedInAt: signedInAt(claims) }
  }
}

/** A session that is refused is nobody's: the API then asks to sign in. */
async function claimsOrNull(reading: Promise<ClerkClaims | null>): Promise<ClerkClaims | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof SessionRefused) return null
    throw error
  }
}

function verifiedEmail(claims: ClerkClaims): string | null {
  const { email, email_verified: isVerified } = claims as { email?: unknown; email_verified?: unknown }
  return typeof email === 'string' && isVerified === true ? email : null
}

/** `fva` has how many minutes before the token was made the first factor was verified. Without it, it was never. */
function signedInAt(claims: ClerkClaims): number {
  const { fva } = claims as { fva?: unknown }
  const minutes: unknown = Array.isArray(fva) ? fva[0] : undefined
  return typeof minutes === 'number' && minutes >= 0 ? (claims.iat - minutes * 60) * 1000 : 0
}
