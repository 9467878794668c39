import { isIP } from 'node:net'
import type { ListenAddress } from '../config.ts'
import type { McpSettings } from '../config/mcp.ts'
import type { Reason } from '../domain/verdict.ts'
import type { Head } from '../front/head.ts'

/** Null, or why a request to an MCP route is refused for the host or the page that it names. */
export type BrowserGuard = (head: Pick<Head, 'host' | 'get'>, peer: string) => Reason | null

/**
 * Keeps pages in browsers out that nobody allowed. A page reaches a server on the machine of its visitor by letting
 * its own name lead there (DNS rebinding): the request then names the page's host, and a POST the page's origin.
 *
 * Without `allowedHosts`, a gateway on loopback answers to the names of loopback alone, unless the request comes from
 * a trusted proxy, which has names of its own; on another address every name is good. An origin has to be an allowed
 * one, or, on loopback, one of loopback; or a page of a host that `allowedHosts` names.
 */
export function createBrowserGuard(options: {
  listen: ListenAddress
  mcp: McpSettings
  isTrustedPeer: (peer: string) => boolean
}): BrowserGuard {
  const { isTrustedPeer } = options
  const hosts = options.mcp.allowedHosts === null ? null : new Set(options.mcp.allowedHosts)
  const origins = new Set(options.mcp.allowedOrigins)
  const isOnLoopback = isLoopback(options.listen.host)
  /** The host that was allowed last: nearly every request names the same. */
  let known: string | null = null

  function isHostAllowed(host: string): boolean {
    const lower = host.toLowerCase()
    const name = withoutPort(lower)
    if (hosts !== null) return hosts.has(lower) || hosts.has(name)
    return !isOnLoopback || isLoopback(name)
  }

  function isOriginAllowed(origin: string): boolean {
    const lower = origin.toLowerCase()
    if (origins.has(lower)) return true
    if (!URL.canParse(lower)) return false
    const url = new URL(lower)
    // `null`, and what is no origin.
    if (url.origin !== lower) return false
    if (hosts !== null) return hosts.has(url.host) || hosts.has(url.hostname)
    return isOnLoopback && isLoopback(url.hostname)
  }

  return (head, peer) => {
    if (head.host !== known) {
      if (isHostAllowed(head.host)) known = head.host
      else if (hosts !== null || !isTrustedPeer(peer)) return 'host_refused'
    }
    const origin = head.get('origin')
    return origin === null || isOriginAllowed(origin) ? null : 'origin_refused'
  }
}

function withoutPort(host: string): string {
  return host.replace(/:[0-9]+$/, '')
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) === 4) return bare.startsWith('127.')
  return bare === '::1' || bare === 'localhost' || bare.endsWith('.localhost')
}
