import { BridgeFailure } from '../contracts.ts'

/** How far a request had come when it failed. */
export interface Progress {
  url: URL
  /** The proxy's `host:port`; null without one. */
  proxy: string | null
  /** The status by which the proxy refused to let us through; null where it did not. */
  proxyStatus: number | null
  /** Whether the proxy's tunnel stands. */
  isThrough: boolean
  isSent: boolean
  isTimedOut: boolean
  isAborted: boolean
}

/** What an error of `node:http`, `node:tls` or the resolver means, as one line. It shows no path and no secret. */
export function failureOf(error: unknown, progress: Progress): BridgeFailure {
  const { url, proxy, proxyStatus, isThrough, isSent, isTimedOut, isAborted } = progress
  const code = codeOf(error)
  const host = url.host
  if (isAborted) return new BridgeFailure('aborted', 'The request was given up.', isSent)
  if (proxyStatus !== null)
    return new BridgeFailure(
      'proxy_failed',
      proxyStatus === 407
        ? `The proxy ${proxy ?? ''} wants a user and password: put them into HTTPS_PROXY.`
        : `The proxy ${proxy ?? ''} does not let us through to ${host} (HTTP ${proxyStatus}). Ask its operator, or name the host in NO_PROXY.`,
    )
  if (!isSent && isTlsCode(code)) return new BridgeFailure('tls_failed', tlsText(host, code))
  if (proxy !== null && !isThrough)
    return new BridgeFailure(
      'proxy_failed',
      `The proxy ${proxy} of HTTPS_PROXY can't be reached${inBrackets(code)}. Check the variable, or name ${host} in NO_PROXY.`,
    )
  if (code === 'ENOTFOUND' || code.startsWith('EAI_'))
    return new BridgeFailure(
      'name_not_found',
      `The name ${url.hostname} can't be found${inBrackets(code)}. Check the URL, and that the network is there.`,
    )
  if (isTimedOut || (!isSent && code === 'ETIMEDOUT'))
    return new BridgeFailure('timed_out', `${host} did not answer in time.`, isSent)
  if (code.startsWith('HPE_'))
    return new BridgeFailure('not_mcp', `What answers at ${host} does not speak HTTP. Check the URL.`, isSent)
  if (isSent)
    return new BridgeFailure(
      'broken_off',
      `The connection to ${host} broke off before the answer came${inBrackets(code)}: what was asked for may have been done, and is not sent again.`,
      true,
    )
  return new BridgeFailure(
    'unreachable',
    `${host} can't be reached${inBrackets(code)}. Is the server running, and the URL right?`,
  )
}

/** Such as ECONNREFUSED: all of an error that is worth telling, and surely no secret. */
export function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : ''
}

function inBrackets(code: string): string {
  return code === '' ? '' : ` (${code})`
}

function isTlsCode(code: string): boolean {
  return /^(ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO$|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/.test(
    code,
  )
}

function tlsText(host: string, code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `The certificate that ${host} shows is another host's (${code}). Check the URL.`
  if (code === 'CERT_HAS_EXPIRED')
    return `The certificate of ${host} has expired (${code}). Tell its operator, and check this machine's clock.`
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return `${host} does not speak TLS (${code}). Check the port, and whether the URL should begin with http://.`
  return `The certificate of ${host} is not trusted (${code}). Where your company has an authority of its own, set NODE_EXTRA_CA_CERTS to its file.`
}
