import type { Tell } from '../contracts.ts'
import { isRecord, readMessages } from '../protocol/message.ts'
import type { Message } from '../protocol/message.ts'
import type { Mirrors } from '../protocol/mirrors.ts'
import { postHeaders } from './legacy.ts'
import type { Post } from './post.ts'
import { resultOf } from './result-of.ts'

/** As many pages of tools as are asked for. */
const mostPages = 64
const longestList = 64 * 1024 * 1024

export interface ToolListsOptions {
  url: URL
  post: Post
  mirrors: Mirrors
  tell: Tell
}

/** What 2026-07-28 lets a client do with lists of tools: know what to mirror, and leave out what it can't. */
export function createToolLists({ url, post, mirrors, tell }: ToolListsOptions) {
  let count = 0

  /** Takes in a result; answers the names that must be left out. */
  function learn(result: Record<string, unknown>): string[] {
    const wrong = mirrors.learn(result)
    for (const name of wrong)
      tell(
        'info',
        `tool_left_out ${name}`,
        `The tool ${JSON.stringify(name)} is left out: its x-mcp-header breaks the rules.`,
      )
    return wrong
  }

  return {
    /** Sees a list on its way to the client. Only one with a tool that must be left out is changed. */
    onList({ result }: Message, text: string): string {
      const wrong = result === null ? [] : learn(result)
      if (wrong.length === 0) return text
      const whole: unknown = JSON.parse(text)
      const changed = isRecord(whole) && isRecord(whole['result']) ? whole['result'] : null
      if (changed === null || !Array.isArray(changed['tools'])) return text
      changed['tools'] = (changed['tools'] as unknown[]).filter(
        (tool) => !(isRecord(tool) && typeof tool['name'] === 'string' && wrong.includes(tool['name'])),
      )
      return JSON.stringify(whole)
    },

    /** Asks for the list on behalf of a call whose mirrors were refused, by the call's own `_meta`. */
    async ask(call: Message, signal: AbortSignal): Promise<void> {
      const { progressToken: _progress, ...meta } = call.meta
      let cursor: string | null = null
      for (let page = 0; page < mostPages; page++) {
        const id = `postern-connect-${++count}`
        const params = { ...(cursor === null ? {} : { cursor }), _meta: meta }
        const message = readMessages(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params }))
        if (typeof message === 'number' || message.messages[0] === undefined) return
        const headers = { ...postHeaders, ...mirrors.headersFor(message.messages[0]) }
        const answer = await post.deliver({
          url: () => url,
          body: message.text,
          headers: () => headers,
          signal,
          renewSession: null,
          learnMirrors: null,
        })
        if ('refusal' in answer) return
        const result = await resultOf(answer, longestList)
        if (result === null) return
        learn(result)
        const { nextCursor } = result
        if (typeof nextCursor !== 'string') return
        cursor = nextCursor
      }
    },
  }
}
