import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync } from 'node:crypto'
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSigningKeys } from '../domain/signing-key.ts'

/** The file with the signing keys can't be used as it is. The message says what to do, and shows nothing of it. */
export class SigningKeyUnsafe extends Error {
  override readonly name = 'SigningKeyUnsafe'
  readonly code = 'signing_key_unsafe'
}

/** A file of signing keys, and the variable that they can be given by in its place. */
export interface SigningKeyFile {
  name: string
  variable: string
}

const assertionKeys: SigningKeyFile = { name: 'signing-key.pem', variable: 'POSTERN_SIGNING_KEY' }

/**
 * The signing keys of a data directory: made once, for one process. Who calls holds the directory's lock. Several PEMs
 * in the file follow the same rule as several keys in the variable.
 */
export function keepSigningKeys(dataDir: string, { name, variable } = assertionKeys): KeyObject[] {
  const path = join(dataDir, name)
  const entry = lstatSync(path, { throwIfNoEntry: false })
  if (entry === undefined) writeNewKey(path, variable)
  else {
    const own = process.getuid?.()
    if (!entry.isFile() || (own !== undefined && entry.uid !== own))
      throw new SigningKeyUnsafe(`${path} must be a plain file of the user that runs Postern`)
    if (process.platform !== 'win32' && (entry.mode & 0o077) !== 0)
      throw new SigningKeyUnsafe(
        `${path} is open to other users: remove it to get a new key, or run chmod 600 ${path} if nobody can have read it`,
      )
  }
  const keys = parseSigningKeys(readFileSync(path, 'utf8'))
  if (keys === null)
    throw new SigningKeyUnsafe(
      `${path} holds no Ed25519 private key as a PKCS#8 PEM: remove it to get a new one`,
    )
  return keys
}

/** Whole or not at all: a kill in between must not leave half a key, which no later start could read. */
function writeNewKey(path: string, variable: string): void {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
  const unfinished = `${path}.new`
  try {
    rmSync(unfinished, { force: true })
    writeFileSync(unfinished, pem, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(unfinished, path)
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException
    throw new SigningKeyUnsafe(`${path} can't be made (${code}): set ${variable} where no file can be kept`)
  }
}
