import { secureUrl } from './https-url.ts'
import type { Fetch } from './json-answer.ts'
import { askForJson } from './json-answer.ts'
import { TokenUnavailable } from './token-unavailable.ts'

export interface GrantedToken {
  accessToken: string
  /** From when the request was sent, in milliseconds. */
  lifeMs: number
}

export interface ClientCredentials {
  /** The token endpoint, or a way to find it. */
  tokenUrl: () => Promise<URL>
  clientId: string
  clientSecret: string
  authentication: 'client_secret_basic' | 'client_secret_post'
  /** Further form fields: scope, resource, audience. */
  fields: readonly (readonly [string, string])[]
  fetch: Fetch
}

/** What a token lives where the answer doesn't say it, in milliseconds. */
const unsaidLifeMs = 300_000
const longestLifeMs = 86_400_000

/** One token by the client credentials grant (RFC 6749, 4.4). Throws {@link TokenUnavailable}. */
export async function requestToken(credentials: ClientCredentials): Promise<GrantedToken> {
  const { clientId, clientSecret, authentication, fields } = credentials
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  for (const [name, value] of fields) form.append(name, value)
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  }
  if (authentication === 'client_secret_basic') {
    const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
  } else {
    form.append('client_id', clientId)
    form.append('client_secret', clientSecret)
  }
  const { status, body } = await askForJson(credentials.fetch, await credentials.tokenUrl(), {
    method: 'POST',
    headers,
    body: form.toString(),
  })
  if (status !== 200) throw refusal(status, body)
  return readToken(body)
}

/**
 * The token endpoint that an issuer's metadata name, read once it has worked: RFC 8414's document, or OpenID's
 * where there is none.
 */
export function discoverTokenUrl(issuer: URL, fetch: Fetch): () => Promise<URL> {
  let found: URL | null = null
  const base = issuer.pathname === '/' ? '' : issuer.pathname.replace(/\/$/, '')
  const documents = [
    new URL(`/.well-known/oauth-authorization-server${base}`, issuer),
    new URL(`${base}/.well-known/openid-configuration`, issuer),
  ]

  async function discover(): Promise<URL> {
    for (const document of documents) {
      const { status, body } = await askForJson(fetch, document, { headers: { accept: 'application/json' } })
      if (status !== 200 || body === null) continue
      // Whose metadata these are is all that ties the endpoint to the issuer that was named.
      if (!isIssuer(body['issuer'], issuer)) throw invalid('The metadata are of another issuer.')
      const { token_endpoint: endpoint } = body
      if (typeof endpoint !== 'string') throw invalid('The metadata name no token endpoint.')
      try {
        return secureUrl('token_endpoint', endpoint)
      } catch {
        throw invalid('The token endpoint of the metadata is not https.')
      }
    }
    throw new TokenUnavailable('failed', 'The issuer publishes no metadata.')
  }
  return async () => (found ??= await discover())
}

function isIssuer(value: unknown, issuer: URL): boolean {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).href === issuer.href
}

// A closed list: what else an answer says could be anything, our own secret included.
const oauthErrors: ReadonlySet<unknown> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
])

function refusal(status: number, body: Record<string, unknown> | null): TokenUnavailable {
  const code = body?.['error']
  const error = oauthErrors.has(code) ? String(code) : null
  if (status >= 400 && status < 500 && status !== 408 && status !== 429)
    return new TokenUnavailable(
      'refused',
      `The authorization server refused: ${error ?? `it answered ${status}`}.`,
      error,
    )
  return new TokenUnavailable('failed', `The authorization server answered ${status}.`, error)
}

function readToken(body: Record<string, unknown> | null): GrantedToken {
  const { access_token: token, token_type: type, expires_in: life = unsaidLifeMs / 1000 } = body ?? {}
  // What else could stand in a header would end up in the error of whoever refuses the header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw invalid('The answer holds no token.')
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    throw invalid('The token is not one to be borne.')
  const seconds = typeof life === 'string' && /^[0-9]{1,9}$/.test(life) ? Number(life) : life
  if (typeof seconds !== 'number' || !(seconds > 0)) throw invalid('The token has no life.')
  return { accessToken: token, lifeMs: Math.min(seconds * 1000, longestLifeMs) }
}

function invalid(message: string): TokenUnavailable {
  return new TokenUnavailable('invalid_answer', message)
}

/** RFC 6749, appendix B: encoded as a form before it is joined. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
