/**
 * The length of the escape at this place, 0 where it is none. Half a surrogate pair is none: parsers keep it,
 * replace it or refuse it.
 */
export function escapeLength(text: string, at: number): number {
  if (text.charCodeAt(at + 1) !== 0x75) return '"\\/bfnrt'.includes(text.charAt(at + 1) || ' ') ? 2 : 0
  const unit = hexUnit(text, at + 2)
  if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return 0
  if (unit < 0xd800 || unit > 0xdfff) return 6
  if (!text.startsWith('\\u', at + 6)) return 0
  const low = hexUnit(text, at + 8)
  return low >= 0xdc00 && low <= 0xdfff ? 12 : 0
}

/** Where the number that begins here ends, by the grammar of RFC 8259; -1 where none begins. */
export function numberEnd(text: string, from: number): number {
  const wholeFrom = text.charCodeAt(from) === 0x2d ? from + 1 : from
  const wholeTo = pastDigits(text, wholeFrom)
  const hasLeadingZero = wholeTo > wholeFrom + 1 && text.charCodeAt(wholeFrom) === 0x30
  if (wholeTo === wholeFrom || hasLeadingZero) return -1
  let at = wholeTo
  if (text.charCodeAt(at) === 0x2e) {
    at = pastDigits(text, wholeTo + 1)
    if (at === wholeTo + 1) return -1
  }
  const code = text.charCodeAt(at)
  if (code !== 0x65 && code !== 0x45) return at
  const sign = text.charCodeAt(at + 1)
  const exponentFrom = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1
  const exponentTo = pastDigits(text, exponentFrom)
  return exponentTo === exponentFrom ? -1 : exponentTo
}

/** Whether a UTF-16 code unit is one of 0 to 9; false past the end of the text, where it is NaN. */
export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function pastDigits(text: string, from: number): number {
  let at = from
  while (isDigit(text.charCodeAt(at))) at++
  return at
}

function hexUnit(text: string, at: number): number {
  const digits = text.slice(at, at + 4)
  return /^[0-9A-Fa-f]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1
}
