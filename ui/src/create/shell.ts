/** An argument as a POSIX shell takes it. What is unseen is escaped, so that a pasted line holds no surprise. */
export function quoted(argument: string): string {
  if (/^[A-Za-z0-9_.@:/-]+$/.test(argument)) return argument
  const shown = argument.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
  return `'${shown.replaceAll("'", `'\\''`)}'`
}
