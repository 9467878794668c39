// oxlint-disable-next-line triple-slash-reference -- ambient types reach a program by reference alone
/// <reference path="../untyped.d.ts" />
import type { Agent, AgentOptions } from 'node:https'
import { getProxyForUrl } from 'proxy-from-env'
import { BridgeFailure } from '../contracts.ts'
import type { Environment } from '../contracts.ts'

/**
 * The proxy that HTTPS_PROXY (or ALL_PROXY) names for a URL, unless NO_PROXY excepts it; null without one. This
 * machine itself is never asked for by way of another. Throws {@link BridgeFailure}.
 */
export function proxyFor(url: URL, environment: Environment): URL | null {
  if (url.protocol !== 'https:' || isLoopback(url.hostname)) return null
  const said = getProxyForUrl(url.href)
  if (said === '') return null
  // The library takes the request's scheme where none is written, which would speak TLS to the proxy.
  const names = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']
  const isBare = names.some((name) => said === `https://${environment[name] ?? ''}`)
  const text = isBare ? said.replace('https://', 'http://') : said
  const proxy = URL.canParse(text) ? new URL(text) : null
  if (proxy === null || (proxy.protocol !== 'http:' && proxy.protocol !== 'https:'))
    throw new BridgeFailure(
      'proxy_failed',
      'HTTPS_PROXY must be a URL such as http://proxy.example.com:3128.',
    )
  return proxy
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** The agent is loaded only where there is a proxy: most starts do without it. */
export async function agentByProxy(proxy: URL, options: AgentOptions): Promise<Agent> {
  const { HttpsProxyAgent } = await import('https-proxy-agent')
  return new HttpsProxyAgent(proxy, options)
}
