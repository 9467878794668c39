import type { Message } from './message.ts'
import { claimedRevision, isRecord } from './message.ts'
import { encodeMirror, mirroredParams, paramHeaders } from './param-headers.ts'
import type { MirroredParam } from './param-headers.ts'

/** Which member of `params` a method's `Mcp-Name` repeats. */
const nameOf: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

/** What is known of the tools' annotations, from the lists that went by. */
export interface Mirrors {
  /** The headers that 2026-07-28 wants beside a message; none for older revisions. */
  headersFor(message: Message): Record<string, string>
  /** Takes in a page of `tools/list`; answers the names of tools that a client must leave out. */
  learn(result: Record<string, unknown>): string[]
}

export function createMirrors(): Mirrors {
  const tools = new Map<string, MirroredParam[]>()

  return {
    headersFor(message) {
      const revision = claimedRevision(message)
      if (revision === null) return {}
      const headers: Record<string, string> = { 'mcp-protocol-version': encodeMirror(revision) }
      const { kind, method, params } = message
      if (kind !== 'request' || method === null) return headers
      headers['mcp-method'] = encodeMirror(method)
      const name = params[nameOf.get(method) ?? '']
      if (typeof name === 'string') headers['mcp-name'] = encodeMirror(name)
      const mirrored = method === 'tools/call' && typeof name === 'string' ? tools.get(name) : undefined
      return mirrored === undefined ? headers : { ...headers, ...paramHeaders(mirrored, params['arguments']) }
    },
    learn(result) {
      const wrong: string[] = []
      for (const tool of Array.isArray(result['tools']) ? (result['tools'] as unknown[]) : []) {
        if (!isRecord(tool) || typeof tool['name'] !== 'string') continue
        const mirrored = mirroredParams(tool['inputSchema'])
        if (mirrored === null) wrong.push(tool['name'])
        else if (mirrored.length > 0) tools.set(tool['name'], mirrored)
        else tools.delete(tool['name'])
      }
      return wrong
    },
  }
}
