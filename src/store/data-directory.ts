import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'

/** The data directory can't be used as it is. */
export class DirectoryUnsafe extends Error {
  override readonly name = 'DirectoryUnsafe'
  readonly code = 'directory_unsafe'
}

/**
 * Makes the data directory with mode 0700 where it is missing, and answers its real path. One that is there must
 * be closed to others already; an empty one of ours is closed.
 */
export function prepareDirectory(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const path = realpathSync(dataDir)
  const { mode, uid } = lstatSync(path)
  const own = process.getuid?.()
  if (own !== undefined && uid !== own)
    throw new DirectoryUnsafe(`${path} belongs to another user: use a directory of your own`)
  if ((mode & 0o077) !== 0) {
    if (readdirSync(path).length > 0)
      throw new DirectoryUnsafe(
        `${path} is open to other users: run chmod 700 ${path}, or use another directory`,
      )
    chmodSync(path, 0o700)
  }
  return path
}
