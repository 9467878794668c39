import { readAnswer, openRaw, type RawAnswer } from '../e2e/raw.ts'
import type { RunningApp } from './next-app.ts'

/** The trail as `audit list` prints it. */
export interface TrailLine {
  outcome: string
  reason: string | null
  status: number | null
  tool: string | null
  path: string | null
  method: string | null
  credentialKind: string | null
  keyId: string | null
  serviceUserId: string | null
  durationMs: number | null
  clientAddress: string | null
}

export interface Agent {
  id: string
  keyId: string
  token: string
  bearer: { authorization: string }
}

let agents = 0

/** A service user with a key, made by the CLI over the running app's socket. */
export async function createAgent(app: RunningApp, ...flags: string[]): Promise<Agent> {
  const name = `agent-${++agents}`
  const user = await app.cli<{ id: string }>('service-users', 'create', name, '--owner', 'team@example.com')
  const key = await app.cli<{ id: string; token: string }>('keys', 'create', '--service-user', name, ...flags)
  return { id: user.id, keyId: key.id, token: key.token, bearer: { authorization: `Bearer ${key.token}` } }
}

export async function trailOf(app: RunningApp): Promise<TrailLine[]> {
  return (await app.cli<{ data: TrailLine[] }>('audit', 'list', '--limit', '100')).data
}

/** How often each protected part has run so far. */
export async function runsOf(app: RunningApp): Promise<Record<string, number>> {
  const response = await fetch(`${app.url}/api/runs`)
  return (await response.json()) as Record<string, number>
}

export const toolCall = {
  method: 'POST',
  body: '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_channels","arguments":{}}}',
} as const
export const json = { 'content-type': 'application/json' } as const

/** One request with its head as it is written; answers the whole of what came back. */
export async function raw(app: RunningApp, request: string): Promise<RawAnswer> {
  const connection = await openRaw(app.port)
  connection.send(request)
  // The server closes: each request says so.
  const text = await connection.closed
  return readAnswer(text)
}

/** The body of an answer in chunks, put together. */
export function unchunked(answer: RawAnswer): string {
  if (answer.headers.get('transfer-encoding') !== 'chunked') return answer.body
  let rest = answer.body
  let whole = ''
  for (;;) {
    const at = rest.indexOf('\r\n')
    const size = parseInt(rest.slice(0, at), 16)
    if (at === -1 || !(size > 0)) return whole
    whole += rest.slice(at + 2, at + 2 + size)
    rest = rest.slice(at + 2 + size + 2)
  }
}
