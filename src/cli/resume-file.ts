import { createReadStream, existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { readCheckpoint } from '../domain/checkpoint.ts'
import { readLine } from '../domain/trail-line.ts'

/** Where a file of an export that broke off ends, once what is half of something is cut off. */
export interface Resumed {
  file: FileHandle
  /** What the last whole record is behind: a row's id, or a checkpoint's number. Null where there is none yet. */
  after: string | null
}

export type ExportFormat = 'jsonl' | 'csv' | 'sealed'

/** Opens the file to go on with, or makes it. Throws where it holds something else. */
export async function resumeFile(path: string, format: ExportFormat): Promise<Resumed> {
  const { end, after } = existsSync(path) ? await lastWhole(path, format) : { end: 0, after: null }
  const file = await open(path, 'a', 0o600)
  await file.truncate(end)
  return { file, after }
}

/** The end of the last whole record, in bytes, and what it is. Read from the start, since records have quotes. */
async function lastWhole(path: string, format: ExportFormat): Promise<{ end: number; after: string | null }> {
  let found: { end: number; after: string | null } = { end: 0, after: null }
  let at = 0
  let record: Buffer[] = []
  let isQuoted = false
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index]
      if (byte === quote && format === 'csv') isQuoted = !isQuoted
      if (byte !== lineFeed || isQuoted) continue
      record.push(chunk.subarray(start, index + 1))
      start = index + 1
      const name = nameOf(Buffer.concat(record).toString(), format)
      record = []
      // Of an export for verification only a checkpoint is a place to go on from.
      if (name !== null) found = { end: at + index + 1, after: name === '' ? found.after : name }
    }
    record.push(chunk.subarray(start))
    at += chunk.length
  }
  return found
}

const quote = '"'.charCodeAt(0)
const lineFeed = '\n'.charCodeAt(0)

/** What a record is called; empty for headings; null where one can't go on behind it. */
function nameOf(text: string, format: ExportFormat): string | null {
  if (format === 'sealed') {
    const line = readLine(text.trimEnd())
    const checkpoint = line !== null && 'checkpoint' in line ? readCheckpoint(line.checkpoint.text) : null
    return checkpoint === null ? null : String(checkpoint.number)
  }
  if (format === 'csv') return text.startsWith('id,') ? '' : idIn(text.slice(0, 36))
  return idIn(/^\{"id":"([^"]*)"/.exec(text)?.[1] ?? '')
}

function idIn(text: string): string | null {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null
}
