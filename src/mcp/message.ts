import {
  kindAt,
  readObject,
  readRaw,
  readString,
  skipValue,
  type JsonCursor,
  type JsonRefusal,
} from './strict-json.ts'
import { traceIdOf } from './trace-context.ts'
import { lookAlikeOf } from './look-alike.ts'
import { readReference, readSubscriptions, type Mention } from './mentions.ts'

/** One JSON-RPC message of a body, as far as authorising and auditing need it. */
export interface McpMessage {
  kind: 'request' | 'notification' | 'response'
  /** The id's exact JSON text, as it came (`9007199254740993`, `"a"`); null for notifications. */
  id: string | null
  /** Null for responses. */
  method: string | null
  /** `params.name` of a `tools/call`; null for every other method. */
  tool: string | null
  /** What the method is aimed at: `params.name`, `params.uri` or `params.taskId`; null where nothing is. */
  target: string | null
  /** What a `completion/complete` or a `subscriptions/listen` is about; missing where that can't be told. */
  mentions?: readonly Mention[]
  /** The trace id of its `_meta`; missing where it has none. */
  traceId?: string
  /** What the reader was given for it made of the exact text of `params.arguments`; missing where there is neither. */
  argumentsHmac?: string
}

/** Makes a digest of the exact JSON text of a call's arguments. */
export type ArgumentsHmac = (text: string) => string

/** The revision that a message claims in its `_meta`; null value where the claim is not a string. */
export interface RevisionClaim {
  value: string | null
}

export interface ReadMessage extends McpMessage {
  claim: RevisionClaim | null
  /** Why the message must not pass, although it is sound JSON; `id` can be answered to all the same. */
  issue: JsonRefusal | null
}

/** The longest method or name, in UTF-16 code units: it has to fit into an index of the trail. */
export const nameLimit = 512

const claimKey = 'io.modelcontextprotocol/protocolVersion'

type TargetField = 'name' | 'uri' | 'taskId'

/** Which member of `params` a method is aimed at, and whether it can do without. */
const targets: ReadonlyMap<string, TargetField> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['resources/subscribe', 'uri'],
  ['resources/unsubscribe', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/result', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
] as const)

/** Not in the newest revision, whose backends answer 404 to them whatever they hold. Without a target nobody may much. */
const goneMethods: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe'])

const looksLikeMember = lookAlikeOf(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
const looksLikeParameter = lookAlikeOf([
  ...['name', 'uri', 'taskId', 'arguments', '_meta', 'ref', 'notifications'],
])
const looksLikeClaim = lookAlikeOf([claimKey])
const looksLikeMethod = lookAlikeOf([...targets.keys()])

interface Fields {
  isVersioned: boolean
  id: string | null
  hasId: boolean
  /** False once a key was met that may be the id, or make this another kind of message, to others. */
  isIdSafe: boolean
  method: string | null
  hasMethod: boolean
  hasResult: boolean
  hasError: boolean
  name: string | null
  uri: string | null
  taskId: string | null
  reference: readonly Mention[] | null
  subscriptions: readonly Mention[] | null
  claim: RevisionClaim | null
  traceId: string | null
  argumentsHmac: string | null
  issue: JsonRefusal | null
}

/** Reads the message under the cursor. The cursor's own refusal comes first: then the answer means nothing. */
export function readMessage(cursor: JsonCursor, hmac: ArgumentsHmac | null = null): ReadMessage {
  const fields: Fields = {
    isVersioned: false,
    id: null,
    hasId: false,
    isIdSafe: true,
    method: null,
    hasMethod: false,
    hasResult: false,
    hasError: false,
    name: null,
    uri: null,
    taskId: null,
    reference: null,
    subscriptions: null,
    claim: null,
    traceId: null,
    argumentsHmac: null,
    issue: null,
  }
  if (kindAt(cursor) === 'object') readObject(cursor, (key) => readMember(cursor, fields, key, hmac))
  else {
    skipValue(cursor)
    note(fields, 'body_malformed', 'not a JSON-RPC message')
  }
  return judge(fields)
}

function readMember(cursor: JsonCursor, fields: Fields, key: string, hmac: ArgumentsHmac | null): void {
  switch (key) {
    case 'jsonrpc':
      fields.isVersioned = readStringOr(cursor) === '2.0'
      return
    case 'id':
      fields.hasId = true
      fields.id = readId(cursor, fields)
      return
    case 'method':
      fields.hasMethod = true
      fields.method = readStringOr(cursor)
      return
    case 'params':
      return readParameters(cursor, fields, hmac)
    case 'result':
      fields.hasResult = true
      return skipValue(cursor)
    case 'error':
      fields.hasError = true
      return skipValue(cursor)
    default:
      if (looksLikeMember(key)) {
        note(fields, 'body_ambiguous', 'look-alike key')
        fields.isIdSafe = false
      }
      return skipValue(cursor)
  }
}

function readParameters(cursor: JsonCursor, fields: Fields, hmac: ArgumentsHmac | null): void {
  if (kindAt(cursor) !== 'object') {
    // Some clients write `null` for none.
    if (readRaw(cursor) !== 'null') note(fields, 'body_malformed', 'params is not an object')
    return
  }
  readObject(cursor, (key) => {
    switch (key) {
      case 'name':
      case 'uri':
      case 'taskId':
        fields[key] = readStringOr(cursor)
        return
      case '_meta':
        return readMeta(cursor, fields)
      case 'ref':
        fields.reference = readReference(cursor, () => note(fields, 'body_ambiguous', 'look-alike key'))
        return
      case 'notifications':
        fields.subscriptions = readSubscriptions(cursor, () =>
          note(fields, 'body_ambiguous', 'look-alike key'),
        )
        return
      case 'arguments':
        if (hmac === null) return skipValue(cursor)
        fields.argumentsHmac = hmac(readRaw(cursor))
        return
      default:
        if (looksLikeParameter(key)) note(fields, 'body_ambiguous', 'look-alike key')
        return skipValue(cursor)
    }
  })
}

function readMeta(cursor: JsonCursor, fields: Fields): void {
  if (kindAt(cursor) !== 'object') return skipValue(cursor)
  readObject(cursor, (key) => {
    if (key === claimKey) {
      fields.claim = { value: readStringOr(cursor) }
      return
    }
    if (key === 'traceparent') {
      fields.traceId = traceIdOf(readStringOr(cursor))
      return
    }
    if (looksLikeClaim(key)) note(fields, 'body_ambiguous', 'look-alike key')
    skipValue(cursor)
  })
}

/** An id's exact text; null with an issue where parsers could read different ids, or none. */
function readId(cursor: JsonCursor, fields: Fields): string | null {
  const kind = kindAt(cursor)
  const raw = readRaw(cursor)
  if (kind === 'string' || (kind === 'number' && /^(?:0|-?[1-9][0-9]*)$/.test(raw))) return raw
  if (raw !== 'null') note(fields, 'body_malformed', 'id is neither a string nor an integer')
  return null
}

function readStringOr(cursor: JsonCursor): string | null {
  if (kindAt(cursor) === 'string') return readString(cursor)
  skipValue(cursor)
  return null
}

function note(fields: Fields, reason: JsonRefusal['reason'], detail: string): void {
  fields.issue ??= { reason, detail }
}

function judge(fields: Fields): ReadMessage {
  const { method } = fields
  const targetField = method === null ? undefined : targets.get(method)
  // Methods that are still to be invented keep to the pattern: tasks/list has no task, others may.
  const target = targetField === undefined ? looseTarget(fields) : fields[targetField]
  if (fields.hasMethod && (fields.hasResult || fields.hasError))
    note(fields, 'body_ambiguous', 'both a call and a response')
  else if (fields.hasResult && fields.hasError) note(fields, 'body_ambiguous', 'both a result and an error')
  else if (!fields.isVersioned) note(fields, 'body_malformed', 'not JSON-RPC 2.0')
  else if (fields.hasMethod) judgeCall(fields, target, targetField)
  else if (!fields.hasResult && !fields.hasError) note(fields, 'body_malformed', 'not a JSON-RPC message')
  else if (fields.hasResult && fields.id === null) note(fields, 'body_malformed', 'response without an id')
  const message: ReadMessage = {
    kind: fields.hasMethod ? (fields.hasId ? 'request' : 'notification') : 'response',
    id: fields.isIdSafe ? fields.id : null,
    method,
    tool: method === 'tools/call' ? target : null,
    target: fields.hasMethod ? target : null,
    claim: fields.claim,
    issue: fields.issue,
  }
  // Not spread: that costs each message, and few have any of these.
  const mentions = mentionsOf(fields)
  if (mentions !== null) message.mentions = mentions
  if (fields.traceId !== null) message.traceId = fields.traceId
  if (fields.argumentsHmac !== null) message.argumentsHmac = fields.argumentsHmac
  return message
}

function judgeCall(fields: Fields, target: string | null, targetField: TargetField | undefined): void {
  const { method } = fields
  if (method === null) return note(fields, 'body_malformed', 'method is not a string')
  if (fields.hasId && fields.id === null) return note(fields, 'body_malformed', 'id is null')
  if (method.length > nameLimit) return note(fields, 'body_malformed', 'method too long')
  if (looksLikeMethod(method)) return note(fields, 'body_ambiguous', 'look-alike method')
  if (hasControl(method)) return note(fields, 'body_ambiguous', 'control character in the method')
  if (target === null) {
    if (targetField !== undefined && !goneMethods.has(method))
      note(fields, 'body_malformed', 'target is missing or no string')
    return
  }
  if (targetField === 'name' && target.length > nameLimit) note(fields, 'body_malformed', 'name too long')
  // Some readers stop at a NUL, and Postgres stores none.
  if (hasControl(target)) note(fields, 'body_ambiguous', 'control character in the target')
}

function mentionsOf({ method, reference, subscriptions }: Fields): readonly Mention[] | null {
  if (method === 'subscriptions/listen') return subscriptions
  return method === 'completion/complete' ? reference : null
}

function looseTarget(fields: Fields): string | null {
  return fields.method?.startsWith('tasks/') === true ? fields.taskId : null
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text)
}
