import { adminBasePath } from '../admin/api.ts'
import type { Problem } from '../admin/schemas-common.ts'
import { CommandFailed } from './failure.ts'

export type Query = Record<string, string | undefined>

/** The admin API's methods, over whatever carries them. */
export interface Requests {
  get<T>(path: string, query?: Query): Promise<T>
  post<T>(path: string, body: object): Promise<T>
  /** A change that holds for one version only. */
  patch<T>(path: string, body: object, version: number): Promise<T>
  /** A long answer, piece by piece. */
  download(path: string, query?: Query): Promise<AsyncIterable<Uint8Array>>
}

/** What carries a request: to the path below the origin, and back. */
export type Send = (path: string, init: Init) => Promise<Answer>

export interface Init {
  method: 'GET' | 'POST' | 'PATCH'
  headers: Record<string, string>
  body?: string
}

/** As much of a response as is looked at. */
export interface Answer {
  status: number
  headers: { get(name: string): string | null }
  text(): Promise<string>
  body: AsyncIterable<Uint8Array> | null
}

/** The methods over `send`; `mount`: where the page lies. */
export function requestsOver(send: Send, mount: string = adminBasePath): Requests {
  const place = (path: string) => `${mount}/api/v1${path}`

  async function change<T>(
    method: 'POST' | 'PATCH',
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const init = { method, headers: { ...jsonHeaders, ...headers }, body: JSON.stringify(body) }
    return (await answerOf(await send(place(path), init))) as T
  }

  return {
    get: async <T>(path: string, query: Query = {}) =>
      (await answerOf(await send(place(path) + searchOf(query), { method: 'GET', headers: {} }))) as T,
    post: async (path, body) => await change('POST', path, body),
    patch: async (path, body, version) => await change('PATCH', path, body, { 'if-match': `"${version}"` }),
    async download(path, query = {}) {
      const answer = await send(place(path) + searchOf(query), { method: 'GET', headers: {} })
      if (answer.status !== 200) await answerOf(answer)
      if (answer.body === null) throw new CommandFailed('the server answered with nothing')
      return answer.body
    },
  }
}

const jsonHeaders = { 'content-type': 'application/json' }

function searchOf(query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** The body of a good answer. Both sides are of one version: they share the schemas. */
async function answerOf(answer: Answer): Promise<unknown> {
  const { status } = answer
  const text = await answer.text().catch(() => {
    throw new CommandFailed('the answer broke off: see whether it was done before you try again')
  })
  const isGood = status >= 200 && status < 300
  if (isGood && text === '') return undefined
  const body = parsed(text)
  if (isGood && body !== undefined) return body
  throw new CommandFailed(
    detailOf(body) ??
      `the server answered ${status}, and not as Postern's admin API does: is it the page's own URL?`,
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function detailOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null
  const { detail, code } = body as Partial<Problem>
  return typeof detail === 'string' && typeof code === 'string'
    ? `${detail.replace(/\.$/, '')} (${code})`
    : null
}
