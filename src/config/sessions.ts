import { z } from 'zod'
import type { ReadSession, SessionSystem } from '../domain/session.ts'

const sessionsRight =
  'must be clerk({ … }), or a function (request) => { id, customer, endsAt } or null; it takes a settings file in TypeScript or JavaScript'

/** People's sessions: a ready-made system, or a function of one's own. */
export const sessionSettings = z.custom<ReadSession | SessionSystem>(
  (value) => typeof value === 'function' || isSystem(value),
  { error: sessionsRight },
)

/** A function of one's own doesn't say which cookies it reads, so it counts as reading all of them. */
export function resolveSessions(settings: ReadSession | SessionSystem | undefined): SessionSystem | null {
  if (settings === undefined) return null
  return typeof settings === 'function' ? { ownsCookie: () => true, read: settings } : settings
}

function isSystem(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (
    typeof Reflect.get(value, 'ownsCookie') === 'function' && typeof Reflect.get(value, 'read') === 'function'
  )
}
