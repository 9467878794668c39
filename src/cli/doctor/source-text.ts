/** A JavaScript or TypeScript source without its comments. Strings stay; expressions in templates aren't followed. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, string: string | undefined) => string ?? ' ',
  )
}

/** A string literal that stands at the start of a text; null where there is another thing, or a part is computed. */
export function literalAt(text: string): { value: string; length: number } | null {
  const match = /^(["'`])((?:\\[\s\S]|(?!\1)[^\\])*)\1/.exec(text)
  if (match === null) return null
  const [whole, quote, raw = ''] = match
  if (quote === '`' && raw.includes('${')) return null
  return { value: raw.replace(/\\([\s\S])/g, '$1'), length: whole.length }
}
