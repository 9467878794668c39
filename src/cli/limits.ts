import type { KeyJson } from '../admin/schemas-keys.ts'
import { shown } from './terminal.ts'

export const toolHelp =
  'a tool that it may call, such as forecast_*, or not, such as !delete_*; repeat it for several'
export const addressHelp =
  'a block of addresses that it may be used from, such as 203.0.113.0/24; repeat it for several'

/** Gathers an option that may be given several times. */
export function repeated(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

/** What a key is limited to, for people. */
export function limitFacts({ tools, addresses }: Pick<KeyJson, 'tools' | 'addresses'>): [string, string][] {
  return [
    [
      'tools',
      tools.length === 0 ? 'every tool, unless the policy gives none by itself' : tools.map(shown).join(', '),
    ],
    ['from', addresses.length === 0 ? 'anywhere' : addresses.map(shown).join(', ')],
  ]
}
