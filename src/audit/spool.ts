import {
  closeSync,
  constants,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CallRecord, EndRecord } from '../domain/call.ts'

const sync = promisify(fdatasync)

/** A new file is begun when one has grown to this many bytes. */
const segmentBytes = 4 * 1024 * 1024
/** An emptied file is cut back to nothing once it holds this many bytes. */
const truncateBytes = 64 * 1024

export type SpoolLine = { call: CallRecord } | { end: EndRecord }

/** A file of the spool, with the number of its rows that the database doesn't have yet. */
export interface Segment {
  readonly path: string
  readonly fd: number
  bytes: number
  pending: number
}

/**
 * The local file that a call is in before it goes on to the backend. A `write()` that returned survives the
 * end of the process; {@link Spool.sync} makes it survive the machine's, too. One line of JSON a row; a later
 * line about the same call replaces the earlier one.
 */
export interface Spool {
  /**
   * Appends all of the lines or none, and answers the segment to settle once the database has their rows. Throws
   * where the disk doesn't take them.
   */
  append(lines: readonly SpoolLine[]): Segment
  /** The database has `rows` of what was appended to this segment. */
  settle(segment: Segment, rows: number): void
  /** Makes everything appended so far survive a power loss. */
  sync(): Promise<void>
  /** Bytes held for rows that the database doesn't have yet, rounded up to whole files. */
  pendingBytes(): number
  /** Closes the files; removes those that hold nothing pending. */
  close(): void
}

export function openSpool(directory: string, boot: string): Spool {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  let count = 0
  let isClosed = false
  let current = create()
  const open = new Set<Segment>([current])

  function create(): Segment {
    // Padded, so that the names sort as the files were made.
    const path = join(directory, `${boot}-${String(++count).padStart(6, '0')}.jsonl`)
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_WRONLY
    return { path, fd: openSync(path, flags, 0o600), bytes: 0, pending: 0 }
  }

  function write(segment: Segment, lines: readonly SpoolLine[]): void {
    // The descriptor may be another file's by now.
    if (isClosed) throw new Error('the spool is closed')
    let text = ''
    for (const line of lines) text += `${JSON.stringify(line)}\n`
    const bytes = Buffer.from(text)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(segment.fd, bytes, written)
    } catch (error) {
      // A full disk may have taken half a line: cut it off, or the next one would be glued to it.
      if (written > 0) ftruncateSync(segment.fd, segment.bytes)
      throw error
    }
    segment.bytes += bytes.length
  }

  function remove(segment: Segment): void {
    closeSync(segment.fd)
    unlinkSync(segment.path)
    open.delete(segment)
  }

  return {
    append(lines) {
      if (current.bytes >= segmentBytes) {
        const next = create()
        if (current.pending === 0) remove(current)
        current = next
        open.add(current)
      }
      write(current, lines)
      current.pending += lines.length
      return current
    },
    settle(segment, rows) {
      segment.pending -= rows
      if (segment.pending > 0) return
      if (segment !== current) {
        if (open.has(segment)) remove(segment)
      } else if (segment.bytes >= truncateBytes) {
        ftruncateSync(segment.fd, 0)
        segment.bytes = 0
      }
    },
    async sync() {
      await Promise.all(
        [...open].map(async (segment) => {
          try {
            await sync(segment.fd)
          } catch (error) {
            // All that it held was committed meanwhile, and it is gone.
            if (open.has(segment)) throw error
          }
        }),
      )
    },
    pendingBytes() {
      let bytes = 0
      for (const segment of open) if (segment.pending > 0) bytes += segment.bytes
      return bytes
    },
    close() {
      isClosed = true
      for (const segment of open) {
        if (segment.pending <= 0) remove(segment)
        else closeSync(segment.fd)
      }
      open.clear()
    },
  }
}

export interface LeftBehind {
  path: string
  calls: CallRecord[]
  ends: EndRecord[]
  /** Lines that are no rows, other than a torn last one. */
  corruptLines: number
  /** Rows that the database took for no rows, once they were replayed. */
  refusedRows: number
}

/**
 * What earlier runs left in the directory, file by file, each call once and as it was known last. A torn last
 * line belongs to a call that never went on.
 */
export function readLeftBehind(directory: string): LeftBehind[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const files = names
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => readSegment(join(directory, name)))
  // The trail keeps the first row of an id, so an intent must not get there before what a later file amends.
  const laterIds = new Set<string>()
  for (const file of files.toReversed()) {
    file.calls = file.calls.filter((call) => !laterIds.has(call.id))
    for (const call of file.calls) laterIds.add(call.id)
  }
  return files
}

/** Takes a file that was replayed out of the way; one that could not be replayed whole is kept beside, for people. */
export function putAway(left: LeftBehind): string | null {
  if (left.corruptLines === 0 && left.refusedRows === 0) {
    unlinkSync(left.path)
    return null
  }
  const aside = `${left.path}.corrupt`
  renameSync(left.path, aside)
  return aside
}

function readSegment(path: string): LeftBehind {
  const lines = readFileSync(path, 'utf8').split('\n')
  const torn = lines.pop() ?? ''
  const calls = new Map<string, CallRecord>()
  const ends = new Map<string, EndRecord>()
  let corruptLines = 0
  for (const text of lines) {
    const line = parseLine(text)
    if (line === null) corruptLines++
    else if ('call' in line) calls.set(line.call.id, line.call)
    else ends.set(line.end.callId, line.end)
  }
  // Whole, but for its line break: then it counts.
  const last = parseLine(torn)
  if (last !== null) {
    if ('call' in last) calls.set(last.call.id, last.call)
    else ends.set(last.end.callId, last.end)
  }
  return { path, calls: [...calls.values()], ends: [...ends.values()], corruptLines, refusedRows: 0 }
}

function parseLine(text: string): SpoolLine | null {
  try {
    const line = JSON.parse(text) as Partial<{ call: CallRecord; end: EndRecord }> | null
    if (typeof line?.call?.id === 'string' && typeof line.call.sequence === 'number')
      // A file of a version before this has no principals.
      return { call: { ...line.call, principal: line.call.principal ?? null } }
    if (typeof line?.end?.callId === 'string') return { end: line.end }
    return null
  } catch {
    return null
  }
}
