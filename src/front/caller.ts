import { grantsDigest } from '../domain/grant.ts'
import type { CredentialKind, Principal, Verdict } from '../domain/verdict.ts'

/** Who makes a request, for the trail: as far as its credential told, accepted or not. */
export interface Caller {
  credentialKind: CredentialKind | null
  keyId: string | null
  serviceUserId: string | null
  /** `user:<id>` or `workload:<id>`; null for service users, whom their own id names, and where nobody is known. */
  principal: string | null
  /** Of what the credential may do; null where none was accepted. */
  grantsDigest: string | null
}

export const nobody: Caller = {
  credentialKind: null,
  keyId: null,
  serviceUserId: null,
  principal: null,
  grantsDigest: null,
}

/** Whom a verdict is about. */
export function callerOf(verdict: Verdict): Caller {
  if (!verdict.allowed) {
    const { keyId = null, serviceUserId = null } = verdict
    return { ...nobody, credentialKind: keyId === null ? null : 'service-key', keyId, serviceUserId }
  }
  const { principal, credentialKind, keyId, grants } = verdict
  const isService = principal.kind === 'service'
  return {
    credentialKind,
    keyId,
    serviceUserId: isService ? principal.id : null,
    principal: isService ? null : principalText(principal),
    grantsDigest: grantsDigest(grants),
  }
}

function principalText({ kind, id }: Principal): string {
  return `${kind}:${id}`
}
