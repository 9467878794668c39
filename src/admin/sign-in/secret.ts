import { randomBytes } from 'node:crypto'
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The file with the secret can't be used as it is. The message says what to do, and shows nothing of it. */
export class AdminSecretUnsafe extends Error {
  override readonly name = 'AdminSecretUnsafe'
  readonly code = 'admin_secret_unsafe'
}

/**
 * What people's sessions are signed with, in `admin-secret` of a data directory: made once, for one process. Who calls
 * holds the directory's lock. Throws {@link AdminSecretUnsafe}.
 */
export function keepAdminSecret(dataDir: string): string {
  const path = join(dataDir, 'admin-secret')
  const entry = lstatSync(path, { throwIfNoEntry: false })
  if (entry === undefined) writeNewSecret(path)
  else {
    const own = process.getuid?.()
    if (!entry.isFile() || (own !== undefined && entry.uid !== own))
      throw new AdminSecretUnsafe(`${path} must be a plain file of the user that runs Postern`)
    if (process.platform !== 'win32' && (entry.mode & 0o077) !== 0)
      throw new AdminSecretUnsafe(
        `${path} is open to other users: remove it to get a new one, which signs everyone out`,
      )
  }
  const secret = readFileSync(path, 'utf8').trim()
  if (secret.length < 32)
    throw new AdminSecretUnsafe(
      `${path} holds no secret of at least 32 characters: remove it to get a new one`,
    )
  return secret
}

/** Whole or not at all: a kill in between must not leave half of it. */
function writeNewSecret(path: string): void {
  const unfinished = `${path}.new`
  rmSync(unfinished, { force: true })
  writeFileSync(unfinished, `${randomBytes(32).toString('base64')}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  })
  renameSync(unfinished, path)
}
