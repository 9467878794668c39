import { kindAt, readArray, readObject, readString, skipValue, type JsonCursor } from './strict-json.ts'
import { lookAlikeOf } from './look-alike.ts'

/** Something of the server's that a message is about without being aimed at it. */
export interface Mention {
  kind: 'prompt' | 'resource'
  /** The prompt's name; the resource's URI, or the template of such. */
  name: string
}

const looksLikePart = lookAlikeOf(['type', 'name', 'uri'])
const looksLikeSubscription = lookAlikeOf(['resourceSubscriptions'])

/**
 * Reads the `ref` of a `completion/complete`: null where it is neither of the two that there are. `onLookAlike` is told
 * of a key that others may read as one of these.
 */
export function readReference(cursor: JsonCursor, onLookAlike: () => void): readonly Mention[] | null {
  if (kindAt(cursor) !== 'object') return skipped(cursor)
  const found: Record<'type' | 'name' | 'uri', string | null> = { type: null, name: null, uri: null }
  readObject(cursor, (key) => {
    if ((key === 'type' || key === 'name' || key === 'uri') && kindAt(cursor) === 'string') {
      found[key] = readString(cursor)
      return
    }
    if (looksLikePart(key)) onLookAlike()
    skipValue(cursor)
  })
  const { type, name, uri } = found
  if (type === 'ref/prompt' && name !== null) return [{ kind: 'prompt', name }]
  return type === 'ref/resource' && uri !== null ? [{ kind: 'resource', name: uri }] : null
}

/** Reads the `notifications` of a `subscriptions/listen`: the resources in it; null where that can't be told. */
export function readSubscriptions(cursor: JsonCursor, onLookAlike: () => void): readonly Mention[] | null {
  if (kindAt(cursor) !== 'object') return skipped(cursor)
  const mentions: Mention[] = []
  let isRead = true
  readObject(cursor, (key) => {
    if (key !== 'resourceSubscriptions') {
      if (looksLikeSubscription(key)) onLookAlike()
      return skipValue(cursor)
    }
    if (kindAt(cursor) !== 'array') {
      isRead = false
      return skipValue(cursor)
    }
    readArray(cursor, () => {
      if (kindAt(cursor) === 'string') mentions.push({ kind: 'resource', name: readString(cursor) })
      else {
        isRead = false
        skipValue(cursor)
      }
    })
  })
  return isRead ? mentions : null
}

function skipped(cursor: JsonCursor): null {
  skipValue(cursor)
  return null
}
