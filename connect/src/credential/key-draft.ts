import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { codeOf } from './private-file.ts'

/** The next content of a key file, with its room on the disk taken already. */
export interface KeyDraft {
  /** Puts the token into the key file's place at once and for good: after a crash it holds the old or the new one. */
  commit(token: string): Promise<void>
  /** Removes what was not committed. Never rejects. */
  discard(): Promise<void>
}

/**
 * Makes the draft beside the key file (`path`, links followed), for whoever holds its lock. What can fail for a full
 * disk or a read-only folder fails here, before a successor is asked for. The draft holds the present token until then:
 * whatever becomes of it, it never takes a key away.
 */
export async function draftKeyFile(path: string, present: string): Promise<KeyDraft> {
  await removeLeftDrafts(path)
  const draft = `${path}${infix}${process.pid}-${randomUUID()}`
  let file: FileHandle | null = await open(draft, 'wx', 0o600)

  async function discard(): Promise<void> {
    await file?.close().catch(() => {})
    file = null
    await rm(draft, { force: true }).catch(() => {})
  }

  async function write(handle: FileHandle, token: string): Promise<void> {
    const content = Buffer.from(`${token}\n`)
    await handle.write(content, 0, content.length, 0)
    await handle.truncate(content.length)
    await handle.sync()
  }

  try {
    await write(file, present)
  } catch (error) {
    await discard()
    throw error
  }
  return {
    async commit(token) {
      if (file === null) throw new Error('the draft is gone')
      await write(file, token)
      const written = file
      file = null
      await written.close()
      await renameOver(draft, path)
      await syncDirectory(dirname(path))
    },
    discard,
  }
}

const infix = '.renewal-'

/** Of bridges that were killed in the middle. */
async function removeLeftDrafts(path: string): Promise<void> {
  const directory = dirname(path)
  const beginning = basename(path) + infix
  for (const name of await readdir(directory))
    if (name.startsWith(beginning)) await rm(join(directory, name), { force: true })
}

const renameAttempts = 20
const renamePauseMs = 50

/** On Windows a file that anyone has open, a virus scanner say, can't be replaced for that moment. */
async function renameOver(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await rename(from, to)
      return
    } catch (error) {
      const passes = process.platform === 'win32' && ['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error))
      if (!passes || attempt === renameAttempts) throw error
      await wait(renamePauseMs)
    }
  }
}

/** So that the new name outlives a power loss. Where folders can't be synced (Windows) the system sees to it. */
async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle | null = null
  try {
    handle = await open(directory, 'r')
    await handle.sync()
  } catch {
    // The file is in its place; nothing better can be done.
  } finally {
    await handle?.close().catch(() => {})
  }
}
