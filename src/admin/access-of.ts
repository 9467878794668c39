import type { ManagementKeys } from '../keys/management-keys.ts'
import type { Access } from './access.ts'
import type { AccessOf } from './guard.ts'

/** Who asks over the socket: it is open to the user that this process runs as, and to nobody else. */
export function socketAccess(userName: string): Access {
  return { actor: `local:${userName}`, via: 'socket', role: 'admin', email: null, signedInAt: null }
}

/**
 * Who asks over the network: the management key in `Authorization`; where there is no such header, whoever `people`
 * finds. A header that says nothing right is refused, and not passed on.
 */
export function networkAccess(keys: Pick<ManagementKeys, 'authenticate'>, people: AccessOf): AccessOf {
  return async (request) => {
    const header = request.headers.get('authorization')
    if (header === null) return await people(request)
    const token = /^Bearer ([!-~]+)$/i.exec(header)?.[1]
    const key = token === undefined ? null : await keys.authenticate(token)
    if (key === null) return null
    const actor = `management-key:${key.name} (${key.start})`
    return { actor, via: 'management-key', role: key.role, email: null, signedInAt: null }
  }
}
