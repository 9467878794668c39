import { readCookiePairs } from '../domain/cookie.ts'
import { noGrants } from '../domain/grant.ts'
import type { Clock } from '../domain/ports.ts'
import { StoreUnavailable } from '../domain/ports.ts'
import type { Session, SessionRequest, SessionSystem } from '../domain/session.ts'
import { SessionRefused } from '../domain/session.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Authenticator } from './authenticator.ts'
import { isHeaderSafe } from './claims.ts'

const refused = { allowed: false, reason: 'invalid_session' } as const satisfies Verdict

/**
 * People's sessions, as the settings' session system reads them. Responsible where a cookie of its is there: such a
 * request is never taken for one without a session, however its cookie is broken.
 */
export function createSessionAuthenticator(options: {
  sessions: SessionSystem
  clock: Clock
  /** Told when the session system fails, or answers what can't be used. */
  onFailure: (error: unknown) => void
}): Authenticator {
  const { sessions, clock, onFailure } = options

  async function decide(request: SessionRequest): Promise<Verdict | null> {
    let session: Session | null
    try {
      session = await sessions.read(request)
    } catch (error) {
      if (codeOf(error) === 'store_unavailable')
        throw new StoreUnavailable('the session store is away', { cause: error })
      if (!(error instanceof SessionRefused)) onFailure(error)
      return refused
    }
    return session === null ? null : judge(session)
  }

  function judge(session: Session): Verdict {
    const found: unknown = session
    if (typeof found !== 'object' || found === null) return unusable()
    const { id, customer = null, endsAt = null } = session
    if (!isHeaderSafe(id) || (customer !== null && !isHeaderSafe(customer))) return unusable()
    if (endsAt !== null && !Number.isFinite(endsAt)) return unusable()
    const holds = () => endsAt === null || clock.now() < endsAt
    if (!holds()) return refused
    return {
      allowed: true,
      principal: { kind: 'user', id, customer },
      credentialKind: 'session',
      keyId: null,
      grants: noGrants,
      endsAt,
      recheck: () => (holds() ? null : 'invalid_session'),
    }
  }

  function unusable(): Verdict {
    onFailure(new TypeError('the session system answered no session that can be used'))
    return refused
  }

  return {
    kind: 'session',
    authenticate({ request }) {
      const cookie = request?.headers.get('cookie') ?? ''
      const isThere = readCookiePairs(cookie).some(({ names }) => names.some(sessions.ownsCookie))
      return request === undefined || !isThere ? null : decide(request)
    },
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
}
