import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { livenessOf, ownIdentity } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** Who holds a data directory. */
export interface Holder extends ProcessIdentity {
  /** Unique to this holding. */
  id: string
  /** The Unix socket on which the holder serves the admin API; null where it serves none. */
  socketPath: string | null
}

export interface Lock {
  holder: Holder
  /** Gives the directory back. Synchronous, so that it can run while the process exits; twice does no harm. */
  release(): void
}

/** The directory is held by another process, or it can't be told whether that one lives. */
export class DirectoryLocked extends Error {
  override readonly name = 'DirectoryLocked'
  readonly code = 'directory_locked'
  readonly holder: Holder | null
  constructor(message: string, holder: Holder | null) {
    super(message)
    this.holder = holder
  }
}

/**
 * Takes the lock of a data directory that exists, or throws {@link DirectoryLocked}.
 *
 * The lock is the file `lock.<n>` with the highest n. A new one is made complete by `link()`, which fails if it
 * exists, so of several that find generation n dead or released one makes n + 1. No number is used twice: the
 * highest file is never removed, a release overwrites it. Whoever was so late that its n + 1 had come and gone
 * finds a higher one, or the generation that it judged gone, and starts over.
 */
export async function acquireLock(dataDir: string, settings: { socketPath: string | null }): Promise<Lock> {
  const holder: Holder = { ...ownIdentity(), id: randomUUID(), socketPath: settings.socketPath }
  for (;;) {
    const last = highest(dataDir)
    if (last > 0) refuseIfHeld(dataDir, last)
    const own = last + 1
    if (!linkNew(dataDir, own, { released: false, holder })) continue
    const judgedIsThere = last === 0 || existsSync(fileOf(dataDir, last))
    if (judgedIsThere && highest(dataDir) === own) {
      removeBelow(dataDir, own)
      return { holder, release: once(() => overwrite(dataDir, own, { released: true, holder })) }
    }
    rmSync(fileOf(dataDir, own), { force: true })
  }
}

/**
 * Who holds the lock, and whether that process is known to live; null where nobody does, or there is no such
 * directory. Where `alive` is false, {@link acquireLock} says whether the lock can be taken.
 */
export function readLock(dataDir: string): { holder: Holder; alive: boolean } | null {
  for (;;) {
    const last = existsSync(dataDir) ? highest(dataDir) : 0
    if (last === 0) return null
    const content = read(dataDir, last)
    // Gone since it was listed: a higher one has taken its place.
    if (content === null) continue
    if (content.released) return null
    return { holder: content.holder, alive: livenessOf(content.holder) === 'alive' }
  }
}

interface Content {
  released: boolean
  holder: Holder
}

function refuseIfHeld(dataDir: string, generation: number): void {
  const file = fileOf(dataDir, generation)
  const content = read(dataDir, generation)
  if (content === null || content.released) return
  const { holder } = content
  const liveness = livenessOf(holder)
  if (liveness === 'alive')
    throw new DirectoryLocked(
      `${dataDir} is in use by process ${holder.pid} on this host: stop that process, or use another directory`,
      holder,
    )
  if (liveness === 'elsewhere')
    throw new DirectoryLocked(
      `${dataDir} was locked by process ${holder.pid} on host ${JSON.stringify(holder.host)}, or before a restart of it: make sure that no process uses it, remove ${file} and start again`,
      holder,
    )
}

const filePattern = /^lock\.([1-9]\d{0,14})$/

function generations(dataDir: string): number[] {
  return readdirSync(dataDir).flatMap((name) => {
    const digits = filePattern.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
}

function highest(dataDir: string): number {
  return Math.max(0, ...generations(dataDir))
}

function fileOf(dataDir: string, generation: number): string {
  return join(dataDir, `lock.${generation}`)
}

/** The content of a generation; null where it has gone. Throws for one that isn't ours to read. */
function read(dataDir: string, generation: number): Content | null {
  const file = fileOf(dataDir, generation)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
  const content = parse(text)
  if (content === null)
    throw new DirectoryLocked(
      `${file} can't be read as a lock: make sure that no process uses ${dataDir}, remove the file and start again`,
      null,
    )
  return content
}

function parse(text: string): Content | null {
  try {
    const content: Partial<Content> = JSON.parse(text)
    const { released, holder } = content
    if (typeof released !== 'boolean' || typeof holder?.pid !== 'number') return null
    if (![holder.startedAt, holder.host, holder.boot, holder.id].every((item) => typeof item === 'string'))
      return null
    return { released, holder: { ...holder, socketPath: holder.socketPath ?? null } }
  } catch {
    return null
  }
}

/** Makes the file of a generation, complete from the start; false where it exists. */
function linkNew(dataDir: string, generation: number, content: Content): boolean {
  const draft = writeDraft(dataDir, content)
  try {
    linkSync(draft, fileOf(dataDir, generation))
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function overwrite(dataDir: string, generation: number, content: Content): void {
  // A directory that was removed needs no giving back.
  if (existsSync(dataDir)) renameSync(writeDraft(dataDir, content), fileOf(dataDir, generation))
}

function writeDraft(dataDir: string, content: Content): string {
  const draft = join(dataDir, `lock-draft.${randomUUID()}`)
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, JSON.stringify(content))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return draft
}

/** Lowest first: while a generation is there, so is every one above it that was ever the lock. */
function removeBelow(dataDir: string, generation: number): void {
  for (const lower of generations(dataDir).sort((a, b) => a - b))
    if (lower < generation) rmSync(fileOf(dataDir, lower), { force: true })
}

function once(work: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    work()
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
