import { TokenUnavailable } from './token-unavailable.ts'

/** `fetch`, as far as it is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface JsonAnswer {
  status: number
  /** Null where the body is no JSON object. */
  body: Record<string, unknown> | null
}

const timeoutMs = 10_000
const limitBytes = 64 * 1024

/**
 * One request to the authorization server, without redirects, within ten seconds and 64 KiB. What goes wrong is
 * told as {@link TokenUnavailable}, which says nothing of what was sent.
 */
export async function askForJson(fetch: Fetch, url: URL, init: RequestInit): Promise<JsonAnswer> {
  try {
    const response = await fetch(url.href, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { status: response.status, body: objectOf(await textOf(response)) }
  } catch (error) {
    if (error instanceof TokenUnavailable) throw error
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new TokenUnavailable('timeout', 'The authorization server did not answer in time.')
    throw new TokenUnavailable(
      'unreachable',
      `The authorization server could not be reached${systemCodeOf(error)}.`,
    )
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > limitBytes)
      throw new TokenUnavailable('invalid_answer', 'The answer of the authorization server is too long.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** Such as ECONNREFUSED, which is all of an error of `fetch` that is worth telling and surely no secret. */
function systemCodeOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : null
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : null
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? ` (${code})` : ''
}
