import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CommandFailed } from './failure.ts'

/** A place for a token that is not printed: made before there is one, so that none is ever lost. */
export interface TokenFile {
  /** Writes the token, and answers the file's path. */
  keep(keyId: string, token: string): string
  /** Takes the file away again, where no token came. */
  discard(): void
}

/** A new file, 0600, in the data directory. Throws {@link CommandFailed} where it can't be made. */
export function openTokenFile(dataDir: string): TokenFile {
  if (!existsSync(dataDir))
    throw new CommandFailed(
      `there is nowhere to put the secret: stdout is no terminal, and there is no data directory ${dataDir}; use --json`,
    )
  const draft = join(dataDir, `key-draft.${randomBytes(8).toString('hex')}`)
  const file = openSync(draft, 'wx', 0o600)
  return {
    keep(keyId, token) {
      const path = join(dataDir, `key-${keyId}.token`)
      writeSync(file, `${token}\n`)
      fsyncSync(file)
      closeSync(file)
      renameSync(draft, path)
      return path
    },
    discard() {
      closeSync(file)
      rmSync(draft, { force: true })
    },
  }
}
