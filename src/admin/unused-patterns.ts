import { isPattern, parseToolPattern } from '../domain/tool-pattern.ts'

/**
 * The patterns that allow tools and that no tool fits which was called: they could be taken away. Patterns that refuse,
 * or are about resources, prompts and tasks, are left out: nothing counts those. `areUsed` is asked with the parts of
 * the others.
 */
export async function unusedPatterns(
  patterns: readonly string[],
  areUsed: (patterns: readonly (readonly string[])[]) => Promise<readonly boolean[]>,
): Promise<string[]> {
  const counted = patterns.flatMap((text) => {
    const pattern = parseToolPattern(text)
    return isPattern(pattern) && !pattern.denies && pattern.kind === 'tool'
      ? [{ text, parts: pattern.parts }]
      : []
  })
  const used = await areUsed(counted.map(({ parts }) => parts))
  return counted.filter((_, index) => used[index] === false).map(({ text }) => text)
}
