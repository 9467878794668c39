import { hash } from 'node:crypto'
import { isInRanges, parseAddressRange, rangesLimit, type AddressRange } from './address-range.ts'
import { canonicalJson } from './canonical-json.ts'
import { areLimits, sortedLimits, type KeyLimits } from './limit.ts'
import { isPattern, matcherOf, parseToolPattern, patternsLimit, type PatternKind } from './tool-pattern.ts'

/** What a key may do. */
export interface Grants {
  /** Whether the key may rotate itself, with its own token. */
  readonly selfRotate?: true
  /**
   * Patterns (`forecast_*`, `!delete_*`, `resource:file:///reports/*`), as `tool-pattern.ts` reads them. Absent: no
   * list, so all tools unless the policy denies by default. An empty list allows nothing.
   */
  readonly tools?: readonly string[]
  /** CIDR blocks, in their canonical form, from which the key may be used. Absent: from anywhere. */
  readonly addresses?: readonly string[]
  /** How much the key may be used. */
  readonly limits?: KeyLimits
}

export const noGrants: Grants = Object.freeze({})

/** What a message asks for, as far as it decides whether it may. */
export interface AskedFor {
  /** The JSON-RPC method. */
  method: string
  /** What it is aimed at: the tool's name, the resource's URI, the prompt's name, the task's id. */
  target: string | null
  /** What a completion or a subscription is about; missing where that can't be told. */
  mentions?: readonly { kind: 'prompt' | 'resource'; name: string }[]
}

/**
 * Whether this version can judge the grants. A key written by a newer version, with limits that this one does
 * not know, is refused rather than read as unlimited.
 */
export function canJudge(grants: Grants): boolean {
  return compiledOf(grants) !== null
}

/**
 * The one decision about what a caller may ask of an MCP server: for the call, and for each entry of a list (asked as
 * the call that it would lead to). The key's own list and the route's both have to allow it.
 */
export function decideTool(
  grants: Grants,
  routeTools: readonly string[] | null,
  denyByDefault: boolean,
  asked: AskedFor,
): 'allowed' | 'refused' {
  const own = compiledOf(grants)
  const ofRoute = routeTools === null ? null : listOf(routeTools)
  if (own === null || ofRoute === undefined) return 'refused'
  const ownList = own.tools ?? (denyByDefault ? nothing : null)
  return allows(ownList, asked) && allows(ofRoute, asked) ? 'allowed' : 'refused'
}

/** Whether there is anything that such a caller may not ask for: then its calls have to be seen, and lists filtered. */
export function hasToolLimits(
  grants: Grants,
  routeTools: readonly string[] | null,
  denyByDefault: boolean,
): boolean {
  return grants.tools !== undefined || routeTools !== null || denyByDefault
}

/** Whether the grants let a call come from an address; null where nobody can say whose word for it to believe. */
export function allowsAddress(grants: Grants, address: string | null): boolean {
  if (grants.addresses === undefined) return true
  const ranges = compiledOf(grants)?.addresses ?? null
  return ranges !== null && address !== null && isInRanges(ranges, address)
}

/**
 * SHA-256 over the grants in one canonical form, in base64url: for the trail and the assertion. The same whatever the
 * order of patterns and ranges.
 */
export function grantsDigest(grants: Grants): string {
  const known = digests.get(grants)
  if (known !== undefined) return known
  const sorted: unknown = Object.fromEntries(
    Object.entries(grants).map(([name, value]) => [name, inOrder(name, value)]),
  )
  const digest = hash('sha256', canonicalJson(sorted), 'base64url')
  digests.set(grants, digest)
  return digest
}

/** Patterns, ready to be asked. */
interface PatternList {
  /** Whether it names something that is allowed, so that all else isn't; else it only names what is refused. */
  isClosed: boolean
  allowed: Matchers
  denied: Matchers
}

type Matchers = Record<PatternKind, ((name: string) => boolean)[]>

interface Compiled {
  tools: PatternList | null
  addresses: readonly AddressRange[] | null
}

/** Grants and lists don't change once they are made: a key's stay in the cache for as long as the key. */
const compiled = new WeakMap<Grants, Compiled | 'unknown'>()
const lists = new WeakMap<readonly string[], PatternList | 'unknown'>()
const digests = new WeakMap<Grants, string>()

/** The longest name that is compared, in UTF-16 units: URIs may be as long as a body. */
const comparedLength = 4096

const noMatchers = (): Matchers => ({ tool: [], resource: [], prompt: [], task: [] })
const nothing: PatternList = { isClosed: true, allowed: noMatchers(), denied: noMatchers() }

/** What each method that acts on something is about. */
const kinds: ReadonlyMap<string, PatternKind> = new Map([
  ['tools/call', 'tool'],
  ['resources/read', 'resource'],
  ['resources/subscribe', 'resource'],
  ['resources/unsubscribe', 'resource'],
  ['prompts/get', 'prompt'],
  ['tasks/get', 'task'],
  ['tasks/result', 'task'],
  ['tasks/update', 'task'],
  ['tasks/cancel', 'task'],
])

/** Methods that lead to nothing by themselves, or whose answers are filtered. */
const harmless: ReadonlySet<string> = new Set([
  ...['initialize', 'ping', 'server/discover', 'logging/setLevel'],
  ...['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list', 'tasks/list'],
])

function allows(list: PatternList | null, { method, target, mentions }: AskedFor): boolean {
  if (list === null) return true
  const kind = kinds.get(method)
  if (kind !== undefined) return target !== null && allowsName(list, kind, target)
  if (method === 'completion/complete' || method === 'subscriptions/listen')
    return mentions !== undefined && mentions.every((about) => allowsName(list, about.kind, about.name))
  // What can't be told apart is refused.
  return harmless.has(method) || method.startsWith('notifications/')
}

function allowsName(list: PatternList, kind: PatternKind, target: string): boolean {
  if (target.length > comparedLength) return false
  if (list.denied[kind].some((matches) => matches(target))) return false
  const limitsKind = list.isClosed || list.denied[kind].length > 0
  if (kind === 'resource' && limitsKind && leadsElsewhere(target)) return false
  // Nobody knows here which tool a task is of: a list has to name tasks to open them.
  if (!list.isClosed && kind !== 'task') return true
  return list.allowed[kind].some((matches) => matches(target))
}

/** Between `/` or what some read as one, `.` or `..`, however often encoded. */
const dotSegment = /(?:^|[:/\\]|%(?:25)*(?:2f|5c))(?:\.|%(?:25)*2e){1,2}(?:$|[/\\?#]|%(?:25)*(?:2f|5c))/i

/** Whether whoever resolves the URI reads another resource than its text says: `file:///reports/../etc/passwd`. */
function leadsElsewhere(uri: string): boolean {
  // URL parsers drop control characters, or some of them.
  return dotSegment.test(uri.replace(/\p{Cc}/gu, ''))
}

function compiledOf(grants: Grants): Compiled | null {
  let found = compiled.get(grants)
  if (found === undefined) {
    found = compile(grants)
    compiled.set(grants, found)
  }
  return found === 'unknown' ? null : found
}

function compile(grants: Grants): Compiled | 'unknown' {
  const { selfRotate, tools, addresses, limits, ...others } = grants
  const rotates: unknown = selfRotate
  if (Object.keys(others).length > 0 || (rotates !== undefined && rotates !== true)) return 'unknown'
  if (limits !== undefined && !areLimits(limits)) return 'unknown'
  const list = tools === undefined ? null : listOf(tools)
  const ranges = addresses === undefined ? null : rangesOf(addresses)
  return list === undefined || ranges === undefined ? 'unknown' : { tools: list, addresses: ranges }
}

/** Undefined where it can't be read as a list. What comes out of a database may be of any type. */
function listOf(patterns: readonly string[]): PatternList | undefined {
  if (typeof patterns !== 'object' || patterns === null) return undefined
  let found = lists.get(patterns)
  if (found === undefined) {
    found = compileList(patterns)
    lists.set(patterns, found)
  }
  return found === 'unknown' ? undefined : found
}

function compileList(patterns: readonly unknown[]): PatternList | 'unknown' {
  if (!Array.isArray(patterns) || patterns.length > patternsLimit) return 'unknown'
  const list = { isClosed: patterns.length === 0, allowed: noMatchers(), denied: noMatchers() }
  for (const text of patterns) {
    const pattern = typeof text === 'string' ? parseToolPattern(text) : null
    if (pattern === null || !isPattern(pattern)) return 'unknown'
    const side = pattern.denies ? list.denied : list.allowed
    side[pattern.kind].push(matcherOf(pattern.parts))
    if (!pattern.denies) list.isClosed = true
  }
  return list
}

function rangesOf(addresses: readonly unknown[]): AddressRange[] | undefined {
  if (!Array.isArray(addresses) || addresses.length > rangesLimit) return undefined
  const ranges: AddressRange[] = []
  for (const text of addresses) {
    const range = typeof text === 'string' ? parseAddressRange(text) : null
    if (range === null || typeof range === 'string') return undefined
    ranges.push(range)
  }
  return ranges
}

function inOrder(name: string, value: unknown): unknown {
  if (name === 'limits' && areLimits(value)) return sortedLimits(value)
  return Array.isArray(value) ? value.toSorted(byUnits) : value
}

/** In the order of their UTF-16 units. */
function byUnits(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1
}
