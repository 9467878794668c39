/** How a tool stands with a key's patterns: as `domain/grant.ts` decides, for showing it beforehand. */
export type Standing = 'allowed' | 'denied' | 'not-granted'

/** `patterns` null: there is no list. */
export function standingOf(
  tool: string,
  patterns: readonly string[] | null,
  denyByDefault: boolean,
): Standing {
  if (patterns === null) return denyByDefault ? 'not-granted' : 'allowed'
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), tool))) return 'denied'
  const allowing = patterns.filter((pattern) => !pattern.startsWith('!'))
  // Where nothing is allowed by name, all is but what is refused; no pattern at all allows nothing.
  if (allowing.length === 0) return patterns.length === 0 ? 'not-granted' : 'allowed'
  return allowing.some((pattern) => matches(pattern, tool)) ? 'allowed' : 'not-granted'
}

/**
 * The patterns after a tool was ticked or unticked, changed by as little as does it; null where no name of its own can
 * do it, since a pattern for several refuses it.
 */
export function toggled(tool: string, patterns: readonly string[]): string[] | null {
  const own = exactly(tool)
  if (standingOf(tool, patterns, false) === 'allowed') {
    const rest = patterns.filter((pattern) => pattern !== own && pattern !== tool)
    // Without its last name a list of refusals would allow all the others.
    if (rest.length < patterns.length && !rest.some((pattern) => !pattern.startsWith('!'))) return []
    return standingOf(tool, rest, false) === 'allowed' ? [...rest, `!${own}`] : rest
  }
  const rest = patterns.filter((pattern) => pattern !== `!${own}` && pattern !== `!${tool}`)
  const now = standingOf(tool, rest, false)
  if (now === 'allowed') return rest
  return now === 'denied' ? null : [...rest, own]
}

/** Patterns worth offering for these tools: what several of them have before a `_`, `.`, `-` or `/`. */
export function familiesOf(tools: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const tool of tools) {
    const stem = /^[^!*:]+?[_./-]/.exec(tool)?.[0]
    if (stem !== undefined) counts.set(stem, (counts.get(stem) ?? 0) + 1)
  }
  return [...counts]
    .filter(([, count]) => count > 1 && count < tools.length)
    .sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
    .slice(0, 6)
    .map(([stem]) => `${stem}*`)
}

function matches(pattern: string, tool: string): boolean {
  const kind = /^(tool|resource|prompt|task):/.exec(pattern)
  if (kind !== null && kind[1] !== 'tool') return false
  const parts = pattern.slice(kind?.[0].length ?? 0).split('*')
  return new RegExp(`^${parts.map((part) => escaped(part)).join('[^]*?')}$`, 'u').test(tool)
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** The pattern for just this name. */
function exactly(tool: string): string {
  return /^(tool|resource|prompt|task):/.test(tool) ? `tool:${tool}` : tool
}
