import type { Allowed } from '../domain/verdict.ts'

/** That a key comes to its end, for whoever runs the agent. */
export interface KeyWarning {
  /** Response headers as a flat list (name, value, …): `Sunset` (RFC 8594) and our own. */
  headers: readonly string[]
  /** A member for the `_meta` of a JSON-RPC result, as JSON text. */
  meta: string
}

/** The member's name in `_meta`. */
export const warningMetaKey = 'postern/warning'

const warnBeforeMs = 14 * 86_400_000

/** The warning for a service key that is in its overlap, or ends within 14 days of `nowMs`; null for all others. */
export function keyWarning(allowed: Allowed, nowMs: number): KeyWarning | null {
  const { endsAt, isRetiring = false } = allowed
  if (endsAt === null || allowed.credentialKind !== 'service-key') return null
  if (!isRetiring && endsAt - nowMs > warnBeforeMs) return null
  const code = isRetiring ? 'key_retiring' : 'key_expiring'
  const end = new Date(endsAt)
  return {
    headers: ['sunset', end.toUTCString(), 'x-postern-warning', `${code}; ends=${end.toISOString()}`],
    meta: `"${warningMetaKey}":${JSON.stringify({ code, endsAt: end.toISOString() })}`,
  }
}
