import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { lineOf, type SpoolLine } from './spool-line.ts'

const sync = promisify(fdatasync)

/** A new file is begun when one has grown to this many bytes. */
const segmentBytes = 4 * 1024 * 1024
/** An emptied file is cut back to nothing once it holds this many bytes. */
const truncateBytes = 64 * 1024
/** What a disk must take for the spool to begin: some lines. */
const probeBytes = 16 * 1024

/** A file of the spool, with the number of its rows that the database doesn't have yet. */
export interface Segment {
  readonly path: string
  readonly fd: number
  bytes: number
  pending: number
  /** Whether half a line may stand at its end: nothing may come after it. */
  isTorn: boolean
}

/**
 * The local file that a call is in before it goes on to the backend. A `write()` that returned survives the
 * end of the process; {@link Spool.sync} makes it survive the machine's, too. One line a row (`spool-line.ts`); a later
 * line about the same call replaces the earlier one.
 */
export interface Spool {
  /**
   * Appends all of the lines or none, and answers the segment to settle once the database has their rows. Throws
   * where the disk doesn't take them, and {@link SpoolFull} where more than `mostBytes` would be pending then.
   */
  append(lines: readonly SpoolLine[], mostBytes?: number): Segment
  /** The database has `rows` of what was appended to this segment. */
  settle(segment: Segment, rows: number): void
  /** Makes everything appended so far survive a power loss. */
  sync(): Promise<void>
  /** Bytes held for rows that the database doesn't have yet, over all files, each of them whole. */
  pendingBytes(): number
  /** Closes the files; removes those that hold nothing pending. */
  close(): void
}

/** More would be pending than may be. */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull'
  readonly code = 'spool_full'
}

/** The spool can't be written where it is to be. */
export class SpoolUnusable extends Error {
  override readonly name = 'SpoolUnusable'
  readonly code = 'spool_unusable'
  constructor(directory: string, cause: unknown) {
    super(
      `the spool ${directory} can't be written (${cause instanceof Error ? cause.message : String(cause)}): no call could be recorded, so none would be accepted; make room, or let POSTERN_DATA lie on a disk that can be written`,
      { cause },
    )
  }
}

/** Throws {@link SpoolUnusable} where the directory can't be made, or its disk takes nothing. */
export function openSpool(directory: string, boot: string): Spool {
  let count = 0
  let isClosed = false
  let pendingBytes = 0
  let current = begin()
  const open = new Set<Segment>([current])

  function begin(): Segment {
    let first: Segment | null = null
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      first = create()
      writeSync(first.fd, Buffer.alloc(probeBytes))
      fdatasyncSync(first.fd)
      ftruncateSync(first.fd, 0)
      return first
    } catch (error) {
      if (first !== null) {
        closeSync(first.fd)
        unlinkSync(first.path)
      }
      throw new SpoolUnusable(directory, error)
    }
  }

  function create(): Segment {
    // Padded, so that the names sort as the files were made.
    const path = join(directory, `${boot}-${String(++count).padStart(6, '0')}.jsonl`)
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_WRONLY
    return { path, fd: openSync(path, flags, 0o600), bytes: 0, pending: 0, isTorn: false }
  }

  function write(segment: Segment, bytes: Buffer): void {
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(segment.fd, bytes, written)
    } catch (error) {
      // A full disk may have taken half a line: cut it off, or the next one would be glued to it.
      if (written > 0) cutBack(segment)
      throw error
    }
  }

  function cutBack(segment: Segment): void {
    try {
      ftruncateSync(segment.fd, segment.bytes)
    } catch {
      segment.isTorn = true
    }
  }

  /** What a segment counts for changes with `change`. */
  function counted(segment: Segment, change: () => void): void {
    const before = segment.pending > 0 ? segment.bytes : 0
    change()
    pendingBytes += (segment.pending > 0 ? segment.bytes : 0) - before
  }

  function remove(segment: Segment): void {
    closeSync(segment.fd)
    unlinkSync(segment.path)
    open.delete(segment)
  }

  return {
    append(lines, mostBytes = Infinity) {
      // The descriptor may be another file's by now.
      if (isClosed) throw new Error('the spool is closed')
      let text = ''
      for (const line of lines) text += lineOf(line)
      const bytes = Buffer.from(text)
      // What of the file counts for nothing yet will count with it.
      const more = bytes.length + (current.pending > 0 ? 0 : current.bytes)
      if (pendingBytes + more > mostBytes)
        throw new SpoolFull(`the spool holds ${pendingBytes} bytes already`)
      if (current.bytes >= segmentBytes || current.isTorn) {
        const next = create()
        if (current.pending === 0) remove(current)
        current = next
        open.add(current)
      }
      const segment = current
      write(segment, bytes)
      counted(segment, () => {
        segment.bytes += bytes.length
        segment.pending += lines.length
      })
      return segment
    },
    settle(segment, rows) {
      counted(segment, () => {
        segment.pending -= rows
      })
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
    pendingBytes: () => pendingBytes,
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
