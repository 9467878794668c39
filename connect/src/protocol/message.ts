/** One JSON-RPC message, beside the text in which it came: that text is what goes on. */
export interface Message {
  kind: 'request' | 'notification' | 'response'
  /** The id as JSON text, as it stands in the message; null for notifications. */
  id: string | null
  /** Null for responses. */
  method: string | null
  params: Record<string, unknown>
  /** `params._meta`. */
  meta: Record<string, unknown>
  /** The result of a response; null where it is an error or not one. */
  result: Record<string, unknown> | null
  error: { code: number; message: string; data?: unknown } | null
}

export interface Reading {
  /** Without line breaks, otherwise as it came: numbers and unknown members stay what they are. */
  text: string
  messages: Message[]
  isBatch: boolean
}

/** The messages in a text; a number where there are none: the JSON-RPC code that says why. */
export function readMessages(source: string): Reading | -32700 | -32600 {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    return -32700
  }
  // Within JSON a line break can only stand between tokens.
  const text = /[\r\n]/.test(source) ? source.replaceAll(/[\r\n]+/g, ' ') : source
  const isBatch = Array.isArray(value)
  const messages: Message[] = []
  for (const each of isBatch ? (value as unknown[]) : [value]) {
    const message = readMessage(each, text)
    if (message === null) return -32600
    messages.push(message)
  }
  return messages.length === 0 ? -32600 : { text, messages, isBatch }
}

/** What 2026-07-28 puts into each message: the revision that it speaks; null in older ones. */
export function claimedRevision(message: Message): string | null {
  const claim = message.meta['io.modelcontextprotocol/protocolVersion']
  return typeof claim === 'string' ? claim : null
}

/** A JSON-RPC error as one line; `id` is JSON text, null where there is none to answer to. */
export function errorText(id: string | null, code: number, message: string, data?: unknown): string {
  const error = JSON.stringify(data === undefined ? { code, message } : { code, message, data })
  return `{"jsonrpc":"2.0","id":${id ?? 'null'},"error":${error}}`
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readMessage(value: unknown, text: string): Message | null {
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') return null
  const { method = null, id = null } = value
  const params = isRecord(value['params']) ? value['params'] : {}
  const meta = isRecord(params['_meta']) ? params['_meta'] : {}
  const base = { params, meta, result: null, error: null }
  if (typeof method === 'string') {
    if (id === null) return { kind: 'notification', id: null, method, ...base }
    const idText = idTextOf(id, text)
    return idText === null ? null : { kind: 'request', id: idText, method, ...base }
  }
  if (method !== null) return null
  const idText = id === null ? 'null' : idTextOf(id, text)
  if (idText === null) return null
  const { result, error } = value
  if (isRecord(error) && typeof error['code'] === 'number' && typeof error['message'] === 'string') {
    const { code, message, data } = error
    return { kind: 'response', id: idText, method, ...base, error: { code, message, data } }
  }
  if (!isRecord(result)) return null
  return { kind: 'response', id: idText, method, ...base, result }
}

/** `JSON.parse` rounds large numbers, and an answer must bear the very id that was asked with. */
function idTextOf(id: unknown, text: string): string | null {
  if (typeof id === 'string') return JSON.stringify(id)
  if (typeof id !== 'number') return null
  if (Number.isSafeInteger(id)) return String(id)
  for (const [, digits = ''] of text.matchAll(/"id"\s*:\s*(-?[0-9.eE+-]+)/g))
    if (Number(digits) === id) return digits
  return String(id)
}
