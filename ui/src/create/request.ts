import type { NewKey } from '../../../src/admin/schemas-keys.ts'
import { commandLine, options } from '../key/commands.ts'
import { expiresText, type ExpiryChoice } from './expiry.ts'
import { faultsOfLimits, filledIn, limitOptions, limitsOf, type LimitsDraft } from './limits.ts'

/** What the form for a new key holds, as it was typed. */
export interface KeyDraft {
  /** The id of the chosen service user; empty while none is chosen. */
  serviceUserId: string
  name: string
  expiry: ExpiryChoice
  /** Null: no list. An empty one is not finished. */
  tools: readonly string[] | null
  addresses: readonly string[] | null
  limits: LimitsDraft
  selfRotate: boolean
}

/** What is missing, by the field's name, in words for the place beside it. */
export function missingIn(draft: KeyDraft): Record<string, string> {
  const noEnd = 'date' in draft.expiry && draft.expiry.date === ''
  return {
    ...(draft.serviceUserId === '' ? { serviceUser: 'Choose a service user, or create one.' } : {}),
    ...(noEnd ? { expires: 'Choose a day, or one of the spans.' } : {}),
    ...(draft.tools?.length === 0
      ? { tools: 'Name at least one tool, or choose another answer above.' }
      : {}),
    ...(draft.addresses?.length === 0
      ? { addresses: 'Name at least one address, or choose any address.' }
      : {}),
    ...faultsOfLimits(draft.limits),
  }
}

/** The body of `POST /keys`: what was left empty is left out. */
export function bodyOf(draft: KeyDraft): NewKey {
  const name = draft.name.trim()
  return {
    serviceUser: draft.serviceUserId,
    expires: expiresText(draft.expiry),
    ...(name === '' ? {} : { name }),
    ...(draft.tools === null ? {} : { tools: [...draft.tools] }),
    ...(draft.addresses === null ? {} : { addresses: [...draft.addresses] }),
    ...(Object.keys(filledIn(draft.limits)).length === 0 ? {} : { limits: limitsOf(draft.limits) }),
    ...(draft.selfRotate ? { selfRotate: true } : {}),
  }
}

/** The same as a command. `serviceUser` is the name that people know it by. */
export function createCommand(draft: KeyDraft, serviceUser: string): string {
  const { name, expires, tools, addresses, selfRotate } = bodyOf(draft)
  return commandLine(
    'keys',
    'create',
    ...options({ 'service-user': serviceUser, name, expires, tool: tools, address: addresses }),
    ...options(limitOptions(filledIn(draft.limits))),
    ...(selfRotate === true ? ['--self-rotate'] : []),
  )
}
