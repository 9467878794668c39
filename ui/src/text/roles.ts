import type { PersonJson } from '../api/types.ts'

/** What each role is called, and may. */
export const roleTexts = [
  { value: 'admin', label: 'Administrator', hint: 'Everything, people and settings too' },
  { value: 'owner', label: 'Owner', hint: 'Keys of the service users that carry their e-mail address' },
  { value: 'auditor', label: 'Auditor', hint: 'Reads everything, changes nothing' },
] as const

export function roleLabel(role: PersonJson['role']): string {
  return roleTexts.find(({ value }) => value === role)?.label ?? role
}
