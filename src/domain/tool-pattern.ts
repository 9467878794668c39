/** What a pattern is about: tools unless it says otherwise (`resource:…`, `prompt:…`, `task:…`). */
export type PatternKind = 'tool' | 'resource' | 'prompt' | 'task'

/** One pattern, read: `forecast_*`, `!delete_*`, `resource:file:///reports/*`. */
export interface ToolPattern {
  /** Begins with `!`: what it matches is refused, whatever else allows it. */
  denies: boolean
  kind: PatternKind
  /** The text between the `*`, each of which stands for any characters or none; one part: the exact name. */
  parts: readonly string[]
}

/** Why a text is no pattern, in words that end a sentence about it, and at which character (from 0). */
export interface PatternFault {
  fault: string
  position: number
}

/** The most patterns of one list, and the most characters (UTF-16 units) of one pattern. */
export const patternsLimit = 100
export const patternLength = 256

const kindPrefix = /^(tool|resource|prompt|task):/
/** Control, format, surrogate, line and paragraph separators: what nobody sees in a list of grants. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** Reads a pattern. */
export function parseToolPattern(text: string): ToolPattern | PatternFault {
  const denies = text.startsWith('!')
  const kindAt = denies ? 1 : 0
  const prefix = kindPrefix.exec(text.slice(kindAt, kindAt + 16))
  const nameAt = kindAt + (prefix?.[0].length ?? 0)
  const name = text.slice(nameAt)
  if (name === '') return { fault: 'names nothing', position: nameAt }
  if (text.length > patternLength)
    return { fault: `has more than ${patternLength} characters`, position: patternLength }
  const hidden = unseen.exec(text)
  if (hidden !== null) return { fault: 'holds a control or an invisible character', position: hidden.index }
  if (name.startsWith('!')) return { fault: 'says ! twice or in the wrong place', position: nameAt }
  if (/^\s/u.test(name)) return { fault: 'begins with a space', position: nameAt }
  if (/\s$/u.test(name)) return { fault: 'ends with a space', position: text.length - 1 }
  const twice = name.indexOf('**')
  if (twice !== -1) return { fault: 'says * twice in a row', position: nameAt + twice + 1 }
  return { denies, kind: (prefix?.[1] ?? 'tool') as PatternKind, parts: name.split('*') }
}

/** Whether a text is a {@link ToolPattern}. */
export function isPattern(read: ToolPattern | PatternFault): read is ToolPattern {
  return 'parts' in read
}

/** Answers whether a name is one that the parts of a pattern stand for; in time linear in both. */
export function matcherOf(parts: readonly string[]): (name: string) => boolean {
  const [first = '', ...others] = parts
  const last = others.pop()
  if (last === undefined) return (name) => name === first
  const middles = others.map(finderOf)
  const shortest = parts.reduce((sum, part) => sum + part.length, 0)
  return (name) => {
    if (name.length < shortest || !name.startsWith(first) || !name.endsWith(last)) return false
    let at = first.length
    const end = name.length - last.length
    // The leftmost place of each leaves the most room for the next, so no place has to be tried again.
    for (const find of middles) {
      at = find(name, at, end)
      if (at === -1) return false
    }
    return true
  }
}

/** Finds where a text ends for the first time between two places, -1 where nowhere: Knuth, Morris and Pratt. */
function finderOf(part: string): (name: string, from: number, end: number) => number {
  const fallback = [0]
  for (let at = 1, length = 0; at < part.length; at++) {
    while (length > 0 && part[at] !== part[length]) length = fallback[length - 1] ?? 0
    if (part[at] === part[length]) length++
    fallback.push(length)
  }
  return (name, from, end) => {
    let length = 0
    for (let at = from; at < end; at++) {
      while (length > 0 && name.charCodeAt(at) !== part.charCodeAt(length)) length = fallback[length - 1] ?? 0
      if (name.charCodeAt(at) === part.charCodeAt(length)) length++
      if (length === part.length) return at + 1
    }
    return -1
  }
}
