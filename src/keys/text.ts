import { isMailAddress } from '../domain/mail-address.ts'
import { holdsToken } from '../domain/service-key.ts'
import { KeysRefused, type KeysRefusalCode } from './refused.ts'

interface TextRule {
  field: string
  code: KeysRefusalCode
  mostCharacters: number
}

/** Control, format (bidirectional marks, zero-width), line and paragraph separators, lone surrogates. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/**
 * A text that people will read: trimmed, in NFC (so that two names that look the same are the same), and
 * without characters that break a line, hide, or turn the reading direction. Throws {@link KeysRefused}.
 */
export function readableText(value: string, rule: TextRule): string {
  const text = value.normalize('NFC').trim()
  const length = Array.from(text).length
  if (length === 0 || length > rule.mostCharacters)
    throw new KeysRefused(
      rule.code,
      rule.field,
      `${rule.field} must have 1 to ${rule.mostCharacters} characters`,
    )
  if (holdsToken(text))
    throw new KeysRefused(
      rule.code,
      rule.field,
      `${rule.field} must not hold a key: it is kept, and sent to people`,
    )
  if (unseen.test(text))
    throw new KeysRefused(
      rule.code,
      rule.field,
      `${rule.field} must not hold control, invisible or direction-changing characters`,
    )
  return text
}

/** A label for people. Throws {@link KeysRefused}: `name_invalid`. */
export function nameOf(value: string): string {
  return readableText(value, { field: 'name', code: 'name_invalid', mostCharacters: 100 })
}

/** Why something was done, for the history. Throws {@link KeysRefused}: `reason_invalid`. */
export function reasonOf(value: string): string {
  return readableText(value, { field: 'reason', code: 'reason_invalid', mostCharacters: 500 })
}

/** One bare e-mail address. Throws {@link KeysRefused}: `owner_invalid`. */
export function mailAddress(value: string, field: 'owner' | 'backupOwner'): string {
  const address = value.trim()
  if (!isMailAddress(address))
    throw new KeysRefused(
      'owner_invalid',
      field,
      `${field} must be one e-mail address, such as team@example.com`,
    )
  return address
}
