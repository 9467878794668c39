import { isRecord } from './message.ts'

/** An argument that a tool's schema wants mirrored: `Mcp-Param-<name>` has what stands at `path`. */
export interface MirroredParam {
  name: string
  path: readonly string[]
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const mirroredTypes: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean'])
/** Under these no annotation may stand: whether they apply isn't known from the schema alone. */
const conditional = [
  ...[
    'items',
    'prefixItems',
    'contains',
    'additionalProperties',
    'unevaluatedProperties',
    'unevaluatedItems',
  ],
  ...[
    'propertyNames',
    'patternProperties',
    'dependentSchemas',
    'oneOf',
    'anyOf',
    'allOf',
    'not',
    'if',
    'then',
  ],
  ...['else', '$defs', 'definitions'],
]
const named: ReadonlySet<string> = new Set(['patternProperties', 'dependentSchemas', '$defs', 'definitions'])

/**
 * The `x-mcp-header` annotations of a tool's input schema (2026-07-28, Streamable HTTP, "Schema Extension"); null
 * where one breaks the rules, in which case a client must leave the tool out.
 */
export function mirroredParams(inputSchema: unknown): MirroredParam[] | null {
  const found: MirroredParam[] = []
  const names = new Set<string>()

  function visit(schema: unknown, path: readonly string[], isReachable: boolean): boolean {
    if (!isRecord(schema)) return true
    if ('x-mcp-header' in schema) {
      const name = schema['x-mcp-header']
      if (!isReachable || path.length === 0) return false
      if (typeof name !== 'string' || !token.test(name) || !mirroredTypes.has(schema['type'])) return false
      if (names.has(name.toLowerCase())) return false
      names.add(name.toLowerCase())
      found.push({ name, path })
    }
    const { properties } = schema
    if (isRecord(properties))
      for (const [key, child] of Object.entries(properties))
        if (!visit(child, [...path, key], isReachable)) return false
    for (const keyword of conditional) {
      const under = schema[keyword]
      const branches = Array.isArray(under)
        ? (under as unknown[])
        : isRecord(under) && named.has(keyword)
          ? Object.values(under)
          : [under]
      if (!branches.every((branch) => visit(branch, path, false))) return false
    }
    return true
  }

  return visit(inputSchema, [], true) ? found : null
}

/** The headers for one call. An argument that is absent, null or of another kind has none. */
export function paramHeaders(mirrored: readonly MirroredParam[], args: unknown): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { name, path } of mirrored) {
    let value: unknown = args
    for (const key of path) value = isRecord(value) ? value[key] : undefined
    const isSafe = typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value))
    if (typeof value === 'string' || typeof value === 'boolean' || isSafe)
      headers[`mcp-param-${name.toLowerCase()}`] = encodeMirror(String(value))
  }
  return headers
}

/** As it is where a header can carry it, else as `=?base64?…?=`. */
export function encodeMirror(value: string): string {
  const isPlain =
    /^[\t\x20-\x7e]+$/.test(value) &&
    value === value.trim() &&
    !(value.startsWith('=?base64?') && value.endsWith('?='))
  return isPlain ? value : `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`
}
