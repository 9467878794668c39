/** How things look to people on a terminal. */

const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A text with its control, invisible and direction-changing characters escaped: it can't move the cursor. */
export function shown(text: string): string {
  return text.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** A text from a stranger, such as a user agent, for one cell of a table. */
export function shownShort(text: string | null, mostCharacters = 40): string {
  if (text === null || text === '') return '–'
  const characters = Array.from(shown(text))
  return characters.length > mostCharacters
    ? `${characters.slice(0, mostCharacters - 1).join('')}…`
    : characters.join('')
}

/** An argument as a shell takes it, for commands that we suggest. */
export function quoted(argument: string): string {
  return /^[A-Za-z0-9_.@:/-]+$/.test(argument) ? argument : `'${shown(argument).replaceAll("'", `'\\''`)}'`
}

/** `2027-05-22 14:03:11 UTC`; a dash for none. */
export function instant(at: string | null): string {
  return at === null ? '–' : `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`
}

/** `2027-05-22 14:03:11 UTC (in 179 days)`. */
export function instantAndDistance(at: string | null, nowMs: number): string {
  return at === null ? '–' : `${instant(at)} (${distance(Date.parse(at), nowMs)})`
}

/** `in 179 days`, `5 minutes ago`: in whole units, rounded towards now. */
export function distance(atMs: number, nowMs: number): string {
  const seconds = Math.floor(Math.abs(atMs - nowMs) / 1000)
  const units = [
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ] as const
  const [size, name] = units.find(([size]) => seconds >= size) ?? [1, 'second']
  const count = Math.floor(seconds / size)
  if (count === 0) return 'now'
  const words = `${count} ${name}${count === 1 ? '' : 's'}`
  return atMs > nowMs ? `in ${words}` : `${words} ago`
}

/** Rows under headings, each column as wide as its widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows]
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => width(cells[column] ?? ''))))
  return lines.map((cells) => line(cells, widths)).join('\n')
}

/** Cells beside each other, each at least as wide as its column. */
export function line(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
    .join('  ')
    .trimEnd()
}

/** Names and values, one a line. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${name.padEnd(widest)}  ${value}`).join('\n')
}

/** The columns that a terminal needs: East Asian wide characters and emoji take two, combining marks none. */
function width(text: string): number {
  let columns = 0
  for (const character of text) {
    if (/\p{Mn}/u.test(character)) continue
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1
  }
  return columns
}
