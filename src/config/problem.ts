import type { z } from 'zod'
import { mayHoldAdminSecret } from './admin.ts'
import { mayHoldNoticeSecret } from './notices.ts'
import { mayHoldTrailSecret } from './trail.ts'

/**
 * What is wrong with a setting, in one sentence each: its name (or the variable of `names` that it came from),
 * its value, and what would be right. Nothing that may be a secret is shown.
 */
export function problemOf(
  issue: z.core.$ZodIssue,
  input: unknown,
  names: ReadonlyMap<string, string>,
): string[] {
  const path = nameOf(issue.path)
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const name = path === '' ? key : `${path}.${key}`
      // The value of a setting that we don't know may be anything, so it is not shown.
      return `${withoutSecrets(name) ?? 'a name that looks like a secret'} is no setting; check its spelling`
    })
  const value = valueAt(input, issue.path)
  if (path === '') return [`the settings are ${shown('', value)}: must be an object`]
  const name = names.get(path) ?? path
  if (value === undefined) return [`${name} is missing: ${issue.message}`]
  if (typeof value === 'object' && value !== null && issue.code === 'custom')
    return [`${name} ${issue.message}`]
  return [`${name} is ${shown(path, value)}: ${issue.message}`]
}

function nameOf(path: readonly PropertyKey[]): string {
  let name = ''
  for (const part of path) {
    if (typeof part === 'number') name += `[${part}]`
    else name += name === '' ? String(part) : `.${String(part)}`
  }
  return name
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, part)
  }
  return value
}

/** Anything as long and as random as a token, with or without a prefix that we know. */
const tokenLike = /[0-9A-Za-z_-]{32,}/
const hidden = 'a text that is not shown, as it may hold a secret'

function shown(name: string, value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'string') return String(value)
  if (name === 'database' || name === 'limits.redis') return shownDatabase(value)
  if (
    name === 'signingKey' ||
    mayHoldNoticeSecret(name) ||
    mayHoldAdminSecret(name) ||
    mayHoldTrailSecret(name)
  )
    return hidden
  const text = withoutSecrets(value)
  return text === null ? hidden : `"${text}"`
}

/** Of the URL of a database or of Redis only its scheme, host and name are shown; of anything else in its place nothing. */
function shownDatabase(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url === null || url.host === '' || url.pathname.includes('@')) return hidden
  const user = url.username || url.password ? '***@' : ''
  return JSON.stringify(`${url.protocol}//${user}${url.host}${url.pathname}`)
}

/**
 * A text for one line of a message: a URL loses its user and query, control and bidirectional characters are
 * escaped, the rest is cut. Null where it looks like a token.
 */
export function withoutSecrets(text: string): string | null {
  const masked = text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)\S*@/gi, '$1***@')
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s?#]*)[?#]\S*/gi, '$1?***')
  if (tokenLike.test(masked)) return null
  const short = masked.length > 200 ? `${masked.slice(0, 200)}…` : masked
  return JSON.stringify(short)
    .slice(1, -1)
    .replace(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`,
    )
}
