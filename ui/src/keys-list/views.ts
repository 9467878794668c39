import type { KeyFilters } from './filters.ts'

/** What people come to the list for, as one choice each. */
export const keyViews = [
  { value: 'all', label: 'All' },
  { value: 'working', label: 'Working' },
  { value: 'expiring', label: 'Expiring soon' },
  { value: 'unused', label: 'Unused' },
  { value: 'ended', label: 'Ended' },
] as const
export type KeyViewName = (typeof keyViews)[number]['value']

type Part = Pick<KeyFilters, 'states' | 'expiringWithin' | 'unusedFor'>

const parts: Readonly<Record<KeyViewName, Part>> = {
  all: { states: [], expiringWithin: '', unusedFor: '' },
  working: { states: ['active', 'retiring'], expiringWithin: '', unusedFor: '' },
  expiring: { states: [], expiringWithin: '14d', unusedFor: '' },
  unused: { states: [], expiringWithin: '', unusedFor: '90d' },
  ended: { states: ['retired', 'expired', 'revoked', 'disabled'], expiringWithin: '', unusedFor: '' },
}

/** The filters with the view's own part in place of theirs; search, owner and all else stay. */
export function withView(filters: KeyFilters, view: KeyViewName): KeyFilters {
  return { ...filters, ...parts[view] }
}

/** Which view the filters are; null where they are none of them. */
export function viewOf({ states, expiringWithin, unusedFor }: KeyFilters): KeyViewName | null {
  const found = keyViews.find(({ value }) => {
    const part = parts[value]
    return (
      part.expiringWithin === expiringWithin &&
      part.unusedFor === unusedFor &&
      part.states.length === states.length &&
      part.states.every((state) => states.includes(state))
    )
  })
  return found?.value ?? null
}
