import type { CredentialKind, Principal, Verdict } from '../domain/verdict.ts'

/** Who makes a request, for the trail: as far as its credential told, accepted or not. */
export interface Caller {
  credentialKind: CredentialKind | null
  keyId: string | null
  serviceUserId: string | null
  /** `user:<id>` or `workload:<id>`; null for service users, whom their own id names, and where nobody is known. */
  principal: string | null
}

export const nobody: Caller = { credentialKind: null, keyId: null, serviceUserId: null, principal: null }

/** Whom a verdict is about. */
export function callerOf(verdict: Verdict): Caller {
  if (!verdict.allowed) {
    const { keyId = null, serviceUserId = null } = verdict
    return { credentialKind: keyId === null ? null : 'service-key', keyId, serviceUserId, principal: null }
  }
  const { principal, credentialKind, keyId } = verdict
  const isService = principal.kind === 'service'
  return {
    credentialKind,
    keyId,
    serviceUserId: isService ? principal.id : null,
    principal: isService ? null : principalText(principal),
  }
}

function principalText({ kind, id }: Principal): string {
  return `${kind}:${id}`
}
