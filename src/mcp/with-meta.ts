import { Buffer } from 'node:buffer'
import type { AnsweredMessage } from './read-answer.ts'

/**
 * The text of an answer with one more member in the `_meta` of each result; every other byte is as it was. Results
 * that anyone may be given from a cache stay as they are.
 */
export function withMeta(text: string, messages: readonly AnsweredMessage[], member: string): Buffer {
  let from = 0
  let changed = ''
  for (const { resultAt, metaAt, isPublic } of messages) {
    if (resultAt === null || metaAt === -1 || isPublic) continue
    const at = metaAt ?? resultAt
    objectEnd.lastIndex = at
    const isFirst = objectEnd.test(text)
    const inserted = metaAt === null ? `"_meta":{${member}}` : member
    changed += text.slice(from, at) + inserted + (isFirst ? '' : ',')
    from = at
  }
  return Buffer.from(changed + text.slice(from))
}

const objectEnd = /[ \t\r\n]*\}/y
