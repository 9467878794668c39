import type { Finding } from './finding.ts'
import { literalAt, withoutComments } from './source-text.ts'

/** What a `proxy.ts` is run for. */
export type Matcher = 'everything' | 'unreadable' | { narrow: readonly string[] }

interface SourceFile {
  path: string
  text: string
}

/** Whatever the matcher leaves out reaches the app without anyone asking who calls. */
export function checkMatcher(proxy: SourceFile | null): Finding | null {
  if (proxy === null) return null
  const check = 'matcher'
  const found = readMatcher(proxy.text)
  if (found === 'everything') return { check, level: 'ok', message: `${proxy.path} takes every request` }
  const should = "make it config = { matcher: '/:path*' }"
  const message =
    found === 'unreadable'
      ? `the matcher of ${proxy.path} is no plain literal, so nobody can tell what it leaves out: ${should}`
      : `the matcher of ${proxy.path} (${found.narrow.join(', ')}) leaves requests out, which then come past Postern (unless withPostern wraps what they reach): ${should}, and let routes say what is public`
  return { check, level: 'warning', message }
}

/** Reads the literal `matcher` of `export const config`. Without one Next runs a proxy for every request. */
export function readMatcher(source: string): Matcher {
  const text = withoutComments(source)
  const exported = /\bexport\s+const\s+config\b/.exec(text)
  if (exported === null) return /\bmatcher\b/.test(text) ? 'unreadable' : 'everything'
  const after = text.slice(exported.index)
  const named = /(?<![.\w$])(?:matcher|'matcher'|"matcher")\s*:\s*/.exec(after)
  if (named === null) return /\bmatcher\b/.test(after) ? 'unreadable' : 'everything'
  const entries = readEntries(after.slice(named.index + named[0].length))
  if (entries === null) return 'unreadable'
  const takesAll = entries.some(({ source: path, isConditional }) => !isConditional && isCatchAll(path))
  return takesAll ? 'everything' : { narrow: entries.map((entry) => entry.source) }
}

interface Entry {
  source: string
  /** Whether it also asks for a header, a cookie or the like. */
  isConditional: boolean
}

/** One entry, or a list of them, to its end. */
function readEntries(text: string): Entry[] | null {
  if (!text.startsWith('[')) {
    const single = readEntry(text)
    return single === null || !/^\s*(?:as const\s*)?[,}]/.test(text.slice(single.length))
      ? null
      : [single.entry]
  }
  const entries: Entry[] = []
  let rest = text.slice(1).trimStart()
  while (!rest.startsWith(']')) {
    const read = readEntry(rest)
    if (read === null) return null
    entries.push(read.entry)
    rest = rest.slice(read.length).trimStart()
    if (rest.startsWith(',')) rest = rest.slice(1).trimStart()
    else if (!rest.startsWith(']')) return null
  }
  return entries
}

function readEntry(text: string): { entry: Entry; length: number } | null {
  const literal = literalAt(text)
  if (literal !== null)
    return { entry: { source: literal.value, isConditional: false }, length: literal.length }
  const length = objectLength(text)
  if (length === null) return null
  const body = text.slice(0, length)
  const named = /(?<![.\w$])(?:source|'source'|"source")\s*:\s*/.exec(body)
  const source = named === null ? null : literalAt(body.slice(named.index + named[0].length))
  if (source === null || /\.\.\./.test(body)) return null
  return { entry: { source: source.value, isConditional: /\b(?:has|missing)\b/.test(body) }, length }
}

/** How long the object is that stands at the start of a text, braces in strings aside. */
function objectLength(text: string): number | null {
  if (!text.startsWith('{')) return null
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const literal = literalAt(text.slice(at))
    if (literal !== null) at += literal.length - 1
    else if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at + 1
  }
  return null
}

/** `/:path*`, `/(.*)` and `/:path(.*)`. A negative look-ahead leaves something out. */
function isCatchAll(path: string): boolean {
  return /^\/(?::\w+\*|(?::\w+)?\(\.\*\))$/.test(path)
}
