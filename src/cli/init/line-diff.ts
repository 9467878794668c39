/** What changes from one text to another, line by line: `- ` was, `+ ` will be, two spaces stay. */
export function lineDiff(before: string, after: string): string {
  const old = linesOf(before)
  const fresh = linesOf(after)
  const { shared, width } = sharedLines(old, fresh)
  const lines: string[] = []
  let at = 0
  let to = 0
  while (at < old.length || to < fresh.length) {
    if (at < old.length && to < fresh.length && old[at] === fresh[to]) {
      lines.push(`  ${old[at]}`)
      at++
      to++
    } else if (
      at < old.length &&
      (to === fresh.length || (shared[(at + 1) * width + to] ?? 0) >= (shared[at * width + to + 1] ?? 0))
    )
      lines.push(`- ${old[at++]}`)
    else lines.push(`+ ${fresh[to++]}`)
  }
  return lines.join('\n')
}

/** How many lines the rests of both texts have in common, in order, from each pair of lines on. */
function sharedLines(old: readonly string[], fresh: readonly string[]) {
  const width = fresh.length + 1
  const shared = new Uint32Array((old.length + 1) * width)
  for (let at = old.length - 1; at >= 0; at--)
    for (let to = fresh.length - 1; to >= 0; to--)
      shared[at * width + to] =
        old[at] === fresh[to]
          ? (shared[(at + 1) * width + to + 1] ?? 0) + 1
          : Math.max(shared[(at + 1) * width + to] ?? 0, shared[at * width + to + 1] ?? 0)
  return { shared, width }
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}
