import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { CommandFailed } from '../failure.ts'

/**
 * Writes a file whole or not at all: a new one (`before` null), or one in the place of what was shown. Throws
 * {@link CommandFailed} where something else came there meanwhile, or where a link leads out of the directory.
 */
export function writeWhole(
  root: string,
  file: { path: string; content: string; before: string | null },
): void {
  const { path, content, before } = file
  refuseOutside(root, path)
  const target = join(root, path)
  mkdirSync(dirname(target), { recursive: true })
  const draft = `${target}.${randomBytes(6).toString('hex')}.draft`
  const mode = before === null ? 0o666 : lstatSync(target).mode & 0o777
  const descriptor = openSync(draft, 'wx', mode)
  try {
    try {
      writeSync(descriptor, content)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    if (before === null) linkNew(draft, target, path)
    else {
      if (!lstatSync(target).isFile() || readFileSync(target, 'utf8') !== before)
        throw new CommandFailed(`${path} has changed since it was shown: it is left as it is`)
      renameSync(draft, target)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Fails, where a rename would replace, if something is there by now. */
function linkNew(draft: string, target: string, path: string): void {
  try {
    linkSync(draft, target)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new CommandFailed(`${path} has appeared meanwhile: it is left as it is`)
    throw error
  }
}

/** Throws {@link CommandFailed} where a path leads out of the directory, as a link to a folder elsewhere does. */
export function refuseOutside(root: string, path: string): void {
  const realRoot = realpathSync(root)
  let folder = dirname(join(root, path))
  while (lstatSync(folder, { throwIfNoEntry: false }) === undefined) folder = dirname(folder)
  const way = relative(realRoot, realOrNull(folder) ?? sep)
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
    throw new CommandFailed(`${path} would lie outside this directory: a link leads there; write it by hand`)
}

/** Null for a link to nowhere. */
function realOrNull(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}
