import { mountPath } from './mount.ts'
import { offline, parseProblem } from './problem.ts'
import { queryText, type Query } from './query.ts'
import { askToSignIn } from './session-gate.ts'

export interface RequestOptions {
  query?: Query
  body?: unknown
  /** The version that the change was made from (`"12"`, as the ETag came): another now is a 412. */
  ifMatch?: string | null
  /** So that a repeated request does it once. */
  idempotencyKey?: string
  signal?: AbortSignal
  /** False for what must not ask to sign in, such as the question who is signed in. */
  asksToSignIn?: boolean
}

export interface Answer<T> {
  value: T
  /** The ETag of what was read or changed. */
  etag: string | null
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/**
 * Asks `{mount}/api{path}` and reads JSON. Throws ApiProblem. When the sign-in has ended or is too old, it
 * asks to sign in, and then sends the same request once more.
 */
export async function request<T>(
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<Answer<T>> {
  const answer = await send(method, path, options)
  if (answer.ok) return await read<T>(answer)
  const problem = parseProblem(answer.status, await answer.text())
  const cause = options.asksToSignIn === false ? null : causes.get(problem.code)
  if (cause == null || !(await askToSignIn(cause))) throw problem
  const again = await send(method, path, options)
  if (again.ok) return await read<T>(again)
  throw parseProblem(again.status, await again.text())
}

/** A read of the API: `get<Page<Key>>('/keys', { state: 'active' })`. */
export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await getWithEtag<T>(path, query, signal)).value
}

/** A read together with its ETag, for a change under If-Match later. */
export async function getWithEtag<T>(
  path: string,
  query: Query = {},
  signal?: AbortSignal,
): Promise<Answer<T>> {
  return await request<T>('GET', `/v1${path}`, { query, ...(signal === undefined ? {} : { signal }) })
}

/** A change by the API. */
export async function change<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  options: Pick<RequestOptions, 'ifMatch' | 'idempotencyKey'> = {},
): Promise<T> {
  return (await request<T>(method, `/v1${path}`, { body, ...options })).value
}

const causes = new Map([
  ['sign_in_required', 'ended'],
  ['sign_in_too_old', 'too-old'],
  // The login's own words for the same two.
  ['unauthorized', 'ended'],
  ['session_not_fresh', 'too-old'],
] as const) as ReadonlyMap<string, 'ended' | 'too-old'>

async function send(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const headers = new Headers({ accept: 'application/json' })
  if (method !== 'GET') headers.set('content-type', 'application/json')
  if (options.ifMatch != null) headers.set('if-match', options.ifMatch)
  if (options.idempotencyKey !== undefined) headers.set('idempotency-key', options.idempotencyKey)
  try {
    return await fetch(`${mountPath()}/api${path}${queryText(options.query ?? {})}`, {
      method,
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(method === 'GET' ? {} : { body: JSON.stringify(options.body ?? {}) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (error) {
    if (options.signal?.aborted === true) throw error
    throw offline()
  }
}

async function read<T>(answer: Response): Promise<Answer<T>> {
  const etag = answer.headers.get('etag')
  if (answer.status === 204) return { value: undefined as T, etag }
  const text = await answer.text().catch(() => {
    throw offline()
  })
  if (text === '') return { value: undefined as T, etag }
  try {
    return { value: JSON.parse(text) as T, etag }
  } catch {
    throw parseProblem(answer.status, text)
  }
}
