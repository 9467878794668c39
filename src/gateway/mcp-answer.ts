import type { Reply } from '../domain/call.ts'
import type { Reason } from '../domain/verdict.ts'
import type { EventFilter } from '../mcp/event-stream.ts'
import { createEventFilter, readEvent, withData } from '../mcp/event-stream.ts'
import { filterLists, type FilteredLists, type ListRules } from '../mcp/list-cuts.ts'
import { listLimitBytes, listMethods } from '../mcp/list-filter.ts'
import type { AnsweredMessage } from '../mcp/read-answer.ts'
import { readAnswer } from '../mcp/read-answer.ts'
import type { McpBody, McpMessage } from '../mcp/read-calls.ts'
import { withMeta } from '../mcp/with-meta.ts'
import { warningMetaKey } from './key-warning.ts'
import type { McpNames, NameOwner } from './mcp-names.ts'
import { headerAt } from './response-head.ts'

/** What an MCP answer is read with. */
export interface McpAnswerOptions {
  calls: McpBody | null
  httpMethod: string
  /** The path that the client asked for, and the URL that the backend is asked by. */
  path: string
  origin: string
  target: string
  owner: NameOwner
  names: McpNames
  /** By what lists in the answer are filtered; null where the caller may see all of them. */
  rules: ListRules | null
  /** A member for the `_meta` of results, as JSON text; null where there is nothing to warn of. */
  warning: string | null
  /** The JSON-RPC error for a reason, as JSON text. */
  errorText: (reason: Reason) => string
}

/** Events above this size are passed on unread, and what they say stays unknown. */
const readLimitBytes = 256 * 1024

/**
 * What a backend answers to a request to an MCP route: read for what became of the calls, and changed in the few
 * places where the client must see a name of ours. Whatever can't be what it claims to be is an invalid answer.
 *
 * A class for the same reason as `Exchange`.
 */
export class McpAnswer {
  private readonly options: McpAnswerOptions
  private readonly rows: readonly McpMessage[]
  private status = 0
  /** Whether it is JSON, by its head. */
  isJson = false
  private filter: EventFilter | null = null
  /** Whether a stream has turned out to be invalid. */
  isBroken = false
  private found: (Reply | null)[] | null = null

  constructor(options: McpAnswerOptions) {
    this.options = options
    this.rows = options.calls?.messages ?? noMessages
  }

  /** What the replies say, for the rows of the trail; undefined where nothing was found. */
  get replies(): readonly (Reply | null)[] | undefined {
    return this.found ?? undefined
  }

  /** How many bytes of a plain answer are read whole; null: as many as of any. A filtered one never goes on unread. */
  get wholeLimitBytes(): number | null {
    return this.options.rules === null || this.filter !== null ? null : listLimitBytes
  }

  /** Whether the answer is a stream of events, to be given to {@link McpAnswer.push}. */
  get isStream(): boolean {
    return this.filter !== null
  }

  /** Reads the head, and changes it in place. False where the answer is invalid. */
  head(status: number, headers: string[]): boolean {
    const { names, owner } = this.options
    this.status = status
    const type = headerAt(headers, 'content-type')
    const media = type === -1 ? '' : mediaTypeOf(headers[type + 1] ?? '')
    this.isJson = media === 'application/json'
    const isEvents = media === 'text/event-stream'
    // One that says nothing is let through as it is, unless something in it had to be taken out.
    const isStated = type !== -1 || this.options.rules !== null
    // What holds no list can't be filtered, but an answer that only says that it was taken is as good.
    const isReply =
      status === 200 || (this.options.rules !== null && status < 300 && !emptyStatuses.has(status))
    if (isReply && isStated && this.awaitsReply() && !this.isJson && !isEvents) return false
    const encoding = headerAt(headers, 'content-encoding')
    if (encoding !== -1 && (headers[encoding + 1] ?? '').toLowerCase() !== 'identity') return false
    if (isEvents) this.filter = createEventFilter((event) => this.judgeEvent(event))

    const session = headerAt(headers, 'mcp-session-id')
    if (session === -1) return true
    const sealed = names.sealSession(headers[session + 1] ?? '', owner)
    if (sealed === null) return false
    headers[session + 1] = sealed
    return true
  }

  /** Reads a whole answer; answers the bytes that the client gets, null where the answer is invalid. */
  whole(body: Buffer): Buffer | null {
    if (!this.isJson || body.length === 0) return this.isJson && this.mustBeSound() ? null : body
    const { warning } = this.options
    const cut = this.cutLists(body)
    if (cut.kind === 'invalid') return null
    const given = cut.kind === 'changed' ? cut.bytes : body
    const reading = readAnswer(given)
    if (reading.kind === 'no_json') return this.mustBeSound() ? null : given
    if (reading.kind === 'unreadable') return given
    for (const message of reading.messages) this.note(message, !reading.isBatch)
    if (warning === null || reading.text.includes(`"${warningMetaKey}"`)) return given
    return withMeta(reading.text, reading.messages, warning)
  }

  /** Part of a stream of events; answers what goes on of it. Then, where the answer is broken, nothing more does. */
  push(chunk: Buffer): Buffer {
    const passed = this.filter?.push(chunk) ?? null
    if (passed === null) this.isBroken = true
    return passed ?? nothing
  }

  /** What is left of a stream at its end. Part of an event was judged by nobody: where lists are filtered it stays. */
  rest(): Buffer {
    return this.isBroken || this.options.rules !== null ? nothing : (this.filter?.rest() ?? nothing)
  }

  /** What a stream that we end says last: the error, where its client waits for a reply. */
  lastWords(reason: Reason): Buffer {
    if (this.filter === null || !this.awaitsReply()) return nothing
    return Buffer.from(`event: message\ndata: ${this.options.errorText(reason)}\n\n`)
  }

  private judgeEvent(bytes: Buffer): Buffer | null {
    if (this.isBroken) return nothing
    const { httpMethod, rules } = this.options
    const isGet = httpMethod === 'GET'
    if (rules === null) {
      // Nothing in it is changed, and where it is large nothing is looked for.
      if (isGet && !bytes.includes('endpoint')) return null
      if (!isGet && (bytes.length > readLimitBytes || !this.awaitsReply())) return null
    }
    const { type, data } = readEvent(bytes)
    if (data === null || data === '') return null
    if (isGet && type === 'endpoint') return this.judgeEndpoint(bytes, data)
    return this.judgeMessage(bytes, Buffer.from(data))
  }

  private judgeMessage(bytes: Buffer, data: Buffer): Buffer | null {
    const cut = this.cutLists(data)
    if (cut.kind === 'invalid') return this.breakOff()
    const given = cut.kind === 'changed' ? cut.bytes : data
    if (this.awaitsReply()) {
      const reading = readAnswer(given)
      if (reading.kind === 'no_json') return this.breakOff()
      if (reading.kind === 'read') for (const message of reading.messages) this.note(message, false)
    }
    return given === data ? null : withData(bytes, given.toString('utf8'))
  }

  /** Where nothing has to be cut out, only two tools of one name are a fault. */
  private cutLists(body: Buffer): FilteredLists {
    const { rules } = this.options
    if (rules !== null) return filterLists(body, rules)
    if (!this.asksForList()) return same
    const looked = filterLists(body, everything)
    return looked.kind === 'invalid' && looked.detail === twoOfOneName ? looked : same
  }

  /** 2024-11-05: the first event says where to post. A backend names no place but its own. */
  private judgeEndpoint(bytes: Buffer, data: string): Buffer | null {
    const { names, owner, origin, target, path } = this.options
    const endpoint = names.sealEndpoint(data, new URL(target, origin), path, owner)
    return endpoint === null ? this.breakOff() : withData(bytes, endpoint)
  }

  private breakOff(): Buffer {
    this.isBroken = true
    return nothing
  }

  /** `isOnly`: it can be an answer to nothing else, even where it doesn't name what it answers. */
  private note(message: AnsweredMessage, isOnly: boolean): void {
    if (message.isCall) return
    let at = 0
    for (const { kind, id, method } of this.rows) {
      if (kind === 'response') continue
      const isAnswered =
        isSameId(id, message.id) || (isOnly && message.id === null && message.rpcCode !== null)
      if (kind === 'request' && isAnswered) {
        const isToolResult = method === 'tools/call' && message.rpcCode === null
        this.found ??= []
        this.found[at] = {
          rpcCode: message.rpcCode,
          isToolError: isToolResult ? (message.isError ?? false) : null,
        }
        return
      }
      at++
    }
  }

  private asksForList(): boolean {
    return this.rows.some(({ method }) => method !== null && listMethods.has(method))
  }

  private awaitsReply(): boolean {
    return this.rows.some(({ kind }) => kind === 'request')
  }

  private mustBeSound(): boolean {
    return this.status === 200 && this.awaitsReply()
  }
}

const same = { kind: 'same' } as const
/** To find what is wrong with a list that nothing is cut out of. */
const everything: ListRules = { mayAsk: () => true, isModern: false }
const twoOfOneName = 'two of one name'
/** Accepted, and no content: an answer that holds no list. */
const emptyStatuses: ReadonlySet<number> = new Set([202, 204])
const noMessages: readonly McpMessage[] = []
const nothing = Buffer.alloc(0)

/** Whether two ids, as JSON text, are one: a string may be written in several ways. */
function isSameId(asked: string | null, answered: string | null): boolean {
  if (asked === answered) return true
  if (asked === null || answered === null || !`${asked}${answered}`.includes('\\')) return false
  return JSON.parse(asked) === JSON.parse(answered)
}

function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(';')
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}
