/** What people, management keys and the socket may do in the admin API: one table, judged by one function. */

export const roles = ['admin', 'owner', 'auditor'] as const

/** `owner`: their own service users, found by their verified address. `auditor`: reads everything. */
export type Role = (typeof roles)[number]

/** Who is asking. */
export interface Access {
  /** Stands in the history of what they change. */
  actor: string
  via: 'socket' | 'person' | 'management-key' | 'host'
  role: Role
  /** Verified; what an owner's service users are found by, as their owner's or backup owner's. */
  email: string | null
  /** Epoch milliseconds; null: always fresh (socket, management key). */
  signedInAt: number | null
}

/**
 * What a route needs. `read`: looks at service users, keys, calls; `oversee`: looks at what is the whole
 * deployment's; `change`: edits and ends; `issue`: makes a secret; `administer`: changes what is the whole
 * deployment's; `appoint`: decides who else gets in, which no management key may.
 */
export type Need = 'read' | 'oversee' | 'change' | 'issue' | 'administer' | 'appoint'

interface Rule {
  readonly admin: boolean
  readonly owner: boolean
  readonly auditor: boolean
  /** Whether the sign-in must be recent. */
  readonly isFresh: boolean
  /** Whether a management key may, given its role. */
  readonly byManagementKey: boolean
}

const may = { isFresh: false, byManagementKey: true }

/** Who may do what. What isn't allowed here is refused. */
export const accessRules: Readonly<Record<Need, Rule>> = {
  read: { admin: true, owner: true, auditor: true, ...may },
  oversee: { admin: true, owner: false, auditor: true, ...may },
  change: { admin: true, owner: true, auditor: false, ...may },
  issue: { admin: true, owner: true, auditor: false, ...may, isFresh: true },
  administer: { admin: true, owner: false, auditor: false, ...may },
  appoint: { admin: true, owner: false, auditor: false, isFresh: true, byManagementKey: false },
}

export type AccessRefusal = 'role_refused' | 'sign_in_too_old'

/** Why someone may not do what a route needs, or null where they may. Times in milliseconds. */
export function refusalOfAccess(
  { via, role, signedInAt, email }: Access,
  need: Need,
  signInMaxAgeMs: number,
  now: number,
): AccessRefusal | null {
  const rule = accessRules[need]
  if (!rule[role]) return 'role_refused'
  if (via === 'management-key' && !rule.byManagementKey) return 'role_refused'
  // Nothing can be theirs.
  if (role === 'owner' && email === null) return 'role_refused'
  if (rule.isFresh && signedInAt !== null && now - signedInAt > signInMaxAgeMs) return 'sign_in_too_old'
  return null
}

/** Whose service users someone sees: the address that must be their owner's or backup owner's; null: all of them. */
export function visibleTo({ role, email }: Access): string | null {
  if (role !== 'owner') return null
  if (email === null) throw new TypeError('an owner without a verified address owns nothing')
  return email.toLowerCase()
}

/** Whether someone sees a service user. */
export function maySee(access: Access, user: { owner: string | null; backupOwner: string | null }): boolean {
  const address = visibleTo(access)
  return (
    address === null || user.owner?.toLowerCase() === address || user.backupOwner?.toLowerCase() === address
  )
}
