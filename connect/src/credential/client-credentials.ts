import { secureUrl } from '../../../src/client/https-url.ts'
import { discoverTokenUrl, requestToken } from '../../../src/client/token-request.ts'
import { createTokenSource } from '../../../src/client/token-source.ts'
import { TokenUnavailable } from '../../../src/client/token-unavailable.ts'
import { BridgeFailure, type Credential, type Environment, type Surroundings } from '../contracts.ts'
import { fetchOver } from './fetch-over.ts'
import { readPrivateFile, shownPath } from './private-file.ts'

/** What `--client-credentials` takes from the environment. */
export const clientVariables = {
  issuer: 'POSTERN_ISSUER',
  tokenUrl: 'POSTERN_TOKEN_URL',
  clientId: 'POSTERN_CLIENT_ID',
  clientSecret: 'POSTERN_CLIENT_SECRET',
  clientSecretFile: 'POSTERN_CLIENT_SECRET_FILE',
  authentication: 'POSTERN_CLIENT_AUTHENTICATION',
  scope: 'POSTERN_SCOPE',
  audience: 'POSTERN_AUDIENCE',
  resource: 'POSTERN_RESOURCE',
} as const

/**
 * JWTs by client credentials: kept in memory only, replaced ahead of their end by one request however many calls wait.
 * Rejects with {@link BridgeFailure} where the environment doesn't say what is needed.
 */
export async function openClientCredentials({ send, environment, now }: Surroundings): Promise<Credential> {
  const said = (name: keyof typeof clientVariables) => environment[clientVariables[name]] || undefined
  const clientId = said('clientId')
  if (clientId === undefined) throw wrongUse(`set ${clientVariables.clientId} to the id of the client`)
  const clientSecret = await secretIn(environment)
  let failure: BridgeFailure | null = null
  const fetch = fetchOver(send, (each) => {
    failure = each
  })
  const fields = (['scope', 'audience', 'resource'] as const).flatMap((name) => {
    const value = said(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const tokenUrl = tokenUrlOf(said('issuer'), said('tokenUrl'), fetch)
  const source = createTokenSource({
    clock: { now, monotonic: () => performance.now() },
    random: Math.random,
    request: () => {
      failure = null
      const authentication = authenticationOf(said('authentication'))
      return requestToken({ tokenUrl, clientId, clientSecret, authentication, fields, fetch })
    },
  })
  authenticationOf(said('authentication'))

  return {
    async header() {
      try {
        return { authorization: `Bearer ${await source.get()}` }
      } catch (error) {
        throw unavailable(error, failure)
      }
    },
    refused: (used, status) =>
      Promise.resolve(status === 401 && source.refused(used.slice('Bearer '.length)) ? 'changed' : 'same'),
    warned: () => {},
    close: () => Promise.resolve(),
  }
}

async function secretIn(environment: Environment): Promise<string> {
  const { clientSecret, clientSecretFile } = clientVariables
  const [given, file] = [environment[clientSecret] || null, environment[clientSecretFile] || null]
  if ((given === null) === (file === null))
    throw wrongUse(
      `set one of ${clientSecret} and ${clientSecretFile} to the secret of the client, or its file`,
    )
  if (given !== null) return given
  const { text } = await readPrivateFile(file ?? '')
  const secret = text.replace(/[\r\n]+$/, '')
  if (secret === '')
    throw new BridgeFailure('no_key', `${shownPath(file ?? '')} is empty: put the client's secret there`)
  return secret
}

function tokenUrlOf(
  issuer: string | undefined,
  tokenUrl: string | undefined,
  fetch: ReturnType<typeof fetchOver>,
): () => Promise<URL> {
  try {
    if (issuer !== undefined && tokenUrl === undefined)
      return discoverTokenUrl(secureUrl(clientVariables.issuer, issuer), fetch)
    if (tokenUrl !== undefined && issuer === undefined) {
      const url = secureUrl(clientVariables.tokenUrl, tokenUrl)
      return () => Promise.resolve(url)
    }
  } catch (error) {
    throw wrongUse(error instanceof Error ? error.message : 'the URL is wrong')
  }
  throw wrongUse(
    `set one of ${clientVariables.issuer} and ${clientVariables.tokenUrl} to where tokens are to be had`,
  )
}

function authenticationOf(text = 'client_secret_basic'): 'client_secret_basic' | 'client_secret_post' {
  if (text === 'client_secret_basic' || text === 'client_secret_post') return text
  throw wrongUse(`${clientVariables.authentication} must be client_secret_basic or client_secret_post`)
}

/** With what the way out said, where it was that. */
function unavailable(error: unknown, failure: BridgeFailure | null): BridgeFailure {
  if (!(error instanceof TokenUnavailable))
    return new BridgeFailure('token_unavailable', 'no token could be had')
  const why = error.failure === 'unreachable' && failure !== null ? failure.message : error.message
  const advice =
    error.failure === 'refused'
      ? ' Check the client’s id and secret, and the scope, audience or resource.'
      : ''
  return new BridgeFailure('token_unavailable', `no token could be had: ${why}${advice}`)
}

function wrongUse(message: string): BridgeFailure {
  return new BridgeFailure('usage', `--client-credentials: ${message}`)
}
