/** Counts how often what a route protects was run, over all module instances. */
const counters = ((globalThis as Record<string, unknown>)['testRuns'] ??= new Map<string, number>()) as Map<
  string,
  number
>

export function ran(name: string): void {
  counters.set(name, (counters.get(name) ?? 0) + 1)
}

export function runs(): Record<string, number> {
  return Object.fromEntries(counters)
}
