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
  if (unseen.test(text))
    throw new KeysRefused(
      rule.code,
      rule.field,
      `${rule.field} must not hold control, invisible or direction-changing characters`,
    )
  return text
}

/**
 * One bare e-mail address: no display name, comment, list, quoting or header. Narrower than RFC 5321 on
 * purpose: notices go there. Throws {@link KeysRefused}.
 */
export function ownerAddress(value: string): string {
  const address = value.trim()
  const [local = '', domain = '', ...rest] = address.split('@')
  const isRight =
    rest.length === 0 &&
    address.length <= 254 &&
    /^(?!\.)(?!.*\.\.)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}(?<!\.)$/.test(local) &&
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(
      domain,
    )
  if (!isRight)
    throw new KeysRefused(
      'owner_invalid',
      'owner',
      'owner must be one e-mail address, such as team@example.com',
    )
  return address
}
