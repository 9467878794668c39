import { isIP } from 'node:net'
import { Agent, fetch as fetchOver } from 'undici'
import { adminBasePath } from '../admin/api.ts'
import { readManagementToken } from '../domain/management-key.ts'
import { CommandFailed } from './failure.ts'
import type { Send } from './requests.ts'

/** A server that is driven over the network. */
export interface Remote {
  origin: string
  /** Where the page lies below it. */
  mount: string
  token: string
}

/**
 * The server that `POSTERN_URL` and `POSTERN_TOKEN` name; null where the former is not set. Throws
 * {@link CommandFailed} for what is not right: the token goes over https, or stays on this machine.
 */
export function remoteOf(env: Readonly<Record<string, string | undefined>>): Remote | null {
  const { POSTERN_URL: address, POSTERN_TOKEN: token } = env
  if (address === undefined || address === '') return null
  const url = URL.canParse(address) ? new URL(address) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:') || hasMore(url))
    throw new CommandFailed(
      "POSTERN_URL must be the page's URL, such as https://keys.example.com/admin/api-keys",
      2,
    )
  if (url.protocol === 'http:' && !isThisMachine(url.hostname))
    throw new CommandFailed('POSTERN_URL must be https: over http anyone on the way reads the token', 2)
  if (token === undefined || token === '')
    throw new CommandFailed('POSTERN_TOKEN is missing: a management key, see `postern management-keys`', 2)
  if (readManagementToken(token) === null)
    throw new CommandFailed('POSTERN_TOKEN is no management key: it begins with pmk_, or has a typo', 2)
  const mount = url.pathname.replace(/\/+$/, '')
  return { origin: url.origin, mount: mount === '' ? adminBasePath : mount, token }
}

/** Requests to a remote server, and how to let go of its connections. */
export function overNetwork({ origin, token }: Remote): { send: Send; close: () => Promise<void> } {
  const agent = new Agent({ connect: { timeout: 10_000 }, headersTimeout: 30_000, bodyTimeout: 30_000 })
  const send: Send = async (path, init) => {
    const answer = await fetchOver(origin + path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token}` },
      // The token is for this server alone.
      redirect: 'manual',
      dispatcher: agent,
    }).catch((error: unknown) => {
      throw new CommandFailed(`${origin} ${whyUnreached(error)}${init.method === 'GET' ? '' : maybeDone}`)
    })
    if (answer.status === 401)
      throw new CommandFailed(
        `${origin} refused POSTERN_TOKEN: the management key is unknown, expired or revoked (401)`,
      )
    if (answer.status >= 300 && answer.status < 400)
      throw new CommandFailed(
        `${origin} sends elsewhere (${answer.status}): set POSTERN_URL to the page's own URL`,
      )
    return answer
  }
  return { send, close: () => agent.close() }
}

const maybeDone = '; if it was reached, it may have done it all the same'

/** What follows the server's name. */
function whyUnreached(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `has no address: no such host (${code})`
  if (code === 'ECONNREFUSED') return `can't be reached: nothing listens there (${code})`
  if (/CERT|SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY|ALTNAME/.test(code))
    return `has a certificate that is not trusted here (${code}); NODE_EXTRA_CA_CERTS names an authority of your own`
  if (/SSL|TLS|EPROTO/.test(code)) return `does not speak TLS as it should (${code})`
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return `did not answer in time (${code})`
  return `can't be reached (${code})`
}

function codeOf(error: unknown): string {
  const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error
  // Where a name has several addresses, each has its own error.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
  return first instanceof Error && 'code' in first ? String(first.code) : 'failed'
}

function hasMore({ username, password, search, hash }: URL): boolean {
  return username !== '' || password !== '' || search !== '' || hash !== ''
}

function isThisMachine(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}
