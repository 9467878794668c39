import type { McpBody } from '../mcp/read-calls.ts'

/** What stands before a name in a pattern that grants it, by the method that it is called with. */
const prefixes: ReadonlyMap<string, string> = new Map([
  ['tools/call', ''],
  ['prompts/get', 'prompt:'],
  ['resources/read', 'resource:'],
])
const longest = 1000

/**
 * All the scopes that a request needs, for the challenge of a 403 (RFC 6750, 3): the patterns that would grant exactly
 * its calls. Null where no scope can: names that no scope may hold, or too many of them.
 */
export function neededScope(calls: McpBody | null): string | null {
  const scopes = new Set<string>()
  for (const { method, target } of calls?.messages ?? []) {
    const prefix = method === null ? undefined : prefixes.get(method)
    if (prefix === undefined || target === null) continue
    // A name with a * in it would grant others, too.
    if (!/^[\x21\x23-\x29\x2b-\x5b\x5d-\x7e]+$/.test(target)) return null
    scopes.add(prefix + target)
  }
  const all = [...scopes].join(' ')
  return all === '' || all.length > longest ? null : all
}
