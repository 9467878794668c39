import type { Principal } from '../domain/verdict.ts'
import { assertionHeader } from './assertion-form.ts'

/** What one request upstream is told besides what the client sent. */
export interface UpstreamFacts {
  /** The upstream's own `Host`. */
  host: string
  /** Null on a public route: nobody is named, and nobody's word for it passes either. */
  principal: Principal | null
  /** The signed word for the principal; null where there is none. */
  assertion: string | null
  clientAddress: string
  requestId: string
  /** The host that the client asked for. */
  forwardedHost: string
  forwardedProto: 'http' | 'https'
}

export interface IdentityHeaders {
  /**
   * The head of the upstream request as a flat list (name, value, …), built from scratch out of Node's
   * `rawHeaders`. `Content-Length` is missing: whoever sends the body says its length.
   */
  upstreamHeaders(rawHeaders: readonly string[], facts: UpstreamFacts): string[]
  /**
   * All identity headers as a flat list, for a proxy that copies them onto a request itself: empty where there is
   * nothing to say, so that a client's copy is overwritten (T31).
   */
  answerHeaders(principal: Principal | null, assertion?: string | null): string[]
  /** The end-to-end head of the upstream's answer as a flat list, from the raw one. */
  responseHeaders(rawHeaders: readonly string[]): string[]
  /** Whether a name is one of ours, or could be taken for one. */
  isIdentityHeader(name: string): boolean
}

// Of one connection only (RFC 9110, 7.6.1), in either direction; `proxy-*` besides, and `Proxy`, which CGI
// programs take for their own HTTP_PROXY.
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

// What the gateway says itself, or what must not go further.
const replaced: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'expect',
  'forwarded',
  'host',
  'x-real-ip',
  'x-request-id',
])

/**
 * Makes the headers that tell a backend who calls. `serviceUserHeader` names the one for service users; every
 * inbound copy and look-alike of it, of `otherHeaders` and of `x-postern-*` is dropped (T1), whatever `Connection` says about
 * them (T2). Cookies pass here; `credentials.ts` takes a session's out.
 */
export function createIdentityHeaders({
  serviceUserHeader,
  otherHeaders = [],
}: {
  serviceUserHeader: string
  /** Names that carry the service user on other routes. */
  otherHeaders?: readonly string[]
}): IdentityHeaders {
  const serviceUserName = serviceUserHeader.toLowerCase()
  const otherNames = otherHeaders.map((name) => name.toLowerCase()).filter((name) => name !== serviceUserName)
  const foldedOtherNames = new Set(otherNames.map(fold))
  const foldedServiceUserName = fold(serviceUserName)
  const isOurs = (folded: string) =>
    folded.startsWith('x-postern-') || folded === foldedServiceUserName || foldedOtherNames.has(folded)

  const isKeptRequestHeader = rememberByName((folded) => {
    if (isHopByHop(folded) || replaced.has(folded) || folded.startsWith('x-forwarded-')) return false
    return !isOurs(folded)
  })
  const isKeptResponseHeader = rememberByName((folded) => !isHopByHop(folded) && !isOurs(folded))

  return {
    upstreamHeaders(rawHeaders, facts) {
      const headers = ['host', facts.host]
      copyKept(rawHeaders, isKeptRequestHeader, headers)
      const { principal } = facts
      if (principal !== null) {
        if (principal.kind === 'service') headers.push(serviceUserName, checkedId(principal.id))
        headers.push('x-postern-principal', `${principal.kind}:${checkedId(principal.id)}`)
        if (facts.assertion !== null) headers.push(assertionHeader, facts.assertion)
      }
      headers.push('x-forwarded-for', facts.clientAddress)
      headers.push('x-forwarded-proto', facts.forwardedProto)
      headers.push('x-forwarded-host', facts.forwardedHost)
      headers.push('x-request-id', facts.requestId)
      return headers
    },
    answerHeaders(principal, assertion) {
      const id = principal === null ? '' : checkedId(principal.id)
      const kindAndId = principal === null ? '' : `${principal.kind}:${id}`
      return [
        ...[serviceUserName, principal?.kind === 'service' ? id : ''],
        ...otherNames.flatMap((name) => [name, '']),
        ...['x-postern-principal', kindAndId],
        ...[assertionHeader, assertion ?? ''],
      ]
    },
    responseHeaders(rawHeaders) {
      const headers: string[] = []
      copyKept(rawHeaders, isKeptResponseHeader, headers)
      return headers
    },
    isIdentityHeader: (name) => isOurs(fold(name)),
  }
}

function copyKept(from: readonly string[], isKept: (name: string) => boolean, into: string[]): void {
  const start = into.length
  let named: Set<string> | null = null
  for (let at = 0; at + 1 < from.length; at += 2) {
    const name = from[at]!
    if (isKept(name)) into.push(name, from[at + 1]!)
    // It may stand behind what it names.
    else if (isConnection(name)) named = namedByConnection(from[at + 1]!, named)
  }
  if (named !== null) dropNamed(into, start, named)
}

function isConnection(name: string): boolean {
  return name.length === 'connection'.length && name.toLowerCase() === 'connection'
}

/** The headers that a `Connection` makes hop-by-hop, with those before; null where it names none that isn't already. */
function namedByConnection(value: string, before: Set<string> | null): Set<string> | null {
  if (value === 'keep-alive' || value === 'close') return before
  const named = before ?? new Set()
  for (const option of value.split(',')) named.add(option.trim().toLowerCase())
  return named
}

function dropNamed(headers: string[], start: number, named: ReadonlySet<string>): void {
  const copied = headers.splice(start)
  for (let at = 0; at + 1 < copied.length; at += 2) {
    const name = copied[at]!
    if (!named.has(name.toLowerCase())) headers.push(name, copied[at + 1]!)
  }
}

function isHopByHop(folded: string): boolean {
  return hopByHop.has(folded) || folded.startsWith('proxy-')
}

// CGI and its heirs make one name of all that differ only in case and punctuation.
function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

/** Clients send the same few names again and again, so that folding each once is worth a bounded memory. */
function rememberByName(isKept: (folded: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const kept = isKept(fold(name))
    if (known.size < 500 && name.length <= 64) known.set(name, kept)
    return kept
  }
}

/** An id that can't end its line or be trimmed. Fails closed: nobody is called under a name made up here. */
function checkedId(id: string): string {
  if (!/^[\x21-\x7e]+$/.test(id)) throw new TypeError('the id of a principal is not fit for a header')
  return id
}
