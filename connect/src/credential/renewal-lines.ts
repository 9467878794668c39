import type { Renewed } from './renew-key.ts'
import { dayAndTime } from './warning-text.ts'

/** What a person is told. */
export interface Line {
  level: 'info' | 'warning' | 'error'
  code: string
  text: string
}

/** What surrounds an attempt: the file as a person names it, until when keys renew themselves, the old key's end. */
export interface RenewalFacts {
  name: string
  until: number
  endsAt: number
}

/** The line about an attempt to renew a key, and what to do; null where there is nothing to be said. */
export function renewalLine(renewed: Renewed, { name, until, endsAt }: RenewalFacts): Line | null {
  const end = dayAndTime(endsAt)
  switch (renewed.kind) {
    case 'renewed':
      if (renewed.endsAt === null) return line('info', 'key_saved', `${name} has the renewed key now`)
      return line(
        'info',
        'key_renewed',
        `the key was renewed, and ${name} has it: it works until ${dayAndTime(renewed.endsAt)}, and renews itself until ${dayAndTime(until)} at most`,
      )
    case 'busy':
    case 'changed':
      break
    case 'blocked':
      return line(
        'warning',
        'renewal_blocked',
        `the key can't be renewed, since ${name} can't be replaced: ${renewed.why}${adviceFor(renewed.code)}. The key in use works until ${end}`,
      )
    case 'unsaved':
      return line(
        'error',
        'renewal_unsaved',
        `the key was renewed, but ${name} can't be written: ${renewed.why}${adviceFor(renewed.code)}. It is tried again; until then the old key is used, which ends on ${dayAndTime(renewed.successor.predecessorEndsAt)}`,
      )
    case 'refused':
      return line(
        'warning',
        'renewal_refused',
        renewed.code === 'already_rotated'
          ? `the key was rotated elsewhere and ends on ${end}: put its successor into ${name} before`
          : `the key can't renew itself (${renewed.code || renewed.status}) and ends on ${end}: ask an administrator for another`,
      )
    case 'unsure':
      return line(
        'warning',
        'renewal_delayed',
        `the key could not be renewed yet (${renewed.why}): it is tried again, and the key in use works until ${end}`,
      )
  }
  return null
}

/** What to do about an error of the file system, as the end of a sentence. */
export function adviceFor(code: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return '; make room there'
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return '; let who runs this write there, and into its folder'
    default:
      return ''
  }
}

function line(level: Line['level'], code: string, text: string): Line {
  return { level, code, text }
}
