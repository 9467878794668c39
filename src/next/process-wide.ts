/**
 * The one global: proxy, route handlers and pages are module instances of their own in one process, and a module
 * is loaded again when it is edited in development.
 */
const name = Symbol.for('postern')
const global = globalThis as { [name]?: Map<string, unknown> }

/** What all module instances of this process share under a name; made by whoever asks first. */
export function processWide<T extends object>(part: string, make: () => T): T {
  const parts = (global[name] ??= new Map())
  let value = parts.get(part) as T | undefined
  if (value === undefined) {
    value = make()
    parts.set(part, value)
  }
  return value
}
