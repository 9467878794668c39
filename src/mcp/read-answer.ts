import { closeJson, kindAt, openJson, readArray, readObject, readRaw, skipValue } from './strict-json.ts'
import type { JsonCursor } from './strict-json.ts'

/** One message of an answer, as far as the trail and the warnings need it. */
export interface AnsweredMessage {
  /** The id's exact JSON text; null where there is none. */
  id: string | null
  /** A request or a notification of the server's own, which answers nothing. */
  isCall: boolean
  /** The code of its JSON-RPC error; null where it has none. */
  rpcCode: number | null
  /** The result's `isError`; null where the result has none. */
  isError: boolean | null
  /** Places in the text for a first member in the result, and in the `_meta` that it has; null where they aren't. */
  resultAt: number | null
  metaAt: number | null
  /** Whether anyone may keep the result and give it to others. */
  isPublic: boolean
}

export type AnswerReading =
  | { kind: 'read'; text: string; messages: AnsweredMessage[]; isBatch: boolean }
  /** Sound JSON, and no JSON-RPC that can be read in one way only. */
  | { kind: 'unreadable' }
  | { kind: 'no_json' }

/** Postgres keeps a code in an `integer`. */
const codeLimit = 2 ** 31

/** Reads what a server answered: a message, or a batch of them. The answer itself goes on as it came. */
export function readAnswer(bytes: Uint8Array): AnswerReading {
  const cursor = openJson(bytes)
  const isBatch = kindAt(cursor) === 'array'
  const messages: AnsweredMessage[] = []
  let isSound = true
  const read = () => {
    const message = readMessage(cursor)
    if (message === null) isSound = false
    else messages.push(message)
  }
  if (isBatch) readArray(cursor, read)
  else read()
  if (closeJson(cursor) === null && isSound) return { kind: 'read', text: cursor.text, messages, isBatch }
  return { kind: isJson(bytes) ? 'unreadable' : 'no_json' }
}

function readMessage(cursor: JsonCursor): AnsweredMessage | null {
  if (kindAt(cursor) !== 'object') {
    skipValue(cursor)
    return null
  }
  const message: AnsweredMessage = {
    id: null,
    isCall: false,
    rpcCode: null,
    isError: null,
    resultAt: null,
    metaAt: null,
    isPublic: false,
  }
  let isSound = true
  let parts = 0
  readObject(cursor, (key) => {
    if (key === 'id') message.id = idOf(readRaw(cursor))
    else if (key === 'result') {
      parts++
      isSound = readResult(cursor, message) && isSound
    } else if (key === 'error') {
      parts++
      isSound = readError(cursor, message) && isSound
    } else {
      if (key === 'method') message.isCall = true
      skipValue(cursor)
    }
  })
  return isSound && parts === (message.isCall ? 0 : 1) ? message : null
}

function readResult(cursor: JsonCursor, message: AnsweredMessage): boolean {
  if (kindAt(cursor) !== 'object') {
    skipValue(cursor)
    return false
  }
  let isSound = true
  message.resultAt = cursor.at + 1
  readObject(cursor, (key) => {
    if (key === 'isError') {
      const raw = readRaw(cursor)
      message.isError = raw === 'true'
      if (raw !== 'true' && raw !== 'false') isSound = false
    } else if (key === 'cacheScope') message.isPublic = readRaw(cursor) === '"public"'
    else {
      if (key === '_meta') message.metaAt = kindAt(cursor) === 'object' ? cursor.at + 1 : -1
      skipValue(cursor)
    }
  })
  return isSound
}

function readError(cursor: JsonCursor, message: AnsweredMessage): boolean {
  if (kindAt(cursor) !== 'object') {
    skipValue(cursor)
    return false
  }
  readObject(cursor, (key) => {
    const raw = key === 'code' ? readRaw(cursor) : null
    if (raw === null) skipValue(cursor)
    else if (/^-?[0-9]{1,10}$/.test(raw) && Math.abs(Number(raw)) < codeLimit) message.rpcCode = Number(raw)
  })
  return message.rpcCode !== null
}

function idOf(raw: string): string | null {
  return raw === 'null' ? null : raw
}

/** Some answers are JSON that the strict reading refuses: a key twice, or deeper than it goes. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return true
  } catch {
    return false
  }
}
