import { isIP } from 'node:net'
import { z } from 'zod'
import { parseDurationMs } from '../domain/duration.ts'
import { parseSigningKeys } from '../domain/signing-key.ts'
import { isPattern, parseToolPattern, patternsLimit } from '../domain/tool-pattern.ts'

/** The kinds of values that settings have: each checks its text and says what would be right. */

export interface ListenAddress {
  host: string
  port: number
}

/** A duration such as `90d`, read as milliseconds, from `leastMs` to `mostMs`. */
export function duration(least: string, most: string) {
  const leastMs = parseDurationMs(least) ?? 0
  const mostMs = parseDurationMs(most) ?? Infinity
  const right = `must be a duration from ${least} to ${most}, such as "90d", "12h", "30m" or "10s"`
  return text(right).transform((value, context) => {
    const ms = parseDurationMs(value)
    return ms !== null && ms >= leastMs && ms <= mostMs ? ms : refuse(context, right)
  })
}

/** A number of bytes within bounds. */
export function byteCount(least: number, most: number) {
  const right = `must be a whole number of bytes from ${least} to ${most}`
  return z.int({ error: right }).min(least, { error: right }).max(most, { error: right })
}

/** A whole number within bounds. */
export function count(least: number, most: number) {
  const right = `must be a whole number from ${least} to ${most}`
  return z.int({ error: right }).min(least, { error: right }).max(most, { error: right })
}

/** Where to listen: `host:port`, IPv6 in brackets. */
export function listenAddress(example: string) {
  const right = `must be host:port, such as "${example}" or "[::1]:4242"`
  return text(right).transform((value, context) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(value)
    const port = match?.[3] === undefined ? null : parsePort(match[3])
    const host = match?.[1] ?? match?.[2]
    if (port === null || host === undefined) return refuse(context, right)
    if (match?.[1] !== undefined && isIP(host) !== 6) return refuse(context, right)
    // Digits and dots alone are meant as an IPv4 address, and no host is called 127.0.0.
    if (/^[0-9.]+$/.test(host) && isIP(host) !== 4) return refuse(context, right)
    return { host, port }
  })
}

/** A TCP port, or null; 0 stands for any free one. */
export function parsePort(value: string): number | null {
  return /^[0-9]{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : null
}

const cidrRight = 'must be an address or a CIDR block, such as "10.0.0.0/8" or "fd00::/8"'

/** A block of addresses whose proxies are believed. */
export const cidr = text(cidrRight).transform((value, context) => {
  const [address = '', bits, ...rest] = value.split('/')
  const family = isIP(address)
  const most = family === 6 ? 128 : 32
  const length = bits === undefined ? most : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || rest.length > 0 || length < 0 || length > most || address.includes('%'))
    return refuse(context, cidrRight)
  if (length === 0)
    return refuse(context, 'trusts every address, so that anyone could forge theirs; name the proxies')
  return `${address}/${length}`
})

const databaseRight =
  'must be a Postgres URL, such as "postgres://user:password@host:5432/name"; leave it out for the embedded database'

/** A Postgres URL. */
export const databaseUrl = text(databaseRight).refine(
  (value) => /^postgres(?:ql)?:\/\/./.test(value) && URL.canParse(value),
  { error: databaseRight },
)

const schemaRight =
  'must be a lower-case Postgres name (letters, digits, _; at most 63; not starting with pg_), such as "postern"'

/** The name of a Postgres schema, quoted nowhere and so kept plain. */
export const schemaName = text(schemaRight).regex(/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/, { error: schemaRight })

/**
 * Names that HTTP, the gateway or the identity itself needs: to set one of them to a service user's id would
 * break the request or shadow another fact.
 */
const takenHeaders = new Set([
  ...['host', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te', 'trailer'],
  ...['connection', 'keep-alive', 'upgrade', 'expect', 'proxy-connection', 'proxy-authorization'],
  ...['authorization', 'cookie', 'set-cookie', 'date', 'accept', 'accept-encoding', 'origin', 'range'],
  ...['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'],
  ...['mcp-protocol-version', 'mcp-session-id', 'mcp-method', 'mcp-name', 'last-event-id'],
  ...['x-postern-principal', 'x-postern-assertion', 'x-request-id', 'user-agent', 'proxy-authenticate'],
])

const headerRight =
  'must be a header name of letters, digits and - that HTTP, MCP and Postern do not use themselves, such as "x-acme-service-user"'

/** The name of a header that carries identity, lower-cased. `_` is left out: backends read it as `-`. */
export const identityHeader = text(headerRight)
  .transform((value) => value.toLowerCase())
  .refine((name) => /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(name) && !isTaken(name), {
    error: headerRight,
  })

function isTaken(name: string): boolean {
  return takenHeaders.has(name) || /^(?:mcp-param|sec|proxy|access-control)-/.test(name)
}

const signingKeyRight =
  'must be Ed25519 private keys, each once, as PKCS#8 PEM or as a 32-byte seed in base64 such as "openssl rand -base64 32" prints'

/** One signing key or several; Node never prints what is in them. */
export const signingKeys = text(signingKeyRight).transform(
  (value, context) => parseSigningKeys(value) ?? refuse(context, signingKeyRight),
)

const patternsRight = `must be a list of 1 to ${patternsLimit} tool patterns, such as ["forecast_*", "!delete_*"]`
const pattern = text(patternsRight).transform((value, context) => {
  const read = parseToolPattern(value)
  return isPattern(read) ? value : refuse(context, `${read.fault}, at character ${read.position + 1}`)
})

/** Patterns of tools, each of which is one. */
export const toolPatterns = z
  .array(pattern, { error: patternsRight })
  .min(1, { error: patternsRight })
  .max(patternsLimit, { error: patternsRight })

/** A text that is refused with what would be right when it is none. */
export function text(right: string) {
  return z.string({ error: right })
}

/** Refuses the value from within a transform. */
export function refuse(context: z.RefinementCtx, right: string): never {
  context.addIssue({ code: 'custom', message: right })
  return z.NEVER
}
