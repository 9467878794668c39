/** What a new key is to be allowed; null: no list, so no limit but the policy's. */
export interface Allowance {
  tools: readonly string[] | null
  addresses: readonly string[] | null
}

/** One plain sentence of what a key will be able to do, but for when it ends: that is the next one. */
export function accessWords({ tools, addresses }: Allowance, denyToolsByDefault: boolean): string {
  const from =
    addresses === null
      ? 'from any address'
      : addresses.length === 0
        ? 'from no address'
        : `from ${listed(addresses)} only`
  return `It may call ${toolWords(tools, denyToolsByDefault)}, ${from}.`
}

function toolWords(tools: readonly string[] | null, denyToolsByDefault: boolean): string {
  if (tools === null) return denyToolsByDefault ? 'no tool at all' : everyTool
  const allowed = tools.filter((pattern) => !pattern.startsWith('!'))
  const denied = tools.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  if (tools.length === 0) return 'no tool at all'
  if (allowed.length === 0) return `every tool but ${listed(denied)}, those that are added later too`
  const but = denied.length > 0 ? `, but never ${listed(denied)}` : ''
  if (allowed.includes('*')) return `${denied.length > 0 ? 'every tool' : everyTool}${but}`
  const isSingle = allowed.length === 1 && !allowed[0]?.includes('*')
  return `only ${isSingle ? 'the tool' : 'tools named'} ${listed(allowed)}${but}`
}

const everyTool = 'every tool, those that are added later too'

/** `a`, `a and b`, `a, b and 3 more`. */
function listed(items: readonly string[]): string {
  if (items.length <= 1) return items[0] ?? ''
  const most = 5
  if (items.length > most) return `${items.slice(0, most - 1).join(', ')} and ${items.length - most + 1} more`
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`
}
