import { constants } from 'node:fs'
import { open, realpath, type FileHandle } from 'node:fs/promises'
import { holdsToken } from '../../../src/domain/service-key.ts'
import { BridgeFailure } from '../contracts.ts'

/** A short text that nobody else on this machine can read. */
export interface PrivateText {
  /** Where the file really is, links followed. */
  path: string
  text: string
}

const limitBytes = 512

/**
 * Reads a file that holds a secret. It must be a regular file of at most 512 bytes, owned by who runs this, that no
 * one else may read or write; on Windows, where the mode says nothing of that, only the first two are checked. Throws
 * {@link BridgeFailure} `key_file_unsafe` or `key_file_unreadable`, without anything of its content.
 */
export async function readPrivateFile(file: string): Promise<PrivateText> {
  const name = shownPath(file)
  let handle: FileHandle | null = null
  try {
    const path = await realpath(file)
    // Without O_NONBLOCK a pipe would have us wait for whoever writes into it.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const facts = await handle.stat()
    if (!facts.isFile()) throw unsafe(`${name} is not a regular file: put the secret into one`)
    if (process.platform !== 'win32') {
      if (facts.uid !== process.geteuid?.())
        throw unsafe(`${name} belongs to another user: make it your own, such as by chown`)
      if ((facts.mode & 0o077) !== 0) throw unsafe(`${name} can be read by others: run chmod 600 on it`)
    }
    const buffer = Buffer.alloc(limitBytes + 1)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    if (bytesRead > limitBytes)
      throw unsafe(`${name} is longer than ${limitBytes} bytes: put the secret into it, and nothing else`)
    return { path, text: buffer.toString('utf8', 0, bytesRead) }
  } catch (error) {
    if (error instanceof BridgeFailure) throw error
    throw new BridgeFailure('key_file_unreadable', `${name} can't be read: ${whyOf(error)}`)
  } finally {
    await handle?.close()
  }
}

/** The path as a person may see it: whoever took the option for the place of the key itself finds no key in a log. */
export function shownPath(path: string): string {
  return holdsToken(path) ? 'the key file' : path.replaceAll(/\p{C}/gu, '?')
}

/** What an error of the file system means, with its code. */
export function whyOf(error: unknown): string {
  const code = codeOf(error)
  const meaning = meanings[code] ?? 'the system refused'
  return code === '' ? meaning : `${meaning} (${code})`
}

/** Such as ENOSPC; empty where an error has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'you may not',
  EPERM: 'you may not',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  EIO: 'the disk failed',
  EBUSY: 'another program has it open',
}

function unsafe(message: string): BridgeFailure {
  return new BridgeFailure('key_file_unsafe', message)
}
