import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm, stat, link } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from './private-file.ts'

/** The right to renew a key file, among all bridges that share it. */
export interface FileLock {
  /** Whether it is still ours: a process that slept too long may have lost it. */
  isOurs(): Promise<boolean>
  /** Never rejects. */
  release(): Promise<void>
}

/** A lock of another host, or one that can't be read, counts as left behind after this time, in milliseconds. */
export const lockStaleMs = 120_000

/**
 * Takes `<path>.lock`, which names process and host; null where another bridge holds it. One of a dead process on this
 * host is taken over at once, any other once it is older than {@link lockStaleMs}, which is longer than any renewal
 * takes. Rejects with what the file system says.
 */
export async function acquireFileLock(path: string, now: () => number): Promise<FileLock | null> {
  const file = `${path}.lock`
  const own = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() })
  // Once more after a stale one was moved away.
  for (let attempt = 1; attempt <= 2; attempt++) {
    if (await create(file, own)) return heldLock(file, own)
    const found = await readLock(file)
    if (found === null) continue
    if (!isStale(found, now())) return null
    await moveAway(file, found.text)
  }
  return null
}

function heldLock(file: string, own: string): FileLock {
  const isOurs = async () => (await readLock(file))?.text === own
  return {
    isOurs,
    async release() {
      try {
        if (await isOurs()) await rm(file, { force: true })
      } catch {
        // Who comes next finds it stale.
      }
    },
  }
}

async function create(file: string, own: string): Promise<boolean> {
  let handle
  try {
    handle = await open(file, 'wx', 0o600)
  } catch (error) {
    // On Windows EPERM for one that is just being removed.
    if (codeOf(error) === 'EEXIST' || (process.platform === 'win32' && codeOf(error) === 'EPERM'))
      return false
    throw error
  }
  try {
    await handle.writeFile(own)
  } catch (error) {
    await rm(file, { force: true }).catch(() => {})
    throw error
  } finally {
    await handle.close()
  }
  return true
}

interface FoundLock {
  text: string
  modifiedMs: number
}

async function readLock(file: string): Promise<FoundLock | null> {
  try {
    const { mtimeMs } = await stat(file)
    return { text: await readFile(file, 'utf8'), modifiedMs: mtimeMs }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

function isStale({ text, modifiedMs }: FoundLock, nowMs: number): boolean {
  const owner = ownerIn(text)
  if (owner !== null && owner.host === hostname() && !isAlive(owner.pid)) return true
  // By age too where a process of that id lives: ids are used again.
  return nowMs - modifiedMs > lockStaleMs
}

/** Null where it can't be read: cut off, or just being written. */
function ownerIn(text: string): { pid: number; host: string } | null {
  try {
    const { pid, host } = JSON.parse(text) as Record<string, unknown>
    return typeof pid === 'number' && Number.isInteger(pid) && pid > 0 && typeof host === 'string'
      ? { pid, host }
      : null
  } catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: there is one, of another user.
    return codeOf(error) !== 'ESRCH'
  }
}

/**
 * To move it is what only one of several can do. Where what was moved is not what was found stale, another bridge was
 * quicker and it is its new lock: it is put back, and `isOurs` settles it should a third have come in between.
 */
async function moveAway(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    if ((await readFile(aside, 'utf8')) !== stale) await link(aside, file)
  } catch {
    // A third has it.
  } finally {
    await rm(aside, { force: true })
  }
}
