/** A stretch of text: as it stands, or one character that would not be seen, written as `\u{202e}`. */
export interface TextPiece {
  text: string
  isEscaped: boolean
}

/**
 * Text that strangers chose, so that all of it can be seen: controls, marks that turn the reading direction,
 * invisible characters, half surrogates and blanks other than the plain space become `\u{…}`. The rest stays.
 */
export function visiblePieces(text: string): TextPiece[] {
  const pieces: TextPiece[] = []
  let from = 0
  for (const match of text.matchAll(unseen)) {
    if (match.index > from) pieces.push({ text: text.slice(from, match.index), isEscaped: false })
    pieces.push({ text: escaped(match[0]), isEscaped: true })
    from = match.index + match[0].length
  }
  if (from < text.length) pieces.push({ text: text.slice(from), isEscaped: false })
  return pieces
}

/** {@link visiblePieces} as one string, for labels and titles. */
export function visibleText(text: string): string {
  return text.replace(unseen, escaped)
}

/** Hangul fillers and variation selectors are no controls, yet show nothing: Default_Ignorable_Code_Point has them. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{DI}\u{2800}]|(?! )\p{Zs}/gu

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
}
